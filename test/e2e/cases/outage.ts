/**
 * The API server away: at the start, in between, and an old etcd behind it that refuses streaming lists.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { ask, dig } from '../ask.ts'
import { Cluster } from '../cluster.ts'
import { account, endpoint, service, slice } from '../objects.ts'
import { askThroughout, seen, startServer, WEB, WEB_IP, world } from '../world.ts'

const WEB_REVERSE = WEB_IP.split('.').reverse().join('.')
/** From the API server being well to all being current. */
const CONVERGE_MS = 5_000

test(
  'API server restarted: answers throughout, changes made meanwhile arrive',
  async note => {
    const { cluster, server } = world()
    const gone = service('default', 'gone', { clusterIP: '10.96.30.1' })
    await cluster.api.create(gone)
    await seen(server.ip, 'gone.default.svc.cluster.local', 'A', ['10.96.30.1'], 2000)
    const outage = async (): Promise<void> => {
      await cluster.stopApiserver()
      // Another API server on the same etcd, where the server under test does not look.
      await cluster.behind(async api => {
        await api.delete(gone)
        await api.create(service('default', 'come', { clusterIP: '10.96.30.2' }))
      })
      await cluster.startApiserver()
    }
    const { asked, wrong } = await askThroughout(server, outage())
    deepEqual(wrong, [])
    const tookMs = await seen(server.ip, 'come.default.svc.cluster.local', 'A', ['10.96.30.2'], CONVERGE_MS)
    await seen(server.ip, 'gone.default.svc.cluster.local', 'A', 'NXDOMAIN', 2000)
    note(`${asked} answered, caught up after ${tookMs.toFixed(0)} ms`)
    await cluster.api.create(service('default', 'next', { clusterIP: '10.96.30.3' }))
    await seen(server.ip, 'next.default.svc.cluster.local', 'A', ['10.96.30.3'], 1000)
    equal((await server.http(8181, '/ready')).status, 200)
  },
  { timeoutMs: 150_000 },
)

async function startWithoutApi(name: string): Promise<Awaited<ReturnType<typeof startServer>>> {
  const server = await startServer(name)
  // CoreDNS: opens its sockets after startup_timeout, 5 s.
  await eventually(8000, 'any answer', async () => void (await ask(server.ip, 'www.example.test', 'A', 200)), 50)
  return server
}

test(
  'API server down at the start: cluster names are SERVFAIL, others are answered, then it converges',
  async note => {
    const { client, cluster, isCoreDNS } = world()
    await cluster.stopApiserver()
    const server = await startWithoutApi('early')
    for (const name of [WEB, 'nobody.default.svc.cluster.local', '10-244-2-5.default.pod.cluster.local']) {
      const { rcode, text } = await dig(client, `@${server.ip}`, name, 'A')
      equal(rcode, 'SERVFAIL', name)
      if (!isCoreDNS) match(text, /EDE: 14/, name)
    }
    deepEqual((await ask(server.ip, 'www.example.test', 'A')).data, ['198.51.100.1'])
    equal((await server.http(8080, '/health')).status, 200)
    const { status, body } = await server.http(8181, '/ready')
    equal(status, 503)
    match(body, /^kubernetes(\nkubernetes: .*\bservices never synced\b.*)?$/)
    await cluster.startApiserver()
    const start = performance.now()
    await server.ready(CONVERGE_MS)
    note(`ready ${(performance.now() - start).toFixed(0)} ms after the API server`)
    // SERVFAIL was not kept.
    await seen(server.ip, WEB, 'A', [WEB_IP], 100)
    await server.stop()
  },
  { timeoutMs: 120_000 },
)

