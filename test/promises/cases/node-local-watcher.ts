/** The node-local role: what becomes of the node when its watcher ends, in whatever way, and what the commands leave. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf } from '../../harness/process.ts'
import { delay, eventually } from '../../harness/time.ts'
import { BY_LOCAL, BY_SERVICE, LOCAL, LOCAL6, type Node, SERVICE } from '../node-local/node.ts'
import { onNode, shown, started, steady, ways } from '../node-local/on-node.ts'

const MAX_ANONYMOUS_KB = 20_000
/** Until the kernel has deleted what a killed process held. */
const GONE_MS = 2000

const tables = async (node: Node) => (await node.in(node.node, 'nft', ['list', 'tables'])).trim().split('\n')
/** Memory that no other process shares and no file holds (proc(5), smaps). */
function anonymousKb(pid: number): number {
  return Number(/^Anonymous: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
}

const network = async (node: Node) => [
  await node.in(node.node, 'nft', ['list', 'ruleset']),
  await node.in(node.node, 'ip', ['-brief', 'address', 'show', 'dev', 'lo']),
]

onNode(
  'SIGKILL of the watcher: its table is gone, the Service answers; a new one, and the server is asked again',
  async (node, note) => {
    const { watcher } = await started(node)
    const lookups = await node.ask(node.pod, steady(LOCAL, { forMs: 3000 }), async () => {
      await watcher.stop('SIGKILL')
      await eventually(GONE_MS, 'the end of the table', async () => {
        deepEqual(await tables(node), ['table inet kube-proxy-stand-in', 'table inet sextant-fallback'])
      })
      await node.watch()
      await node.ready()
    })
    note(shown(lookups))
    deepEqual([lookups.failed, lookups.lost], [0, 0])
    deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE, BY_LOCAL])
  },
)

onNode('SIGKILL of nft alone: the watcher starts another', async node => {
  const { watcher } = await started(node)
  process.kill(childrenOf(watcher.pid)[0]!, 'SIGKILL')
  await watcher.line(/nft ended with SIGKILL: nothing is served/, GONE_MS)
  equal(await node.who(node.pod, LOCAL), BY_SERVICE)
  await eventually(5000, 'the server being asked again', async () => equal(await node.who(node.pod, LOCAL), BY_LOCAL))
})

onNode('two watchers side by side, each with its server: one leaves, and nobody notices', async (node, note) => {
  const { watcher, server } = await started(node)
  const socket = join(node.folder, 'successor.sock')
  const lookups = await node.ask(node.pod, steady(LOCAL, { forMs: 3000 }), async () => {
    await node.watch(socket)
    await node.serve(socket)
    await node.ready(socket)
    equal((await tables(node)).filter(name => name.includes('sextant-node-')).length, 2)
    await Promise.all([watcher.stop('SIGTERM'), server.stop('SIGTERM')])
  })
  note(shown(lookups))
  deepEqual([lookups.failed, lookups.lost], [0, 0])
  deepEqual(ways(lookups), [BY_LOCAL])
})

onNode(
  'server and watcher are told to leave together: what was begun over TCP is answered to its end',
  async (node, note) => {
    const { watcher, server } = await started(node)
    const options = steady(LOCAL, { over: 'tcp', keepsPort: true, everyMs: 10, forMs: 500 })
    const lookups = await node.ask(node.pod, options, async () => {
      watcher.signal('SIGTERM')
      server.signal('SIGTERM')
      await watcher.line(/nothing is served on the node/, GONE_MS)
      equal(await node.who(node.pod, LOCAL, 'tcp'), BY_SERVICE)
    })
    note(shown(lookups))
    deepEqual([lookups.lost, ways(lookups)], [0, [BY_LOCAL]])
    equal((await watcher.exited).code, 0)
  },
)

