import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { Slab } from '../../../../plugins/kubernetes/index/slab.ts'
import type { Endpoint, EndpointSlice } from '../../../../plugins/kubernetes/object/endpointslice.ts'
import type { Namespace } from '../../../../plugins/kubernetes/object/namespace.ts'
import { KINDS, type Kind, type SlimObject } from '../../../../plugins/kubernetes/object/object.ts'
import type { Pod } from '../../../../plugins/kubernetes/object/pod.ts'
import type { Service } from '../../../../plugins/kubernetes/object/service.ts'
import { query, readReply } from '../../../harness/message.ts'
import { type Cluster, clusterOf } from '../cluster.ts'
import { dashed, Model } from './model.ts'

const NAMESPACES = ['a', 'b']
const SERVICES = ['s', 't', 'u']
const SLICES = ['s-1', 's-2', 't-1']
const PODS = ['p-0', 'p-1', 'p.x']
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.255.254', 'fd00::1', 'fd00::', '2001:db8::5:1']
const HOSTNAMES = ['', '', 'web-0', 'web-1', '10-0-0-1']

const one = <T>(values: readonly T[]) => fc.constantFrom(...values)
const addresses = fc.uniqueArray(one(ADDRESSES), { maxLength: 3 })
const ports = fc.uniqueArray(
  fc.record({ name: one(['', 'http', 'dns']), protocol: one(['tcp', 'udp']), port: one([53, 80, 65_535]) }),
  { maxLength: 2 },
)
const services: fc.Arbitrary<Service> = fc
  .record({ namespace: one(NAMESPACES), name: one(SERVICES), clusterIPs: addresses, headless: fc.boolean(), ports })
  .map(s => ({ kind: 'service', externalName: undefined, ...s, clusterIPs: s.headless ? [] : s.clusterIPs }))
const endpoints: fc.Arbitrary<Endpoint> = fc.record({
  addresses: fc.uniqueArray(one(ADDRESSES), { maxLength: 2 }),
  hostname: one(HOSTNAMES),
  podName: fc.constant(''),
})
const slices: fc.Arbitrary<EndpointSlice> = fc.record({
  kind: fc.constant('endpointslice' as const),
  namespace: one(NAMESPACES),
  name: one(SLICES),
  service: one([...SERVICES, '']),
  endpoints: fc.array(endpoints, { maxLength: 5 }),
  ports,
  lastChangeTriggerMs: fc.constant(0),
})
const pods: fc.Arbitrary<Pod> = fc.record({
  kind: fc.constant('pod' as const),
  namespace: one(NAMESPACES),
  name: one(PODS),
  ips: addresses,
  labels: fc.dictionary(one(['app', 'team']), one(['', 'web', 'db', 'x'.repeat(63)])),
})
const namespaces: fc.Arbitrary<Namespace> = fc.record({
  kind: fc.constant('namespace' as const),
  name: one(NAMESPACES),
})
const objects: fc.Arbitrary<SlimObject> = fc.oneof(
  { weight: 3, arbitrary: services },
  { weight: 5, arbitrary: slices },
  { weight: 3, arbitrary: pods },
  { weight: 2, arbitrary: namespaces },
)
const changes = fc.oneof(
  { weight: 6, arbitrary: objects.map(object => ({ change: 'put' as const, object })) },
  { weight: 3, arbitrary: objects.map(object => ({ change: 'delete' as const, object })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ kind: one(KINDS), all: fc.array(objects, { maxLength: 12 }), given: fc.boolean() })
      .map(list => ({ change: 'list' as const, ...list })),
  },
)

test('the index answers as a naive model does, whatever is put, deleted and listed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 80, size: 'max' }), async sequence => {
      const cluster = clusterOf({ body: 'pods verified' })
      const model = new Model()
      for (const name of NAMESPACES) apply(cluster.index, model, { kind: 'namespace', name })
      for (const step of sequence) {
        if (step.change === 'put') apply(cluster.index, model, step.object)
        else if (step.change === 'delete') remove(cluster.index, model, step.object)
        else relist(cluster.index, model, step.kind, step.all, step.given)
      }
      await compare(cluster, model)
    }),
    { numRuns: 100 },
  )
})

function apply(index: Index, model: Model, object: SlimObject): void {
  index.put(object.kind, object)
  model.put(object)
}

function remove(index: Index, model: Model, object: SlimObject): void {
  const namespace = object.kind === 'namespace' ? '' : object.namespace
  index.delete(object.kind, namespace, object.name)
  model.delete(object.kind, namespace, object.name)
}