test(
  'API server down at the start: reverse names of private ranges are SERVFAIL, never what the outside says',
  async () => {
    const { cluster } = world()
    await cluster.stopApiserver()
    const server = await startWithoutApi('early-reverse')
    const reverses = [
      `${WEB_REVERSE}.in-addr.arpa`,
      '1.0.168.192.in-addr.arpa',
      '1.0.64.100.in-addr.arpa',
      '10.20.254.169.in-addr.arpa',
      `1.${'0.'.repeat(28)}8.e.f.ip6.arpa`,
      `${'0.'.repeat(31)}d.f.ip6.arpa`.replace('0.d.f', 'd.f'),
    ]
    for (const name of reverses) equal((await ask(server.ip, name, 'PTR')).rcode, 'SERVFAIL', name)
    deepEqual((await ask(server.ip, '1.100.51.198.in-addr.arpa', 'PTR')).data, ['www.example.test'])
    await cluster.startApiserver()
    await server.ready(CONVERGE_MS)
    await seen(server.ip, reverses[0]!, 'PTR', [WEB], 100)
    await server.stop()
  },
  { timeoutMs: 120_000, coredns: 'CoreDNS tests fallthrough before it is synced, and answers what the outside says' },
)

// The world is made before this file is loaded.
const { oldEtcd } = world()

test(
  'old etcd, streaming lists refused: everything is found, and a change is seen',
  async note => {
    const { apiserver, kubectl } = world()
    const old = new Cluster({
      name: 'old',
      apiserver,
      kubectl,
      etcd: oldEtcd!,
      port: 8443,
      etcdPort: 12379,
      watchS: 3,
    })
    await old.start()
    const streaming = 'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
    const refusal = await old.api
      .call('GET', `/api/v1/services?${streaming}&timeoutSeconds=1`)
      .then(answer => JSON.stringify(answer).slice(0, 300), String)
    match(refusal, /sendInitialEvents|RequestWatchProgress/)
    for (const object of account('coredns', [
      ['', 'services'],
      ['', 'namespaces'],
      ['discovery.k8s.io', 'endpointslices'],
    ])) {
      await old.api.create(object)
    }
    const many = Array.from({ length: 600 }, (_, i) =>
      service('default', `many-${i}`, { clusterIP: `10.96.${40 + (i >> 8)}.${i & 255}` }),
    )
    await Promise.all(many.map(object => old.api.create(object)))
    const server = await startServer('old-etcd', {
      cluster: old,
      token: await old.api.token('kube-system', 'coredns'),
    })
    await server.ready()
    for (const i of [0, 599]) {
      deepEqual((await ask(server.ip, `many-${i}.default.svc.cluster.local`, 'A')).data, [
        `10.96.${40 + (i >> 8)}.${i & 255}`,
      ])
    }
    const late = service('default', 'late', { clusterIP: 'None' })
    const slices = slice('default', 'late', [{ ip: '10.244.50.1' }])
    await Promise.all([old.api.create(late), old.api.create(slices)])
    note(
      `seen after ${(await seen(server.ip, 'late.default.svc.cluster.local', 'A', ['10.244.50.1'], 1000)).toFixed(1)} ms`,
    )
    const { names } = await server.metrics()
    equal(names.has('coredns_kubernetes_rest_client_request_duration_seconds'), true, 'it listed')
    // Every watch ends, and is taken up again, two to four times meanwhile.
    let slowestMs = 0
    for (let i = 0; i < 24; i++) {
      const ip = `10.244.50.${i + 2}`
      await old.api.patch(slices, { endpoints: [endpoint({ ip })] })
      slowestMs = Math.max(slowestMs, await seen(server.ip, 'late.default.svc.cluster.local', 'A', [ip], 5000))
      await delay(500)
    }
    note(`at most ${slowestMs.toFixed(0)} ms while watches end`)
    await old.api.delete(late)
    await seen(server.ip, 'late.default.svc.cluster.local', 'A', 'NXDOMAIN', 1000)
    await server.stop()
    await old.stop()
  },
  {
    timeoutMs: 150_000,
    skip: oldEtcd ? undefined : 'no etcd before 3.4.25 here (Debian package etcd-server, or SEXTANT_OLD_ETCD)',
  },
)
