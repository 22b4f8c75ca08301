/**
 * The tests of `lab ends`: however the lab ends, nothing of it is left on the machine. They bring up a lab each, so none may be up
 * before.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Child, childrenOf, must, stopAll } from '../harness/process.ts'
import { runTests, test } from '../harness/suite.ts'
import { eventually, within } from '../harness/time.ts'
import { findLab, UP, UP_ALREADY } from './socket.ts'

const RUN = join(import.meta.dirname, 'run.ts')
const KEEPER = join(import.meta.dirname, 'keeper.ts')
const UP_MS = 180_000
const GONE_MS = 15_000
/** When all sorts of things are half made: images are imported, kubelets start. */
const HALFWAY = /nodes: containerd/
/** Set for the whole machine by a kubelet or kube-proxy that is let. */
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
  'net/netfilter/nf_conntrack_max',
]

interface Machine {
  links: string
  routes: string
  mounts: number
  sysctls: string[]
  cgroups: string[]
}

async function machine(): Promise<Machine> {
  const sysctls = globSync(SYSCTLS.map(name => join('/proc/sys', name))).sort()
  return {
    links: await must('ip', ['-brief', 'link']),
    routes: await must('ip', ['route']),
    mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').length,
    sysctls: sysctls.map(path => `${path}=${readFileSync(path, 'utf8').trim()}`),
    cgroups: globSync('/sys/fs/cgroup/{*/,}sextant-lab'),
  }
}

/** Those in the process namespace `id`; those of namespaces below it end with its process 1. */
function processesOf(id: string): number[] {
  const pids = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
  return pids.filter(pid => pidNamespace(pid) === id)
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return undefined
  }
}

/** Brings a lab up to a line that matches, does `end` to it, and finds the machine as it was. */
async function leavesNothing(
  until: RegExp,
  end: (command: Child, keeper: number) => Promise<unknown> | unknown,
): Promise<void> {
  equal(await findLab(), undefined, 'a lab is up')
  const before = await machine()
  const command = new Child('lab', process.execPath, [RUN, 'up'])
  try {
    await command.line(until, UP_MS)
    const lab = (await findLab())!
    lab.socket.on('error', () => undefined).end()
    const namespace = pidNamespace(lab.pid)!
    ok(processesOf(namespace).length > 3, 'the lab has processes')
    await end(command, parentOf(parentOf(lab.pid)))
    await eventually(
      GONE_MS,
      'the end of the lab',
      async () => {
        equal(await findLab(), undefined)
        deepEqual(processesOf(namespace), [])
        deepEqual(await machine(), before)
      },
      200,
    )
  } finally {
    await command.stop('SIGKILL')
    await new Child('down', process.execPath, [RUN, 'down']).exited
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}

/** On the switch, on a node, in a pod, and where there is none. */
const SHELLS: readonly [string[], number][] = [
  [[], 0],
  [['node-2'], 0],
  [['glibc'], 0],
  [['node-3'], 1],
]
const TIMEOUT = { timeoutMs: UP_MS + 30_000 }
const UP_LINE = new RegExp(UP)

test('where control groups may only be read, check says so', async () => {
  const cover = 'mount -t tmpfs none "$0" && mkdir "$0/memory" && mount -o remount,ro "$0" && exec "$@"'
  const covered = ['--mount', 'sh', '-c', cover, '/sys/fs/cgroup']
  const check = new Child('check', 'unshare', [...covered, process.execPath, RUN, 'check'])
  equal((await check.exited).code, 1)
  match(check.tail(), /it has to make control groups: EROFS/)
})
test('taken back before it has begun', async () => {
  const before = await machine()
  // Its standard input is at its end when it starts.
  const keeper = new Child('keeper', 'sh', ['-c', ': | exec "$0" "$1" --tied', process.execPath, KEEPER])
  await within(GONE_MS, 'its end', keeper.exited)
  equal(await findLab(), undefined)
  deepEqual(await machine(), before)
})
test(
  'Ctrl-C on the way up',
  () =>
    leavesNothing(HALFWAY, async command => {
      command.signal('SIGINT')
      equal((await command.exited).code, 130)
    }),
  TIMEOUT,
)
test(
  'SIGKILL of the command on the way up',
  () => leavesNothing(HALFWAY, command => command.signal('SIGKILL')),
  TIMEOUT,
)
test('SIGKILL of the keeper', () => leavesNothing(UP_LINE, (_, keeper) => process.kill(keeper, 'SIGKILL')), TIMEOUT)
test(
  'SIGKILL of process 1 of the lab',
  () => leavesNothing(UP_LINE, (_, keeper) => process.kill(childrenOf(childrenOf(keeper)[0]!)[0]!, 'SIGKILL')),
  TIMEOUT,
)
test(
  'down, after a second lab and second tests were refused and did it no harm, and shells were opened',
  () =>
    leavesNothing(UP_LINE, async () => {
      // As two commands do that found no lab: run.ts asks before.
      const second = new Child('second', process.execPath, [KEEPER])
      equal((await second.exited).code, 1)
      match(second.tail(), new RegExp(UP_ALREADY))
      const first = await findLab()
      first?.socket.end()
      equal(first?.isUp, true)
      const twice = [1, 2].map(() => new Child('test', process.execPath, [RUN, 'test', 'resolv.conf']))
      const codes = await Promise.all(twice.map(async run => (await run.exited).code))
      const tails = twice.map(run => run.tail()).join('\n')
      deepEqual(codes.sort(), [0, 1], tails)
      match(tails, /other tests run in this lab already/)
      // Their standard input is at its end.
      for (const [words, want] of SHELLS) {
        const shell = new Child('shell', process.execPath, [RUN, 'shell', ...words])
        equal((await shell.exited).code, want, shell.tail())
      }
      equal((await new Child('down', process.execPath, [RUN, 'down']).exited).code, 0)
    }),
  TIMEOUT,
)

const count = await runTests(process.argv.slice(2), false, async () => '')
await stopAll()
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0)
