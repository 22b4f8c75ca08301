/** What an API source asks for, how it says what it lacks, and that a large list leaves the event loop free. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KINDS, type SetKind } from '../../../../plugins/kubernetes/object/object.ts'
import { parseSelector } from '../../../../plugins/kubernetes/object/selector.ts'
import { ApiSource, resourceOf } from '../../../../plugins/kubernetes/source/api.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { IMPORTS, NAMESPACES, PODS, SERVICES, SLICES } from '../../../harness/fake-api-server.ts'
import { ApiWorld, NO_SETTINGS, service } from './api-world.ts'

const test = suite('ApiSource')

const ENDED = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown'
for (const { name, settings, expected } of [
  {
    name: 'no selectors but that of pods',
    settings: {},
    expected: [{ path: SERVICES }, { path: SLICES }, { path: PODS, fieldSelector: ENDED }, { path: NAMESPACES }],
  },
  {
    name: 'labels select services, slices and pods, namespace_labels namespaces',
    settings: { labels: parseSelector('app=web'), namespaceLabels: parseSelector('tier notin (a,b)') },
    expected: [
      { path: SERVICES, labelSelector: 'app in (web)' },
      { path: SLICES, labelSelector: 'app in (web)' },
      { path: PODS, fieldSelector: ENDED, labelSelector: 'app in (web)' },
      { path: NAMESPACES, labelSelector: 'tier notin (a,b)' },
    ],
  },
]) {
  test(name, () => {
    const found = KINDS.map(kind => resourceOf(kind, { ...NO_SETTINGS, ...settings })).map(
      ({ name: _, group: __, shape: ___, ...asked }) => asked,
    )
    assert.equal(found, expected)
  })
}

const IMPORTED = 'multicluster.kubernetes.io/service-name'
for (const { name, labels, expected } of [
  { name: 'of a cluster set: ServiceImports, and slices of such', labels: undefined, expected: IMPORTED },
  {
    name: 'of a cluster set: labels select slices, namespace_labels nothing (CoreDNS: ServiceImports)',
    labels: parseSelector('app=web'),
    expected: `app in (web),${IMPORTED}`,
  },
]) {
  test(name, () => {
    const settings = { ...NO_SETTINGS, labels, namespaceLabels: parseSelector('tier') }
    const [imports, slices] = (['serviceimport', 'importedslice'] satisfies SetKind[]).map(kind => {
      const { shape, ...asked } = resourceOf(kind, settings)
      return { ...asked, asProtobuf: shape !== undefined }
    })
    const group = 'multicluster.x-k8s.io'
    assert.equal(imports, { name: 'serviceimports', group, path: IMPORTS, optional: true, asProtobuf: false })
    const { name: _, group: __, ...rest } = slices!
    assert.equal(rest, { path: SLICES, labelSelector: expected, asProtobuf: true })
  })
}

test('only the kinds that are needed are asked for', () =>
  ApiWorld.run(async world => {
    await world.start(['service', 'namespace'])
    assert.equal(world.requests().sort(), ['streaming namespaces', 'streaming services'])
  }))

test('objects of all kinds', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.put(NAMESPACES, { metadata: { name: 'default' } })
    server.put(SERVICES, service('web'))
    server.put(SLICES, {
      metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.2'], conditions: { ready: false } }],
    })
    server.put(PODS, { metadata: { namespace: 'default', name: 'web-0' }, status: { podIP: '10.1.0.1' } })
    await world.start(KINDS, { labels: parseSelector('app') })
    assert.equal(store.names('namespace'), ['default'])
    assert.equal(store.names('service'), ['default/web'])
    assert.is(store.get('endpointslice', 'default/web-1').endpoints.length, 1)
    assert.equal(store.get('pod', 'default/web-0').ips, ['10.1.0.1'])
    assert.is(server.requests.find(({ path }) => path === PODS)!.query.get('labelSelector'), 'app')
    assert.is(server.requests.find(({ path }) => path === NAMESPACES)!.query.get('labelSelector'), null)
    server.delete(NAMESPACES, '', 'default')
    server.delete(PODS, 'default', 'web-0')
    await store.until(() => store.names('namespace').length + store.names('pod').length === 0)
  }))

test('no permission: one line with resource, verb and rule, the rest works, and it heals', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    const message = 'endpointslices.discovery.k8s.io is forbidden: User "u" cannot list resource "endpointslices"'
    server.refuse = ({ path }) => (path === SLICES ? { status: 403, reason: 'Forbidden', message } : undefined)
    await world.start(['service', 'endpointslice'], {}, false)
    await store.until(() => store.synced.has('service'))
    for (let i = 0; i < 3; i++) await world.retry()
    assert.not(store.synced.has('endpointslice'))
    assert.is(world.logged.length, 1)
    assert.is(
      world.logged[0],
      'error no permission to list endpointslices.discovery.k8s.io at the cluster scope, not ready until a ' +
        'ClusterRoleBinding gives our user a ClusterRole with apiGroups: ["discovery.k8s.io"], ' +
        `resources: ["endpointslices"], verbs: ["list", "watch"]: the API server answered 403: ${message}`,
    )
    await world.waits()
    server.refuse = () => undefined
    await world.retry()
    await server.until(() => server.watchers(SLICES) === 1)
    assert.ok(store.synced.has('endpointslice'))
    assert.equal(world.logged.slice(1), ['info endpointslices.discovery.k8s.io can be listed and watched again'])
  }))

test('permission to list but not to watch is told as such', () =>
  ApiWorld.run(async world => {
    const { server } = world
    server.refuse = ({ verb }) => (verb === 'watch' ? { status: 403, reason: 'Forbidden', message: 'no' } : undefined)
    await world.start()
    await world.retry()
    assert.match(world.logged[0]!, /^error no permission to watch services at the cluster scope/)
    assert.equal(world.requests().slice(0, 3), ['streaming services', 'list services', 'watch services from 100'])
  }))

test('no permission is told once for two selections of a resource, and so is that it works', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.refuse = () => ({ status: 403, reason: 'Forbidden', message: 'no' })
    await world.start(['endpointslice', 'importedslice'], {}, false)
    await world.retry(2)
    await world.waits(2)
    assert.is(world.logged.length, 1)
    server.refuse = () => undefined
    await world.retry(2)
    await server.until(() => server.watchers(SLICES) === 2)
    assert.is(store.synced.size, 2)
    assert.equal(world.logged.slice(1), ['info endpointslices.discovery.k8s.io can be listed and watched again'])
  }))

test('credentials that are not known are told once, not once per resource', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.refuse = () => ({ status: 401, reason: 'Unauthorized', message: 'Unauthorized' })
    await world.start(['service', 'endpointslice', 'namespace'], {}, false)
    await world.retry(3)
    await world.waits(3)
    assert.is(world.logged.length, 1)
    assert.match(world.logged[0]!, /^error the API server http.* does not know us \(401\) when asked to list/)
    server.refuse = () => undefined
    await world.retry(3)
    await store.until(() => store.synced.size === 3)
    assert.match(world.logged.at(-1)!, /^info the API server .* answers again$/)
  }))

test('apiserver_qps and burst hold requests back, max_inflight lets them through one by one', () =>
  ApiWorld.run(async world => {
    const { server, store, clock } = world
    await world.start(['service', 'namespace', 'pod'], { qps: 2, burst: 1, maxInflight: 1 }, false)
    await server.until(() => server.requests.length === 1)
    await clock.waiting(ms => ms === 500)
    await clock.waiting(ms => ms === 1000)
    assert.is(server.requests.length, 1)
    clock.advance(1000)
    await store.until(() => store.synced.size === 3)
  }))

test('another limit, another time of comparisons: both hold from then on, and nothing is listed for it', () =>
  ApiWorld.run(async world => {
    const { server, clock } = world
    server.put(SERVICES, service('a'))
    await world.start()
    await server.until(() => server.watchers(SERVICES) === 1)
    assert.equal(world.requests(), ['streaming services'])
    world.retune({ qps: 1, burst: 1, maxInflight: 0, compareMs: 60_000 })
    // A comparison, after 80 % of the time, takes the only token; the watch that ends then waits for one.
    await clock.waiting(ms => ms === 48_000)
    clock.advance(48_000)
    await server.until(() => server.requests.length > 0)
    assert.equal(world.requests(), ['streaming services'])
    server.endWatches(SERVICES)
    await world.waits()
    assert.equal(world.requests(), [])
  }))

test('requests are counted as client-go counts them', () =>
  ApiWorld.run(async world => {
    await world.start()
    const host = `127.0.0.1:${world.server.port}`
    const cellOf = (name: string, ...labels: string[]) => families.get(name)?.children.get(labels.join('\0'))?.cell
    const prefix = 'coredns_kubernetes_rest_client_'
    assert.is(cells[cellOf(`${prefix}requests_total`, '200', 'GET', host)!], 1)
    assert.ok(cellOf(`${prefix}request_duration_seconds`, 'GET', host))
    assert.ok(cellOf(`${prefix}rate_limiter_duration_seconds`, 'GET', host))
  }))

for (const { name, over, expected } of [
  {
    name: 'an endpoint that is no URL',
    over: { endpoint: 'ftp://x' },
    expected: /found endpoint "ftp:\/\/x", expected a URL/,
  },
  {
    name: 'a certificate that is not there',
    over: { endpoint: 'https://127.0.0.1:1', tls: { cert: '/none/cert', key: '/none/key', ca: '/none/ca' } },
    expected: /cannot read the client certificate "\/none\/cert"/,
  },
  {
    name: 'a kubeconfig that is not there',
    over: { kubeconfig: { file: '/none', context: undefined } },
    expected: /cannot read kubeconfig "\/none"/,
  },
]) {
  test(`${name} fails the start`, async () => {
    const world = new ApiWorld()
    const source = new ApiSource({ ...NO_SETTINGS, ...over })
    try {
      await source.start(world.store)
      assert.unreachable('it started')
    } catch (error) {
      assert.match(String(error), expected)
    }
    await source.stop()
  })
}

for (const shape of ['streaming list', 'list'] as const) {
  test(`a ${shape} of 100 MB leaves the event loop free and memory flat`, () =>
    ApiWorld.run(async world => {
      const { server, store } = world
      const text = JSON.stringify({ ...service('same'), status: { padding: 'x'.repeat(1500) } })
      const event = `{"type":"ADDED","object":${text.replace('"metadata":{', '"metadata":{"resourceVersion":"1",')}}\n`
      const [piece, head, tail] =
        shape === 'list'
          ? [`${text},`.repeat(50), '{"kind":"ServiceList","items":[', `${text}],"metadata":{"resourceVersion":"7"}}`]
          : [
              event.repeat(50),
              '',
              '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}\n',
            ]
      const pieces = Math.ceil(100e6 / piece.length)
      server.streamingLists = shape !== 'list'
      server.body = ({ verb, isStreamingList }) =>
        (shape === 'list' ? verb === 'list' : isStreamingList)
          ? (async function* () {
              yield Buffer.from(head)
              const octets = Buffer.from(piece)
              for (let i = 0; i < pieces; i++) yield octets
              yield Buffer.from(tail)
            })()
          : undefined
      store.quiet = true
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      await world.start(['service'], {}, false)
      await store.until(() => store.synced.has('service'))
      delay.disable()
      assert.equal(store.names('service'), ['default/same'])
      assert.ok(delay.percentile(99) < 100e6, `found a delay of ${delay.percentile(99) / 1e6} ms`)
      assert.ok(process.memoryUsage.rss() < 400e6, `found ${process.memoryUsage.rss() / 1e6} MB`)
    }))
}

test.run()
