import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/prometheus/prometheus.ts'
import { counter, gauge, histogram } from '../../server/metrics.ts'
import { QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query } from '../harness/message.ts'
import { type Chain, chainOf } from '../harness/stage.ts'

const backend: Stage = {
  handle: (q: Query) => {
    if (q.qnameText.startsWith('nx')) return reply.empty(q, RCODE.NXDOMAIN)
    if (q.qnameText.startsWith('odd')) return reply.empty(q, 77)
    const a = q.answer.reset()
    a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(192, 0, 2, 1))
    return a
  },
}

type Running = Chain & {
  scrape(method?: string): Promise<Response>
  lines(name: string): Promise<string[]>
  stop(): Promise<void>
}

/** A block with its endpoint on a free port. */
async function running(options = '', server = 'dns://:53', zone = 'test.'): Promise<Running> {
  const body = `prometheus 127.0.0.1:0 {\n${options}\n}`
  const site = { servers: [server], plugins: ['prometheus', 'test', 'none'] }
  const chain = chainOf([plugin], body, [backend], zone, site)
  const stage = chain.stages[0]! as Stage & { port: number }
  await stage.start!(undefined)
  stage.serving!()
  const scrape = (method = 'GET') => fetch(`http://127.0.0.1:${stage.port}/metrics`, { method })
  return {
    ...chain,
    scrape,
    /** Lines of a metric of this server, without name and common labels. */
    lines: async name => {
      const lines = (await (await scrape()).text()).split('\n')
      const own = lines.filter(line => line.startsWith(`${name}{`) && line.includes(`server="${server}"`))
      return own.map(line =>
        line.slice(name.length).replace(`server="${server}",zone="${zone}",view=""`, '').replace('{,', '{'),
      )
    },
    stop: async () => stage.stop!(),
  }
}

test('queries, replies, sizes, times and DO under the names of CoreDNS', async () => {
  const { send, lines, stop } = await running('', 'dns://:1')
  await send(query('a.test'))
  await send(query('a.test', { edns: 1232, dnssecOk: true }))
  await send(query('nx.test', { type: 'SRV' }), true)
  await send(query('odd.test', { type: 'NAPTR' }))
  assert.equal(await lines('coredns_dns_requests_total'), [
    '{proto="udp",family="1",type="A"} 2',
    '{proto="tcp",family="1",type="SRV"} 1',
    '{proto="udp",family="1",type="other"} 1',
  ])
  assert.equal(await lines('coredns_dns_responses_total'), [
    '{rcode="NOERROR",plugin="test"} 2',
    '{rcode="NXDOMAIN",plugin="test"} 1',
    '{rcode="RCODE77",plugin="test"} 1',
  ])
  assert.equal(await lines('coredns_dns_do_requests_total'), ['{} 1'])
  assert.equal(await lines('coredns_dns_request_duration_seconds_count'), ['{} 4'])
  assert.equal(await lines('coredns_dns_request_size_bytes_sum'), ['{proto="udp"} 85', '{proto="tcp"} 25'])
  const sizes = await lines('coredns_dns_response_size_bytes_bucket')
  assert.is(sizes.length, 30)
  assert.equal(sizes.slice(0, 3), ['{proto="udp",le="0"} 0', '{proto="udp",le="100"} 3', '{proto="udp",le="200"} 3'])
  assert.is(sizes[14], '{proto="udp",le="+Inf"} 3')
  await stop()
})

test('time buckets double from a quarter of a millisecond to eight seconds', async () => {
  const { send, lines, stop } = await running('', 'dns://:2')
  await send(query('a.test'))
  const buckets = await lines('coredns_dns_request_duration_seconds_bucket')
  const bounds = buckets.map(line => /le="([^"]+)"/.exec(line)![1])
  assert.is(bounds.length, 17)
  assert.equal([bounds[0], bounds[1], bounds[15], bounds[16]], ['0.00025', '0.0005', '8.192', '+Inf'])
  await stop()
})

test('queries that no block takes are counted under the zone "dropped"', async () => {
  const { send, lines, stop } = await running('', 'dns://:3')
  await send(query('elsewhere'))
  assert.equal(await lines('coredns_dns_responses_total'), [
    '{server="dns://:3",zone="dropped",view="",rcode="REFUSED",plugin=""} 1',
  ])
  await stop()
})