/** A full list; one that is given up changes nothing but what it brought. */
function relist(index: Index, model: Model, kind: Kind, all: readonly SlimObject[], given: boolean): void {
  const listed = all.filter(object => object.kind === kind)
  const token = index.beginList(kind)
  for (const object of listed) index.put(kind, object)
  if (given) {
    index.endList(kind, token)
    model.relist(kind, listed)
  } else for (const object of listed) model.put(object)
}

async function compare(cluster: Cluster, model: Model): Promise<void> {
  for (const namespace of NAMESPACES) {
    for (const name of SERVICES) {
      const at = `${name}.${namespace}.svc.cluster.local`
      for (const [type, family] of [
        ['A', 4],
        ['AAAA', 6],
      ] as const) {
        assert.equal(await data(cluster, at, type), model.addresses(namespace, name, family), `${at} ${type}`)
        for (const label of ['web-0', 'web-1', ...ADDRESSES.map(dashed)]) {
          const expected = model.endpoint(namespace, name, label, family)
          assert.equal(await data(cluster, `${label}.${at}`, type), expected, `${label}.${at} ${type}`)
        }
      }
    }
    for (const address of ADDRESSES.filter(text => text.includes('.'))) {
      const answer = await data(cluster, `${dashed(address)}.${namespace}.pod.cluster.local`, 'A')
      assert.is(answer !== undefined, model.hasPod(namespace, address), `pod ${address} in ${namespace}`)
    }
  }
  for (const address of ADDRESSES) {
    const found = (await data(cluster, reverse(address), 'PTR')) ?? []
    const expected = model.names(address).map(name => `${name}.svc.cluster.local`)
    // Of several services with one ClusterIP, one is answered.
    if (expected.length > 1 && expected[0]!.split('.').length === 5)
      assert.ok(expected.includes(found[0]!), `PTR ${address}`)
    else assert.equal(found, expected, `PTR ${address}`)
  }
}

/** Data of the answer, sorted; undefined for NXDOMAIN. */
async function data(cluster: Cluster, name: string, type: string): Promise<string[] | undefined> {
  const reply = readReply(await cluster.send(query(name, { type }), true))
  if (reply.rcode === 'NXDOMAIN') return undefined
  assert.is(reply.rcode, 'NOERROR', `${name} ${type}`)
  return (reply.answers ?? []).map(answer => String('data' in answer ? answer.data : '')).sort()
}