onNode(
  'remove leaves nothing behind',
  async node => {
    const before = await network(node)
    const { watcher, server } = await started(node)
    const early = await node.role('remove')
    equal(early.code, 1)
    match(early.stderr, /found tables of watchers that still run, expected none: sextant-node-/)
    await server.stop('SIGTERM')
    equal((await watcher.stop('SIGTERM')).code, 0)
    const { code, stdout } = await node.role('remove')
    equal(code, 0)
    match(stdout, /and the fallback/)
    deepEqual(await network(node), before)
    equal((await node.role('remove')).code, 0)
  },
  { addresses: `${LOCAL},${LOCAL6},${SERVICE}` },
)

onNode('a rollout that never serves leaves the fallback as it was, beside a watcher that does', async node => {
  const { server } = await started(node)
  const wrong = { SEXTANT_NODE_FALLBACK: '10.96.0.99,fd00:96::99' }
  equal((await node.role('prepare', [], node.socket, wrong)).code, 0)
  await server.stop('SIGKILL')
  for (const address of [LOCAL, LOCAL6]) equal(await node.who(node.pod, address), BY_SERVICE)
})

onNode('a new watcher whose server serves has the fallback that it asks for', async node => {
  const { watcher, server } = await started(node)
  const socket = join(node.folder, 'successor.sock')
  await node.watch(socket, ['env', `SEXTANT_NODE_FALLBACK=${SERVICE}`])
  const fallback = async () => node.in(node.node, 'nft', ['list', 'table', 'inet', 'sextant-fallback'])
  match(await fallback(), /ip6 daddr/)
  await node.serve(socket)
  await node.ready(socket)
  await eventually(2000, 'its fallback', async () => equal((await fallback()).includes('ip6 daddr'), false))
  await Promise.all([watcher.stop('SIGTERM'), server.stop('SIGTERM')])
})

onNode('a server on every address: the watcher says what it expected', async node => {
  const watcher = await node.watch()
  const server = await node.serve()
  await node.ready()
  writeFileSync(join(node.folder, 'Corefile'), '. {\n  whoami\n}\n')
  server.signal('SIGUSR1')
  await watcher.line(/found a server that serves no address on port 53, expected 169\.254\.20\.10, fd00::10/, 5000)
  equal((await node.role('ready')).code, 1)
})

onNode('what others take away is given again', async node => {
  const { watcher } = await started(node)
  await node.in(node.node, 'ip', ['address', 'delete', `${LOCAL}/32`, 'dev', 'lo'])
  await node.in(node.node, 'nft', ['delete', 'table', 'inet', 'sextant-fallback'])
  await watcher.line(/found no 169\.254\.20\.10 on lo: given again/, 15_000)
  await watcher.line(/found no table "sextant-fallback": made again/, 15_000)
  equal(await node.who(node.pod, LOCAL), BY_LOCAL)
})

onNode('ready: says whether the server of this watcher serves, and what is missing', async node => {
  const nobody = await node.role('ready')
  equal(nobody.code, 1)
  match(nobody.stderr, /watcher\.sock: connect ENOENT .*, expected a watcher/)
  await node.watch()
  const noServer = await node.role('ready')
  equal(noServer.code, 1)
  match(noServer.stderr, /no: found no server at 169\.254\.20\.10, fd00::10/)
  await node.serve()
  await node.ready()
})

onNode('without the right to change the network: an error that says so', async node => {
  for (const command of ['prepare', 'watch']) {
    const { code, stderr } = await node.role(command, ['setpriv', '--bounding-set=-net_admin'])
    equal(code, 1)
    match(stderr, /^node-local: "ip .*" ended with code 2: .*not permitted.*NET_ADMIN/s)
  }
})

onNode('as its container is: root with two capabilities, no new privileges; and small', async (node, note) => {
  const watcher = await node.watch(node.socket, [
    'setpriv',
    '--bounding-set=-all,+net_admin,+net_bind_service',
    '--inh-caps=-all',
    '--no-new-privs',
  ])
  await node.serve()
  await node.ready()
  await delay(2000) // two heartbeats
  const [own, nft] = [watcher.pid, ...childrenOf(watcher.pid)].map(anonymousKb)
  note(`${own} kB of its own, ${nft} kB of nft's`)
  ok(own! + nft! < MAX_ANONYMOUS_KB)
  equal(await node.who(node.pod, LOCAL), BY_LOCAL)
})
