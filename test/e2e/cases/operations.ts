/**
 * Health, readiness, metrics, pid file, ports and the end of the process: what a node does with the server.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { childrenOf } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually, within } from '../../harness/time.ts'
import { ask } from '../ask.ts'
import { PID_FILE } from '../server.ts'
import { askThroughout, startServer, WEB, WEB_IP, world } from '../world.ts'

test('health: 200 OK on 8080', async () => {
  deepEqual(await world().server.http(8080, '/health'), { status: 200, body: 'OK' })
})

test('ready: 200 OK on 8181, and how old the view of each resource is', async () => {
  const { status, body } = await world().server.http(8181, '/ready')
  equal(status, 200)
  match(body, /^OK\nkubernetes: cluster.local: namespaces [\d.]+ s, services [\d.]+ s, endpointslices [\d.]+ s$/)
})

test('the process lists what it serves', async () => {
  await world().server.child.line(/^\.:53$/, 1000)
})

const NAMES = [
  'coredns_build_info',
  'coredns_panics_total',
  'coredns_plugin_enabled',
  'coredns_dns_requests_total',
  'coredns_dns_request_duration_seconds',
  'coredns_dns_request_size_bytes',
  'coredns_dns_response_size_bytes',
  'coredns_dns_responses_total',
  'coredns_dns_do_requests_total',
  'coredns_cache_entries',
  'coredns_cache_requests_total',
  'coredns_cache_hits_total',
  'coredns_cache_misses_total',
  'coredns_forward_healthcheck_broken_total',
  'coredns_forward_max_concurrent_rejects_total',
  'coredns_proxy_request_duration_seconds',
  'coredns_proxy_conn_cache_hits_total',
  'coredns_proxy_conn_cache_misses_total',
  'coredns_health_request_duration_seconds',
  'coredns_health_request_failures_total',
  'coredns_kubernetes_rest_client_requests_total',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
]

test('metrics: the names that dashboards and alerts of CoreDNS ask for', async () => {
  const { client, server } = world()
  await client.must('dig', ['+dnssec', 'www.example.test', 'A'])
  for (let i = 0; i < 2; i++) await client.must('dig', ['www.example.test', 'A'])
  const { names } = await server.metrics()
  deepEqual(
    NAMES.filter(name => !names.has(name)),
    [],
  )
})

test('metrics: labels', async () => {
  const metrics = await world().server.metrics()
  const dns = ['server', 'view', 'zone']
  const labels = (name: string): string[] => metrics.labelNames(name)
  deepEqual(labels('coredns_dns_requests_total'), ['family', 'proto', 'server', 'type', 'view', 'zone'])
  deepEqual(labels('coredns_dns_responses_total'), ['plugin', 'rcode', 'server', 'view', 'zone'])
  deepEqual(labels('coredns_dns_request_duration_seconds_count'), dns)
  deepEqual(labels('coredns_dns_request_size_bytes_count'), ['proto', ...dns])
  deepEqual(labels('coredns_cache_hits_total'), ['server', 'type', 'view', 'zones'])
  deepEqual(labels('coredns_cache_entries'), ['server', 'type', 'view', 'zones'])
  deepEqual(labels('coredns_proxy_request_duration_seconds_count'), ['proxy_name', 'rcode', 'to'])
  deepEqual(labels('coredns_plugin_enabled'), ['name', 'server', 'view', 'zone'])
})

test('metrics: the numbers are those of the questions', async () => {
  const { client, server, upstream } = world()
  const where = { server: 'dns://:53', zone: '.' }
  const read = async (): Promise<(number | undefined)[]> => {
    const metrics = await server.metrics()
    const sum = (name: string, labels: Record<string, string> = {}): number =>
      metrics.sum(name, { ...where, ...labels }) ?? 0
    return [
      sum('coredns_dns_requests_total', { type: 'A', proto: 'udp', family: '1' }),
      sum('coredns_dns_requests_total', { type: 'AAAA', proto: 'tcp' }),
      sum('coredns_dns_responses_total', { rcode: 'NOERROR' }),
      sum('coredns_dns_responses_total', { rcode: 'NXDOMAIN' }),
      sum('coredns_dns_request_duration_seconds_count'),
      metrics.sum('coredns_proxy_request_duration_seconds_count', {
        proxy_name: 'forward',
        to: `${upstream.pod.ip}:53`,
      }),
    ]
  }
  const before = await read()
  for (let i = 0; i < 5; i++) await ask(server.ip, WEB, 'A')
  for (let i = 0; i < 3; i++) await ask(server.ip, 'nobody.default.svc.cluster.local', 'A')
  await client.must('dig', ['+tcp', WEB, 'AAAA'])
  await ask(server.ip, 'counted.example.test', 'TXT')
  const after = await read()
  deepEqual(
    after.map((value, i) => value! - before[i]!),
    [8, 1, 6, 4, 10, 1],
  )
  const metrics = await server.metrics()
  for (const name of ['errors', 'kubernetes', 'prometheus', 'forward', 'cache', 'loop', 'loadbalance']) {
    equal(metrics.sum('coredns_plugin_enabled', { name, server: 'dns://:53' }), 1, name)
  }
  ok(metrics.sum('coredns_panics_total') === 0)
})

test('-pidfile holds the pid of the server itself', async () => {
  const { server } = world()
  const pid = Number((await server.pod.must('cat', [PID_FILE])).trim())
  const listening = await server.pod.must('ss', ['-Hlunp', 'sport = :53'])
  match(listening, new RegExp(`pid=${pid},`))
})

test(
  'a busy port: one clear line, exit code 1, and the first server serves on',
  async () => {
    const { server } = world()
    const second = server.spawn('second', ['-conf', '/etc/coredns/Corefile'])
    const { code } = await within(10_000, 'the end of the second server', second.exited)
    equal(code, 1)
    const lines = second.lines.filter(line => /in use/i.test(line))
    equal(lines.length, 1, second.tail())
    match(lines[0]!, /:53\b/)
    deepEqual((await ask(server.ip, WEB, 'A')).data, [WEB_IP])
  },
  { coredns: 'CoreDNS shares port 53 by SO_REUSEPORT and fails on 8080 only' },
)

test('SIGTERM: not ready at once, healthy and answering through lameduck, then gone with code 0', async note => {
  const server = await startServer('leaving')
  await server.ready()
  const start = performance.now()
  server.child.signal('SIGTERM')
  const unready = eventually(2000, '/ready being closed', async () => {
    const status = await server.http(8181, '/ready').then(
      answer => answer.status,
      () => 0,
    )
    if (status === 200) throw new Error('it says 200')
  })
  // lameduck 5s
  const { asked, wrong } = await askThroughout(server, delay(4500))
  deepEqual(wrong, [])
  note(`${asked} answered, unready after ${(await unready).toFixed(0)} ms`)
  equal((await server.http(8080, '/health')).status, 200)
  const { code } = await server.child.exited
  const tookMs = performance.now() - start
  equal(code, 0)
  ok(tookMs >= 4900 && tookMs < 11_500, `it left after ${tookMs.toFixed(0)} ms`)
  note(`left after ${tookMs.toFixed(0)} ms`)
  await server.stop()
})

test(
  'SIGINT: leaves without lameduck',
  async () => {
    const server = await startServer('interrupted')
    await server.ready()
    const start = performance.now()
    server.child.signal('SIGINT')
    await server.child.exited
    ok(performance.now() - start < 4000)
    await server.stop()
  },
  { coredns: 'CoreDNS waits out lameduck on SIGINT' },
)

test('as process 1 of a container: SIGTERM ends it after lameduck, SIGUSR1 and SIGHUP do not', async () => {
  const server = await startServer('first', { first: true })
  await server.ready()
  equal((await server.pod.must('cat', [PID_FILE])).trim(), '1')
  const [pid] = childrenOf(server.child.pid)
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.kill(pid!, signal)
  await delay(1000)
  deepEqual((await ask(server.ip, WEB, 'A')).data, [WEB_IP])
  const start = performance.now()
  process.kill(pid!, 'SIGTERM')
  const { code } = await server.child.exited
  equal(code, 0)
  ok(performance.now() - start < 11_500)
  await server.stop()
})
