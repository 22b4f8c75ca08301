/**
 * A warm start: the server is killed, the API server goes away, and the server starts again from its snapshot.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { ask, dig, type Reply } from '../ask.ts'
import { service } from '../objects.ts'
import type { Server } from '../server.ts'
import { STOCK_COREFILE, seen, startServer, WEB, WEB_IP, world } from '../world.ts'

const FILE = '/run/sextant.snapshot'
const COREFILE = STOCK_COREFILE.replace('       ttl 30\n', `       ttl 30\n       snapshot ${FILE}\n`)
const WEB_REVERSE = `${WEB_IP.split('.').reverse().join('.')}.in-addr.arpa`
/** Backoff of a client that lost its server grows to 30 s. */
const CONVERGE_MS = 45_000
const STALE = /^; EDE: 3 \(Stale Answer\): \(snapshot of 20.*Z\)$/m

async function writes(server: Server): Promise<number> {
  return (await server.metrics()).sum('sextant_kubernetes_snapshot_writes_total', { file: FILE }) ?? 0
}

test(
  'snapshot: killed, started while the API server is away, answers from it at once, reconciles later',
  async note => {
    const { client, cluster } = world()
    const gone = service('default', 'ghost', { clusterIP: '10.96.31.1' })
    await cluster.api.create(gone)
    const server = await startServer('warm', { corefile: COREFILE })
    await server.ready()
    await seen(server.ip, 'ghost.default.svc.cluster.local', 'A', ['10.96.31.1'], 2000)
    await eventually(60_000, 'the snapshot being written', async () => {
      if ((await writes(server)) === 0) throw new Error('it is not yet')
    })
    // What came after the first snapshot is in the one that the end writes.
    await server.child.stop('SIGTERM', 20_000)
    await cluster.stopApiserver()
    await cluster.behind(async api => {
      await api.delete(gone)
      await api.create(service('default', 'fresh', { clusterIP: '10.96.31.2' }))
    })

    server.launch()
    const tookMs = await eventually(4000, 'the first answer', async () => {
      deepEqual((await ask(server.ip, WEB, 'A', 200)).data, [WEB_IP])
    })
    note(`first answer ${tookMs.toFixed(0)} ms after the start`)
    const stale = (reply: Reply, data: readonly string[]) => {
      deepEqual(
        reply.answer.map(each => each.data),
        data,
      )
      for (const { ttl } of reply.answer) equal(ttl, 5)
      match(reply.text, STALE)
    }
    stale(await dig(client, `@${server.ip}`, WEB, 'A'), [WEB_IP])
    stale(await dig(client, `@${server.ip}`, 'ghost.default.svc.cluster.local', 'A'), ['10.96.31.1'])
    stale(await dig(client, `@${server.ip}`, WEB_REVERSE, 'PTR'), [`${WEB}.`])
    for (const name of ['fresh.default.svc.cluster.local', 'nobody.default.svc.cluster.local'])
      equal((await dig(client, `@${server.ip}`, name, 'A')).rcode, 'SERVFAIL', name)
    deepEqual((await ask(server.ip, 'www.example.test', 'A')).data, ['198.51.100.1'])
    equal((await server.http(8181, '/ready')).status, 200)
    equal((await server.metrics()).sum('sextant_kubernetes_snapshot_in_use', { file: FILE }), 1)

    await cluster.startApiserver()
    const convergedMs = await seen(server.ip, 'ghost.default.svc.cluster.local', 'A', 'NXDOMAIN', CONVERGE_MS)
    note(`reconciled ${convergedMs.toFixed(0)} ms after the API server`)
    await seen(server.ip, 'fresh.default.svc.cluster.local', 'A', ['10.96.31.2'], 2000)
    // In its first second an API server may refuse what it will grant: until the last resource is there, answers are stale.
    await eventually(CONVERGE_MS, 'the snapshot being out of use', async () => {
      equal((await server.metrics()).sum('sextant_kubernetes_snapshot_in_use', { file: FILE }), 0)
    })
    const reply = await dig(client, `@${server.ip}`, WEB, 'A')
    equal(reply.text.includes('EDE'), false)
    equal(reply.answer[0]!.ttl, 30)
    await server.stop()
  },
  { timeoutMs: 180_000, coredns: 'CoreDNS has no snapshots' },
)

test(
  'snapshot: a file system that is read-only is one line, and answers do not depend on it',
  async () => {
    const server = await startServer('read-only', { corefile: COREFILE.replace(FILE, '/etc/sextant.snapshot') })
    await server.ready()
    await server.child.line(/\[WARN\] plugin\/kubernetes: snapshot ".*" cannot be written.*EROFS/, 30_000)
    deepEqual((await ask(server.ip, WEB, 'A')).data, [WEB_IP])
    equal((await server.http(8181, '/ready')).status, 200)
    equal(server.child.lines.filter(line => line.includes('cannot be written')).length, 1)
    await server.stop()
  },
  { timeoutMs: 60_000, coredns: 'CoreDNS has no snapshots' },
)
