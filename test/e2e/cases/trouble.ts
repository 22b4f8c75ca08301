/**
 * Between server and API server: packets that are dropped, connections whose other end is gone, rights that are taken
 * away and given back; and what comparing costs. More troubles, on a fake clock, are in test/plugins/kubernetes/trouble.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { dig } from '../ask.ts'
import { account, service, slice } from '../objects.ts'
import type { Server } from '../server.ts'
import { askThroughout, STOCK_COREFILE, seen, startServer, WEB, WEB_IP, world } from '../world.ts'

const CONVERGE_MS = 5_000
const HALF_OPEN_MS = 45_000
const NOBODY = '02:00:00:00:00:ff'

/** What the API server sends to a pod is lost on the way; the result ends that. */
async function cutOff(server: Server): Promise<() => Promise<void>> {
  const neighbour = ['neigh', 'replace', server.ip, 'dev', 'br0', 'lladdr']
  await must('ip', [...neighbour, NOBODY, 'nud', 'permanent'])
  return async () => void (await must('ip', ['neigh', 'del', server.ip, 'dev', 'br0']))
}

/** Asks from another pod for so long; the suite itself is cut off like the API server. */
async function askFromClient(server: Server, ms: number): Promise<number> {
  const { client } = world()
  const start = performance.now()
  for (let asked = 0; ; asked++) {
    if (performance.now() - start > ms) return asked
    equal((await dig(client, `@${server.ip}`, WEB, 'A')).answer[0]?.data, WEB_IP)
    equal((await dig(client, `@${server.ip}`, 'nobody.default.svc.cluster.local', 'A')).rcode, 'NXDOMAIN')
    await delay(500)
  }
}

test(
  'a minute without a way to the API server: last known answers, then current within 5 s',
  async note => {
    const { cluster } = world()
    const server = await startServer('cut-off')
    await server.ready()
    const back = await cutOff(server)
    const asked = await askFromClient(server, 60_000)
    await cluster.api.create(service('default', 'meanwhile', { clusterIP: '10.96.32.1' }))
    await back()
    const tookMs = await seen(server.ip, 'meanwhile.default.svc.cluster.local', 'A', ['10.96.32.1'], CONVERGE_MS)
    note(`${2 * asked} answered, caught up after ${tookMs.toFixed(0)} ms`)
    await server.stop()
  },
  { timeoutMs: 120_000, coredns: 'client-go backs off to 30 s' },
)

test(
  'the other end of all connections is gone without a word: current within 45 s',
  async note => {
    const { cluster } = world()
    const server = await startServer('half-open')
    await server.ready()
    await delay(2_000)
    const back = await cutOff(server)
    // What a process leaves behind repeats its last word for minutes; here it does not.
    writeFileSync('/proc/sys/net/ipv4/tcp_orphan_retries', '1')
    await cluster.stopApiserver()
    await askFromClient(server, 8_000)
    await cluster.startApiserver()
    await back()
    await cluster.api.create(service('default', 'afterwards', { clusterIP: '10.96.32.2' }))
    const tookMs = await seen(server.ip, 'afterwards.default.svc.cluster.local', 'A', ['10.96.32.2'], HALF_OPEN_MS)
    note(`caught up after ${tookMs.toFixed(0)} ms`)
    await server.stop()
  },
  { timeoutMs: 150_000 },
)

test(
  'rights taken away and given back: one line, last known answers, then current within 5 s',
  async note => {
    const { cluster } = world()
    const rights: [string, string][] = [
      ['', 'services'],
      ['discovery.k8s.io', 'endpointslices'],
      ['', 'namespaces'],
    ]
    const objects = account('deprived', rights)
    for (const object of objects) await cluster.api.create(object)
    const server = await startServer('deprived', { token: await cluster.api.token('kube-system', 'deprived') })
    await server.ready()
    await cluster.api.patch(objects[1]!, { rules: [] })
    // Watches that are open go on; a restart ends them.
    const outage = async () => {
      await cluster.stopApiserver()
      await cluster.startApiserver()
      await server.child.line(/no permission to (list|watch)/, 15_000)
      await delay(6_000)
    }
    const { asked, wrong } = await askThroughout(server, outage())
    deepEqual(wrong, [])
    equal((await server.http(8181, '/ready')).status, 200)
    await cluster.api.create(service('default', 'entitled', { clusterIP: '10.96.32.3' }))
    await cluster.api.patch(objects[1]!, { rules: account('deprived', rights)[1]!.rules })
    const tookMs = await seen(server.ip, 'entitled.default.svc.cluster.local', 'A', ['10.96.32.3'], CONVERGE_MS)
    const lines = server.child.lines.filter(line => /no permission to/.test(line))
    ok(lines.length <= rights.length, lines.join('\n'))
    note(`${asked} answered, caught up ${tookMs.toFixed(0)} ms after the grant`)
    await server.stop()
  },
  { timeoutMs: 90_000, coredns: 'client-go backs off to 30 s' },
)

test(
  'a comparison of 1,000 services and 1,000 slices: what it costs, and nothing to mend',
  async note => {
    const { cluster } = world()
    const corefile = STOCK_COREFILE.replace(/(kubernetes [^{]*\{)/, '$1\n compare 1m\n')
    const objects = Array.from({ length: 1_000 }, (_, i) => {
      const name = `compared-${i}`
      return [
        service('default', name, { clusterIP: 'None' }),
        slice('default', name, [{ ip: `10.244.${60 + (i >> 8)}.${i & 255}` }]),
      ]
    }).flat()
    for (let i = 0; i < objects.length; i += 50) {
      await Promise.all(objects.slice(i, i + 50).map(object => cluster.api.create(object)))
    }
    const server = await startServer('comparing', { corefile })
    await server.ready()
    await delay(5_000)
    const { body } = await server.http(8181, '/ready')
    match(body, /^OK\nkubernetes: cluster.local: namespaces [\d.]+ s, services [\d.]+ s, endpointslices [\d.]+ s$/)
    const before = { octets: await received(server), requests: await requests(server) }
    await eventually(
      70_000,
      'all being compared',
      async () => ok((await received(server)) - before.octets > 500_000),
      1_000,
    )
    await delay(5_000)
    const octets = (await received(server)) - before.octets
    const count = (await requests(server)) - before.requests
    const metrics = await server.metrics()
    equal(metrics.sum('sextant_kubernetes_drift_total') ?? 0, 0)
    ok(metrics.sum('sextant_kubernetes_view_age_seconds', { resource: 'services' })! < 60)
    note(`${(octets / 1e3).toFixed(0)} kB received, ${count} requests, watches that were renewed among them`)
    await server.stop()
    for (let i = 0; i < objects.length; i += 50) {
      await Promise.all(objects.slice(i, i + 50).map(object => cluster.api.delete(object)))
    }
  },
  { timeoutMs: 150_000, coredns: 'never compares' },
)

async function received(server: Server): Promise<number> {
  const [link] = JSON.parse(await server.pod.must('ip', ['-json', '-stats', 'link', 'show', 'dev', 'eth0']))
  return link.stats64.rx.bytes
}

async function requests(server: Server): Promise<number> {
  return (await server.metrics()).sum('coredns_kubernetes_rest_client_requests_total') ?? 0
}