test('build, plugins and process are told', async () => {
  const { scrape, lines, stop } = await running('', 'dns://:4')
  const response = await scrape()
  assert.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const page = await response.text()
  assert.match(page, /^coredns_build_info\{version="[^"]+",revision="",goversion="node[\d.]+"\} 1$/m)
  assert.match(page, /^coredns_panics_total \d+$/m)
  for (const name of ['process_resident_memory_bytes', 'process_open_fds', 'process_start_time_seconds']) {
    assert.ok(Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(page)?.[1]) > 0, name)
  }
  const cpu = process.cpuUsage()
  const told = Number(/^process_cpu_seconds_total (\S+)$/m.exec(page)?.[1])
  assert.ok(told > 0 && told <= (cpu.user + cpu.system) / 1e6, `${told}`)
  assert.not.match(page, /nodejs_/)
  assert.equal(await lines('coredns_plugin_enabled'), ['{name="prometheus"} 1', '{name="test"} 1'])
  await stop()
})

test('runtime_metrics adds what is known of Node.js', async () => {
  const { scrape, stop } = await running('runtime_metrics', 'dns://:5')
  assert.match(await (await scrape()).text(), /^nodejs_heap_size_used_bytes \d+$/m)
  await stop()
})

test('families that come later, label values that need escapes, HEAD', async () => {
  const { scrape, stop } = await running('', 'dns://:6')
  await scrape()
  counter('test_late_total', 'A family that came late.', 'name')('a"b\\c\nd')
  histogram('test_late_seconds', 'A histogram.', [1, 2])().observe(1.5)
  const page = await (await scrape()).text()
  assert.ok(page.includes('test_late_total{name="a\\"b\\\\c\\nd"} 0\n'))
  assert.match(
    page,
    /test_late_seconds_bucket\{le="1"\} 0\ntest_late_seconds_bucket\{le="2"\} 1\ntest_late_seconds_bucket\{le="\+Inf"\} 1\ntest_late_seconds_sum 1.5\ntest_late_seconds_count 1/,
  )
  const head = await scrape('HEAD')
  assert.is(await head.text(), '')
  await stop()
})

test('a port that is taken is logged, and no more', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const { stages, send } = chainOf([plugin], `prometheus 127.0.0.1:${port}`, [backend])
  const [line] = await capturedLog(() => stages[0]!.start!(undefined))
  assert.match(line!, new RegExp(`^\\[ERROR\\] plugin/prometheus: .*127\\.0\\.0\\.1:${port}`))
  assert.ok((await send(query('a'))).length > 12)
  await stages[0]!.stop!()
  other.close()
})

test('a port in use fails a reload where there were metrics before, and a start goes on without', async () => {
  const before = await running()
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as AddressInfo
  const stage = chainOf([plugin], `prometheus 127.0.0.1:${port}`).stages[0]!
  const outcome = (previous?: Stage) =>
    Promise.resolve(stage.start!(previous)).then(
      () => 'started',
      cause => (cause as Error).message,
    )
  assert.match(await outcome(before.stages[0]), /the port is in use/)
  const log = await capturedLog(async () => assert.is(await outcome(undefined), 'started'))
  assert.match(log.join('\n'), /the port is in use/)
  busy.close()
  await before.stop()
})

for (const body of [
  'prometheus',
  'prometheus :9153',
  'prometheus [::1]:9153',
  'prometheus localhost:9253 {\nruntime_metrics\n}',
]) {
  test(`good: ${body.replaceAll('\n', ' ')}`, () => {
    assert.ok(chainOf([plugin], body).stages[0]!.observe)
  })
}

for (const { body, at, says } of [
  { body: 'prometheus 9153', at: '2:12', says: 'invalid address "9153", expected host:port' },
  { body: 'prometheus :9153 :9154', at: '2:18', says: 'surplus argument' },
  { body: 'prometheus\nprometheus', at: '3:1', says: 'used again' },
  { body: 'prometheus {\ntls web.yml\n}', at: '3:1', says: '"tls" is not here yet, expected metrics over plain HTTP' },
  { body: 'prometheus {\nruntime_metrics all\n}', at: '3:17', says: 'surplus argument' },
  { body: 'prometheus {\nruntime\n}', at: '3:1', says: 'unknown property "runtime"' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test('who asks at one time shares one text, and each text is of after it was asked for', async () => {
  const { send, scrape, lines, stop } = await running('', 'dns://:9')
  let composed = 0
  const name = 'test_composed'
  gauge(name, 'How often it was read.').onScrape(() => composed++)
  gauge(name, 'How often it was read.').set(1)
  await scrape()
  composed = 0
  const texts = await Promise.all(Array.from({ length: 200 }, async () => await (await scrape()).text()))
  assert.ok(texts.every(text => text.includes('test_composed 1')))
  assert.ok(composed < 100, `${composed} of 200`)
  for (let i = 1; i <= 5; i++) {
    await send(query('a.test'))
    assert.equal(await lines('coredns_dns_requests_total'), [`{proto="udp",family="1",type="A"} ${i}`])
  }
  await stop()
})

test.run()
