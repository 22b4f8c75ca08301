/** The node-local role: whatever becomes of server and watcher, pods and the node are answered. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type Note, test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import type { ClientOptions, Lookups } from '../node-local/client.ts'
import { missing } from '../node-local/commands.ts'
import { BY_LOCAL, BY_SERVICE, LOCAL, LOCAL6, Node, SERVICE } from '../node-local/node.ts'

const skip = missing('nft', 'ip', 'conntrack', 'nsenter', 'unshare')

function onNode(name: string, body: (node: Node, note: Note) => Promise<void>, addresses?: string): void {
  const run = async (note: Note) => {
    const node = await Node.create(addresses)
    try {
      await body(node, note)
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\n${node.tail()}`, { cause })
    } finally {
      await node.end()
    }
  }
  test(`node-local: ${name}`, run, { skip })
}

/** A client at an easy pace, for as long as most tests need. */
const steady = (server: string, more: Partial<ClientOptions> = {}): ClientOptions => ({
  server,
  over: 'udp',
  everyMs: 2,
  forMs: 1500,
  timeoutMs: 1000,
  ...more,
})

async function started(node: Node) {
  equal((await node.role('prepare')).code, 0)
  const watcher = await node.watch()
  const server = await node.serve()
  await node.ready()
  return { watcher, server }
}

const shown = ({ asked, lost, refused, gapMs }: Lookups) =>
  `${asked} asked, ${lost} attempts lost (${refused} refused), longest gap ${gapMs.toFixed(0)} ms`

onNode('the server of the node is asked, from pods and by the node itself, without connection tracking', async node => {
  await started(node)
  for (const from of [node.pod, node.node]) {
    for (const server of [LOCAL, LOCAL6]) {
      for (const over of ['udp', 'tcp'] as const)
        equal(await node.who(from, server, over), BY_LOCAL, `${server} ${over}`)
    }
  }
  for (const family of ['ipv4', 'ipv6'])
    equal((await node.in(node.node, 'conntrack', ['-L', '-f', family])).includes('dport=53 '), false)
})

onNode('before there is any server or watcher, the Service answers under the address of the node', async node => {
  equal((await node.role('prepare')).code, 0)
  for (const from of [node.pod, node.node]) {
    for (const server of [LOCAL, LOCAL6]) {
      for (const over of ['udp', 'tcp'] as const)
        equal(await node.who(from, server, over), BY_SERVICE, `${server} ${over}`)
    }
  }
})

for (const { from, server, over } of [
  { from: 'pod', server: LOCAL, over: 'udp' },
  { from: 'pod', server: LOCAL, over: 'tcp' },
  { from: 'pod', server: LOCAL6, over: 'udp' },
  { from: 'node', server: LOCAL, over: 'udp' },
  { from: 'node', server: LOCAL, over: 'tcp' },
] as const) {
  onNode(
    `SIGKILL of the server: the next question is the Service's: ${from}, ${server}, ${over}`,
    async (node, note) => {
      const { server: process } = await started(node)
      let killedAtMs = 0
      const lookups = await node.ask(node[from], steady(server, { over }), async () => {
        killedAtMs = Date.now()
        process.signal('SIGKILL')
      })
      note(shown(lookups))
      equal(lookups.failed, 0)
      deepEqual(
        lookups.turns.map(({ who }) => who),
        [BY_LOCAL, BY_SERVICE],
      )
      const tookMs = lookups.turns[1]!.atMs - killedAtMs
      note(`the Service after ${tookMs} ms`)
      ok(tookMs < 1000, `${tookMs} ms`)
    },
  )
}
