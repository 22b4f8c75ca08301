/** The node-local role: whatever becomes of the server, pods and the node are answered. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { delay } from '../../harness/time.ts'
import { BY_LOCAL, BY_NEAR, BY_SERVICE, LOCAL, LOCAL6, NEAR, SERVICE, SERVICE6 } from '../node-local/node.ts'
import { onNode, shown, started, steady, ways } from '../node-local/on-node.ts'

/** Of the node's own questions, one each 10 ms: as a reload closes a socket, until the watcher has told the kernel. */
const MAX_DROPPED = 5

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

onNode('who asks the node and the Service from one port is answered by the address that was asked', async node => {
  equal((await node.role('prepare')).code, 0)
  const asked = [LOCAL, SERVICE, LOCAL, SERVICE]
  for (const from of [node.pod, node.node]) {
    const script = join(import.meta.dirname, '../node-local/one-port.ts')
    const answered = await node.in(from, process.execPath, [script, ...asked])
    deepEqual(answered.trim().split('\n'), asked)
  }
})

onNode(
  'an endpoint on the same node, behind the same bridge as the pod, answers too',
  async node => {
    equal((await node.role('prepare')).code, 0)
    await node.lead(NEAR)
    for (const from of [node.pod, node.node]) {
      for (const server of [LOCAL, LOCAL6]) {
        for (const over of ['udp', 'tcp'] as const)
          equal(await node.who(from, server, over), BY_NEAR, `${server} ${over}`)
      }
    }
  },
  // As for every Service: without it a bridge keeps replies from whoever translates them.
  { skip: existsSync('/proc/sys/net/bridge') ? undefined : 'needs the kernel module br_netfilter' },
)

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

onNode('a server that hangs: the Service answers within 1.5 s', async (node, note) => {
  const { server } = await started(node)
  let hungAtMs = 0
  const lookups = await node.ask(
    node.pod,
    steady(LOCAL, { everyMs: 50, forMs: 4000, timeoutMs: 100, attempts: 100 }),
    async () => {
      hungAtMs = Date.now()
      server.signal('SIGSTOP')
    },
  )
  equal(lookups.failed, 0)
  deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE])
  const tookMs = lookups.turns[1]!.atMs - hungAtMs
  note(`the Service after ${tookMs} ms`)
  ok(tookMs < 2000, `${tookMs} ms`)
  server.signal('SIGCONT')
  await node.ready()
  equal(await node.who(node.pod, LOCAL), BY_LOCAL)
})

for (const over of ['udp', 'tcp'] as const) {
  onNode(`SIGTERM of the server and a new one: nothing is lost over ${over}`, async (node, note) => {
    const { server } = await started(node)
    const lookups = await node.ask(node.pod, steady(LOCAL, { over, forMs: 3000 }), async () => {
      await server.stop('SIGTERM')
      await node.serve()
    })
    note(shown(lookups))
    deepEqual([lookups.failed, lookups.lost], [0, 0])
    deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE, BY_LOCAL])
  })
}

onNode('a client that keeps its port goes from server to Service and back', async (node, note) => {
  const { server } = await started(node)
  const options = steady(LOCAL, { keepsPort: true, everyMs: 10, forMs: 4000, timeoutMs: 500, attempts: 4 })
  const lookups = await node.ask(node.pod, options, async () => {
    await server.stop('SIGKILL')
    await delay(1000)
    await node.serve()
  })
  note(shown(lookups))
  equal(lookups.failed, 0)
  deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE, BY_LOCAL])
})

onNode(
  'a Service address is taken over while it is served, and given back',
  async (node, note) => {
    const { server } = await started(node)
    for (const from of [node.pod, node.node]) equal(await node.who(from, SERVICE), BY_LOCAL)
    // The node has it for five minutes at most when nobody asks for more, and its own address for good.
    const lo = await node.in(node.node, 'ip', ['-4', 'address', 'show', 'dev', 'lo'])
    match(lo, /inet 10\.96\.0\.10\/32 .*\n +valid_lft (?:300|29\d)sec/)
    match(lo, /inet 169\.254\.20\.10\/32 .*\n +valid_lft forever/)
    const lookups = await node.ask(node.pod, steady(SERVICE, { forMs: 3000 }), async () => {
      await server.stop('SIGTERM')
      await node.serve()
    })
    note(shown(lookups))
    deepEqual([lookups.failed, lookups.lost], [0, 0])
    deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE, BY_LOCAL])
  },
  { addresses: `${LOCAL},${LOCAL6},${SERVICE}` },
)