function reverse(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [left = '', right = ''] = address.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const zeros = new Array(8 - groups(left).length - groups(right).length).fill('0')
  const nibbles = [...groups(left), ...zeros, ...groups(right)].map(group => group.padStart(4, '0')).join('')
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`
}

const web: Service = {
  kind: 'service',
  namespace: 'a',
  name: 's',
  clusterIPs: ['10.0.0.1'],
  headless: false,
  externalName: undefined,
  ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
}
const webSlice: EndpointSlice = {
  kind: 'endpointslice',
  namespace: 'a',
  name: 's-1',
  service: 's',
  endpoints: [{ addresses: ['10.1.0.1'], hostname: 'web-0', podName: 'web-0' }],
  ports: web.ports,
  lastChangeTriggerMs: 0,
}
const webPod: Pod = { kind: 'pod', namespace: 'a', name: 'web-0', ips: ['10.1.0.1', 'fd00::1'], labels: {} }

const serials: { name: string; object: SlimObject; changed: SlimObject }[] = [
  { name: 'a Service', object: web, changed: { ...web, clusterIPs: ['10.0.0.2'] } },
  { name: 'a port', object: web, changed: { ...web, ports: [{ name: 'http', protocol: 'udp', port: 80 }] } },
  { name: 'its kind', object: web, changed: { ...web, clusterIPs: [], headless: true } },
  { name: 'a target', object: { ...web, externalName: 'a.example' }, changed: { ...web, externalName: 'b.example' } },
  {
    name: 'a hostname',
    object: webSlice,
    changed: { ...webSlice, endpoints: [{ ...webSlice.endpoints[0]!, hostname: 'web-1' }] },
  },
  { name: 'the service of a slice', object: webSlice, changed: { ...webSlice, service: 't' } },
  { name: 'the last endpoint', object: webSlice, changed: { ...webSlice, endpoints: [] } },
  { name: 'a label that is kept', object: webPod, changed: { ...webPod, labels: { app: 'db' } } },
  { name: 'the network of a pod', object: webPod, changed: { ...webPod, hostNetwork: true } },
  { name: 'a pod', object: webPod, changed: { ...webPod, ips: ['10.1.0.1'] } },
]
for (const { name, object, changed } of serials) {
  test(`the serial follows a change of ${name}, and nothing else`, () => {
    const index = new Index({ podLabels: ['app'] })
    const moves = (change: () => void) => {
      index.serial = 0
      change()
      return index.serial > 0
    }
    assert.ok(moves(() => index.put(object.kind, object)))
    assert.not.ok(moves(() => index.put(object.kind, structuredClone(object))))
    assert.ok(moves(() => index.put(changed.kind, changed)))
    assert.not.ok(moves(() => index.put(changed.kind, structuredClone(changed))))
    assert.ok(moves(() => index.put(object.kind, object)))
    assert.ok(
      moves(() =>
        index.delete(object.kind, 'a', object.kind === 'pod' ? 'web-0' : object.kind === 'service' ? 's' : 's-1'),
      ),
    )
    assert.not.ok(moves(() => index.delete(object.kind, 'a', 'unknown')))
  })
}

test('the serial never goes back', () => {
  const index = new Index()
  index.serial = 4_000_000_000
  index.put('service', web)
  assert.is(index.serial, 4_000_000_000)
})

test('memory comes back: a cluster that changes without growing takes no more, an empty one next to nothing', () => {
  const index = new Index()
  const baseBytes = index.slab.usedBytes
  const fill = (round: number) => {
    for (let i = 0; i < 500; i++) {
      const name = `s-${i}`
      const address = `10.${round % 250}.${i >> 8}.${i & 255}`
      const padding = 'x'.repeat((round * 7 + i) % 40)
      index.put('service', { ...web, name, clusterIPs: [address] })
      index.put('endpointslice', {
        ...webSlice,
        name: `${name}${padding}`,
        service: name,
        endpoints: Array.from({ length: 1 + (i % 7) }, (_, j) => ({
          addresses: [`10.9.${i & 255}.${j}`],
          hostname: '',
          podName: '',
        })),
      })
      index.put('pod', { ...webPod, name: `p-${i}${padding}`, ips: [address] })
    }
    index.slab.reclaim()
  }
  const clear = (round: number) => {
    for (const kind of KINDS) index.endList(kind, index.beginList(kind))
    index.slab.reclaim()
    assert.is(index.slab.usedBytes, baseBytes, `round ${round}`)
  }
  for (let round = 0; round < 40; round++) {
    fill(round)
    clear(round)
  }
  const touchedBytes = index.slab.touchedBytes
  for (let round = 40; round < 80; round++) {
    fill(round)
    clear(round)
  }
  // Which names collide, and so how large the few collision lists are, differs from process to process.
  const grownBytes = index.slab.touchedBytes - touchedBytes
  assert.ok(grownBytes < touchedBytes / 100, `${grownBytes} more octets after ${touchedBytes}`)
})

test('a slab that is full is replaced by a larger one, with all that is in it', async () => {
  const index = new Index({}, new Slab(8192))
  index.put('namespace', { kind: 'namespace', name: 'a' })
  for (let i = 0; i < 2000; i++) {
    index.put('pod', { ...webPod, name: `p-${i}`, ips: [`10.0.${i >> 8}.${i & 255}`, `fd00::${i.toString(16)}`] })
    index.put('endpointslice', {
      ...webSlice,
      name: `s-${i}`,
      endpoints: [{ addresses: [`10.1.${i >> 8}.${i & 255}`], hostname: 'h', podName: '' }],
    })
  }
  const namespace = index.namespaces.named('a')
  for (let i = 0; i < 2000; i++) {
    assert.ok(index.pods.has(namespace, Uint8Array.of(10, 0, i >> 8, i & 255), 0, 4), `pod ${i}`)
    assert.ok(index.slices.named('a', `s-${i}`) !== 0, `slice ${i}`)
  }
})

test('a list that was overtaken by the next one removes nothing', () => {
  const index = new Index()
  index.put('service', web)
  const first = index.beginList('service')
  const second = index.beginList('service')
  index.endList('service', first)
  assert.ok(index.services.named('a', 's') !== 0)
  index.endList('service', second)
  assert.is(index.services.named('a', 's'), 0)
})

test('slices that come before their Service wait for it', async () => {
  const cluster = clusterOf()
  cluster.index.put('namespace', { kind: 'namespace', name: 'a' })
  cluster.index.put('endpointslice', webSlice)
  assert.is(await data(cluster, 's.a.svc.cluster.local', 'A'), undefined)
  cluster.index.put('service', { ...web, clusterIPs: [], headless: true })
  assert.equal(await data(cluster, 's.a.svc.cluster.local', 'A'), ['10.1.0.1'])
})

test('synced kinds', async () => {
  const index = new Index({ kinds: ['service', 'namespace'] })
  assert.equal(index.unsynced(), ['service', 'namespace'])
  let resolved = false
  const waiting = index.whenSynced().then(() => {
    resolved = true
  })
  index.setSynced('service', true)
  await Promise.resolve()
  assert.not.ok(resolved)
  index.setSynced('namespace', true)
  await waiting
  assert.ok(resolved)
  await index.whenSynced()
})

test.run()
