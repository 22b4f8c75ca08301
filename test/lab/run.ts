/** Entry of `npm run lab -- up [-v] | test [PART-OF-A-NAME…] | life … | node-local … | all … | ends … | shell [POD] | down | check`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { extendPath, obstacles } from './machine.ts'
import { DAEMONS, KUBECONFIG, NODES } from './place.ts'
import { findLab, type Lab, UP, UP_ALREADY } from './socket.ts'

const USAGE = `usage: npm run lab -- COMMAND
  up [-v]         two nodes, a control plane and the addon; -v prints commands and files that make them
  test [NAME...]  the tests whose name contains one of these; brings a lab up for itself if there is none
  life [NAME...]  what happens to an addon in its life, under 1,000 lookups a second; else as test
  node-local [NAME...]  the cache on every node, from its rollout to its end; else as test
  all [NAME...]   test, life and node-local in one lab
  ends [NAME...]  that nothing is left, however a lab ends
  shell [NAME]    a shell in a pod of namespace default, on a node (node-1, node-2), or on the switch, where kubectl is set up
  down            takes everything down
  check           says why the lab cannot run here, if it cannot`

/** Of commands that take no names. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = { up: ['-v'], down: [], check: [] }

interface Start {
  /** Of the keeper that failed; 0: the lab is up. */
  code: number
  /** Takes a tied lab down. */
  end: () => Promise<unknown>
}

/** Brings the lab up; `tied`: it goes down as soon as this process ends, however it does. */
async function up(args: readonly string[], tied: boolean): Promise<Start> {
  const flags = [...args, ...(tied ? ['--tied'] : [])]
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), ...flags], {
    detached: true,
    // Not this process's own: who reads those would wait as long as the lab is up.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(keeper, 'exit')
  const end = (): Promise<unknown> => {
    keeper.stdin!.end()
    return ended
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, async () => {
      console.log('taking the lab down')
      await end()
      process.exit(130)
    })
  }
  keeper.stderr!.pipe(process.stderr)
  const isUp = new Promise<void>(done => {
    keeper.stdout!.on('data', (data: Buffer) => {
      process.stdout.write(data)
      if (data.toString().includes(UP)) done()
    })
  })
  await Promise.race([isUp, ended])
  return { code: keeper.exitCode ?? (keeper.signalCode === null ? 0 : 1), end }
}

/** Runs `command` in the lab's namespaces, on this terminal. Its exit code. */
function inLab({ pid, socket }: Lab, command: readonly string[]): Promise<number> {
  socket.end()
  return runHere(['nsenter', '--target', String(pid), '--net', '--mount', '--pid', '--', ...command])
}

async function runHere([command, ...args]: readonly string[]): Promise<number> {
  const env = { ...process.env, KUBECONFIG, LC_ALL: 'C' }
  const [code] = (await once(spawn(command!, args, { stdio: 'inherit', env }), 'exit')) as [number | null]
  return code ?? 1
}

async function existing(): Promise<Lab | undefined> {
  const lab = await findLab()
  if (lab === undefined || lab.isUp) return lab
  throw new Error('the lab is still coming up')
}

/** @param words those of suite.ts */
async function test(words: readonly string[]): Promise<number> {
  const suite = [process.execPath, join(import.meta.dirname, 'suite.ts'), ...words]
  const lab = await existing()
  if (lab !== undefined) return inLab(lab, suite)
  const { code, end } = await up([], true)
  if (code !== 0) {
    console.log('0 passed, 1 failed')
    return code
  }
  try {
    return await inLab((await existing())!, suite)
  } finally {
    await end()
  }
}

/** @param name of a pod or of a node; none: the switch */
async function shell(name: string | undefined): Promise<number> {
  const lab = await existing()
  if (lab === undefined) throw new Error('no lab is up: npm run lab -- up')
  const own = process.env.SHELL ?? 'sh'
  if (name === undefined) return inLab(lab, [own])
  if (NODES.some(node => node.name === name)) {
    const pid = `"$(sed -E 's/.*"pid":([0-9]+).*/\\1/' ${join(DAEMONS, `${name}.json`)})"`
    return inLab(lab, ['sh', '-c', `exec nsenter --target ${pid} --net --mount --uts -- "$0"`, own])
  }
  const terminal = process.stdin.isTTY ? '-it' : '-i'
  return inLab(lab, ['kubectl', 'exec', terminal, name, '--', '/bin/sh'])
}

async function down(): Promise<number> {
  const lab = await findLab()
  if (lab === undefined) {
    console.log('no lab is up')
    return 0
  }
  lab.socket.on('error', () => undefined).write('down')
  if (!lab.socket.closed) await once(lab.socket.resume(), 'close')
  console.log(`the lab is down (${(performance.now() / 1000).toFixed(1)} s)`)
  return 0
}

async function main(): Promise<number> {
  const [command, ...args] = process.argv.slice(2)
  const allowed = OPTIONS[command ?? '']
  const unknown = allowed && args.find(arg => !allowed.includes(arg))
  if (unknown !== undefined)
    throw new Error(`found "${unknown}", expected ${allowed!.join(' ') || 'nothing'} after "${command}"`)
  if (command === 'down') return down()
  if (!['up', 'test', 'life', 'node-local', 'all', 'ends', 'shell', 'check'].includes(command ?? '')) {
    console.error(USAGE)
    return 2
  }
  await extendPath()
  const reasons = await obstacles()
  if (reasons.length > 0) {
    console.error(`the lab cannot run here: ${reasons.join('; ')}`)
    return 1
  }
  if (command === 'check') return 0
  if (command === 'test') return test(args)
  if (command === 'life' || command === 'node-local' || command === 'all') return test([`--${command}`, ...args])
  if (command === 'shell') return shell(args[0])
  const lab = await findLab()
  lab?.socket.end()
  if (lab !== undefined) throw new Error(UP_ALREADY)
  if (command === 'ends') return runHere([process.execPath, join(import.meta.dirname, 'ends.ts'), ...args])
  return (await up(args, false)).code
}

try {
  process.exit(await main())
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
