/** The index against a naive model, under random changes: a cluster's, and a cluster set's. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Store } from '../../../../plugins/kubernetes/index/index.ts'
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
const ZONES = ['a', 'b.a']
const CLUSTERS = ['', 'east', 'west', 'east.reg']
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
const endpoints: fc.Arbitrary<Endpoint> = fc.record(
  {
    addresses: fc.uniqueArray(one(ADDRESSES), { maxLength: 2 }),
    hostname: one(HOSTNAMES),
    podName: fc.constant(''),
    zone: one(ZONES),
  },
  { requiredKeys: ['addresses', 'hostname', 'podName'] },
)
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
type Change =
  | { change: 'put' | 'delete'; object: SlimObject }
  | { change: 'list'; kind: Kind; all: SlimObject[]; given: boolean }
const changes: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: objects.map(object => ({ change: 'put' as const, object })) },
  { weight: 3, arbitrary: objects.map(object => ({ change: 'delete' as const, object })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ kind: one(KINDS), all: fc.array(objects, { maxLength: 12 }), given: fc.boolean() })
      .map(list => ({ change: 'list' as const, ...list })),
  },
)

/** Applies changes to an index, by the names that its objects have for sources, and to a model. */
async function applyAll(sequence: readonly Change[], index: Store<Kind>, model: Model): Promise<void> {
  for (const name of NAMESPACES) apply(index, model, { kind: 'namespace', name })
  for (const step of sequence) {
    if (step.change === 'list') await relist(index, model, step.kind, step.all, step.given)
    else if (step.change === 'put') apply(index, model, step.object)
    else remove(index, model, step.object)
  }
}

test('the index answers as a naive model does, whatever is put, deleted and listed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 80, size: 'max' }), async sequence => {
      const cluster = clusterOf({ body: 'pods verified\nzonal' })
      const model = new Model()
      await applyAll(sequence, cluster.index, model)
      await compare(cluster, model)
      await compareZones(cluster, model)
    }),
    { numRuns: 100 },
  )
})

test('so does that of a cluster set, where slices come from clusters', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(changes, { minLength: 1, maxLength: 80, size: 'max' }),
      fc.array(one(CLUSTERS), { minLength: 1, maxLength: 7 }),
      async (sequence, clusters) => {
        const cluster = clusterOf({ zones: 'set.local', body: 'multicluster set.local' })
        const model = new Model()
        let next = 0
        const ofCluster = <T extends SlimObject>(object: T): T =>
          object.kind === 'endpointslice' ? { ...object, cluster: clusters[next++ % clusters.length]! } : object
        const imported = sequence.map(step =>
          step.change === 'list'
            ? { ...step, all: step.all.map(ofCluster) }
            : { ...step, object: ofCluster(step.object) },
        )
        await applyAll(imported, cluster.feed.indexes.clusterSet!, model)
        await compareClusters(cluster, model)
      },
    ),
    { numRuns: 100 },
  )
})

function apply(index: Store<Kind>, model: Model, object: SlimObject): void {
  index.put(object.kind, object)
  model.put(object)
}

function remove(index: Store<Kind>, model: Model, object: SlimObject): void {
  const namespace = object.kind === 'namespace' ? '' : object.namespace
  index.delete(object.kind, namespace, object.name)
  model.delete(object.kind, namespace, object.name)
}

/** A full list; one that is given up changes nothing but what it brought. */
async function relist(
  index: Store<Kind>,
  model: Model,
  kind: Kind,
  all: readonly SlimObject[],
  given: boolean,
): Promise<void> {
  const listed = all.filter(object => object.kind === kind)
  const token = index.beginList(kind)
  for (const object of listed) index.put(kind, object)
  if (given) {
    await index.endList(kind, token)
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

/** Addresses of each family under each name of a service. */
async function compareAddresses(
  cluster: Cluster,
  zone: string,
  each: (namespace: string, name: string, family: 4 | 6) => Iterable<readonly [label: string, string[] | undefined]>,
): Promise<void> {
  for (const namespace of NAMESPACES) {
    for (const name of SERVICES) {
      for (const [type, family] of [
        ['A', 4],
        ['AAAA', 6],
      ] as const) {
        for (const [labels, expected] of each(namespace, name, family)) {
          const at = `${labels}${name}.${namespace}.svc.${zone}`
          assert.equal(await data(cluster, at, type), expected, `${at} ${type}`)
        }
      }
    }
  }
}

const compareZones = (cluster: Cluster, model: Model) =>
  compareAddresses(cluster, 'cluster.local', (namespace, name, family) =>
    [...ZONES, 'c'].map(zone => [`${zone}.pin._zone.`, model.inZone(namespace, name, zone, family)]),
  )

const compareClusters = (cluster: Cluster, model: Model) =>
  compareAddresses(cluster, 'set.local', function* (namespace, name, family) {
    yield ['', model.addresses(namespace, name, family)]
    for (const id of CLUSTERS) {
      for (const label of ['web-0', 'web-1', ...ADDRESSES.map(dashed)]) {
        const found = model.endpoint(namespace, name, label, family, id)
        yield [`${label}.${id === '' ? '' : `${id}.`}`, found]
      }
      if (id !== '') yield [`${id}.`, model.isCluster(namespace, name, id) ? [] : undefined]
    }
  })

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

test.run()