onNode(
  'a Service address that is taken over and not served: what the node itself asks has a source that can be answered',
  async node => {
    equal((await node.role('prepare')).code, 0)
    // No endpoint has a way back to an address that its own node has too.
    const strict = 'type filter hook postrouting priority 350; oifname br2 ip saddr 10.96.0.10 drop;'
    await node.in(node.node, 'nft', [`table inet strict { chain post { ${strict} }; }`])
    for (const from of [node.pod, node.node]) {
      for (const over of ['udp', 'tcp'] as const) equal(await node.who(from, SERVICE, over), BY_SERVICE, over)
    }
  },
  { addresses: `${LOCAL},${LOCAL6},${SERVICE}` },
)

onNode(
  'addresses of IPv6 are no source of what the node asks others, also where a device has none of its own',
  async node => {
    // Such a device, as those to pods are with many networks.
    for (const command of [
      'link add bare type veth peer name end',
      'link set end up',
      'link set bare up',
      '-6 route add fd00:0:99::/64 dev bare',
    ]) {
      await node.in(node.node, 'ip', command.split(' '))
    }
    const source = async () =>
      / src (\S+)/.exec(await node.in(node.node, 'ip', ['-6', 'route', 'get', 'fd00:0:99::9']))?.[1]
    const before = await source()
    equal((await node.role('prepare')).code, 0)
    const lo = await node.in(node.node, 'ip', ['-6', 'address', 'show', 'dev', 'lo'])
    match(lo, /inet6 fd00::10\/128 .*\n +valid_lft forever/)
    match(lo, /inet6 fd00:96::10\/128 .*\n +valid_lft (?:300|29\d)sec/)
    match(before!, /^fd00:[12]::1$/)
    equal(await source(), before)
  },
  { addresses: `${LOCAL},${LOCAL6},${SERVICE6}` },
)

for (const from of ['pod', 'node'] as const) {
  onNode(`an address that a reload drops is the Service's at once: ${from}`, async (node, note) => {
    const { server } = await started(node)
    const options = steady(LOCAL, { everyMs: 10, timeoutMs: 500, attempts: 4 })
    const lookups = await node.ask(node[from], options, async () => {
      writeFileSync(join(node.folder, 'Corefile'), `. {\n  bind ${LOCAL6}\n  whoami\n}\n`)
      server.signal('SIGUSR1')
    })
    note(shown(lookups))
    deepEqual([lookups.failed, ways(lookups)], [0, [BY_LOCAL, BY_SERVICE]])
    ok(lookups.lost <= MAX_DROPPED, `${lookups.lost} were dropped`)
  })
}

const CRASHES = 5
/** glibc's 5 s for the datagrams that were in a dead server's socket, and the look-ups after the last crash. */
const LOAD_MS = 9000

onNode(`1,000 look-ups a second while the server is killed ${CRASHES} times: none fails`, async (node, note) => {
  let { server } = await started(node)
  const options = { server: LOCAL, over: 'udp', everyMs: 10, atOnce: 10, forMs: LOAD_MS } as const
  const lookups = await node.ask(node.pod, options, async () => {
    for (let i = 0; i < CRASHES; i++) {
      await server.stop('SIGKILL')
      await delay(500)
      server = await node.serve()
      await delay(500)
    }
  })
  note(shown(lookups))
  equal(lookups.failed, 0)
  equal(ways(lookups).filter(who => who === BY_SERVICE).length, CRASHES)
  ok(lookups.gapMs < 1000, `${lookups.gapMs} ms`)
})
