/** A cluster, its snapshot, and a fresh index of that: the same answers. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Endpoint, EndpointSlice } from '../../../../plugins/kubernetes/object/endpointslice.ts'
import { KINDS, SET_KINDS, type SetKind, type SlimObject } from '../../../../plugins/kubernetes/object/object.ts'
import type { Pod } from '../../../../plugins/kubernetes/object/pod.ts'
import type { Service } from '../../../../plugins/kubernetes/object/service.ts'
import { allSections } from '../../../../plugins/kubernetes/snapshot/section.ts'
import { WorkSlices } from '../../../../server/work-slices.ts'
import { query, replyText } from '../../../harness/message.ts'
import { type Cluster, clusterOf, namespace, pod, service, slice } from '../cluster.ts'
import * as set from '../cluster-set.ts'
import { dashed } from '../index/model.ts'
import { objects } from '../objects.ts'
import { countsOf, indexOf, read, SMALL, write } from './pictures.ts'

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const NAMESPACES = ['a', 'b']
const SERVICES = ['s', 't', 'u']
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '192.168.255.254', 'fd00::1', 'fd00::', '2001:db8::5:1']
const LABELS = ['web-0', 'p-0', ...ADDRESSES.map(dashed)]
const addresses = fc.uniqueArray(one(...ADDRESSES), { maxLength: 3 })
const ports = fc.uniqueArray(
  fc.record({ name: one('', 'http', 'dns'), protocol: one('tcp', 'udp'), port: one(0, 53, 65_535) }),
  { maxLength: 2 },
)
const services: fc.Arbitrary<Service> = fc
  .record({
    namespace: one(...NAMESPACES),
    name: one(...SERVICES),
    clusterIPs: addresses,
    headless: fc.boolean(),
    externalName: one(undefined, undefined, undefined, 'Target.example', 'a\\.b.example.', '192.0.2.1', ''),
    ports,
  })
  .map(made => ({ kind: 'service', ...made, clusterIPs: made.headless ? [] : made.clusterIPs }))
const endpoints: fc.Arbitrary<Endpoint> = fc.record({
  addresses: fc.uniqueArray(one(...ADDRESSES), { maxLength: 2 }),
  hostname: one('', '', 'web-0'),
  podName: one('', 'p-0'),
})
const slices: fc.Arbitrary<EndpointSlice> = fc.record({
  kind: fc.constant('endpointslice' as const),
  namespace: one(...NAMESPACES, 'nowhere'),
  name: one('s-1', 's-2', 't-1'),
  service: one(...SERVICES, 'orphan'),
  endpoints: fc.array(endpoints, { maxLength: 4 }),
  ports,
  lastChangeTriggerMs: fc.constant(7),
})
const pods: fc.Arbitrary<Pod> = fc.record({
  kind: fc.constant('pod' as const),
  namespace: one(...NAMESPACES),
  name: one('p-0', 'p.x'),
  hostNetwork: fc.boolean(),
  ips: addresses,
})
const clusters: fc.Arbitrary<SlimObject[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: services }, { weight: 4, arbitrary: slices }, { weight: 2, arbitrary: pods }),
  { maxLength: 30 },
)

const BODY = 'pods verified\nendpoint_pod_names'
const PICTURE_BODY = { endpointPodNames: true }

test('what was restored answers as what was written', async () => {
  await fc.assert(
    fc.asyncProperty(clusters, async all => {
      const before = clusterOf({ body: BODY, objects: NAMESPACES.map(name => namespace(name)) })
      for (const object of all) before.index.put(object.kind, object)
      const after = await restored(before)
      for (const [name, type] of [...questions(), ...reverseQuestions(all)]) {
        assert.is(await answer(after, name, type), await answer(before, name, type), `${name} ${type}`)
      }
      // A list of the same objects finds nothing new, and nothing to remove.
      const { changes } = after.index
      const last = new Map(all.map(object => [keyOf(object), object]))
      for (const kind of KINDS) {
        const token = after.index.beginList(kind)
        if (kind === 'namespace') for (const name of NAMESPACES) after.index.put(kind, { kind, name })
        for (const object of last.values()) if (object.kind === kind) after.index.put(kind, object)
        await after.index.endList(kind, token)
      }
      assert.is(after.index.changes, changes)
    }),
    { numRuns: 60 },
  )
})

test('a cluster with all there is', async () => {
  const before = clusterOf({ body: 'pods verified', objects })
  const after = await restored(before)
  assert.equal(countsOf(after.index), countsOf(before.index))
  for (const name of ['out.prod', 'broken.prod', 'db.prod', 'dual.prod', 'lost.nowhere', 'six.prod', 'unready.prod']) {
    for (const type of ['A', 'AAAA', 'SRV', 'CNAME']) {
      const asked = `${name}.svc.cluster.local`
      assert.is(await answer(after, asked, type), await answer(before, asked, type), `${asked} ${type}`)
    }
  }
})

test('topology zones, and clusters that endpoints were imported from', async () => {
  const zones = 'cluster.local clusterset.local'
  const body = 'ttl 5\nzonal\nmulticluster clusterset.local'
  const own = [
    service('z.prod', []),
    slice('z-1.prod', 'z', ['10.9.0.1=x~eu-1a', '10.9.0.2~corp.example', '10.9.0.3', 'fd00::9~eu-1a']),
  ]
  const before = clusterOf({ zones, body, objects: [...set.objects, ...own] })
  const { indexes } = before.feed
  const kinds = [...KINDS, ...(Object.keys(SET_KINDS) as SetKind[])]
  const file = await write(indexes.cluster, { sections: allSections(indexes, kinds) })
  const after = clusterOf({ zones, body, unsynced: kinds })
  await read(file, after.index, { sections: allSections(after.feed.indexes, kinds) })
  assert.ok(after.feed.indexes.isCovered)
  assert.match(await answer(after, 'web.prod.svc.clusterset.local', 'A'), ' A 10.112.0.1')
  for (const kind of kinds) after.feed.indexes.setSynced(kind, true)
  for (const { cluster, clusterSet } of [indexes, after.feed.indexes]) cluster.serial = clusterSet!.serial = 7
  const names = ['web', 'db', 'db-0.west.db', 'x.one.reg.split', 'x.stray', 'reg.split', 'pending', '_pg._tcp.db']
  const zonal = ['eu-1a.pin', 'corp.example.pin', 'eu-1b.pin', 'eu-1b.prefer'].map(name => `${name}._zone.z`)
  for (const asked of [
    ...names.map(name => `${name}.prod.svc.clusterset.local`),
    ...zonal.map(name => `${name}.prod.svc.cluster.local`),
  ]) {
    for (const type of ['A', 'AAAA', 'SRV'])
      assert.is(await answer(after, asked, type), await answer(before, asked, type), `${asked} ${type}`)
  }
})

test('an empty cluster', async () => {
  const restored = await read(await write(indexOf([])))
  assert.equal([...restored!.counts.values()], [0, 0, 0, 0])
})

test('objects larger than what is read at a time', async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}=host-${i}`)
  const before = clusterOf({ objects: [namespace('a'), service('s.a', []), slice('s-1.a', 's', many)] })
  const after = await restored(before)
  const asked = 'host-19999.s.a.svc.cluster.local'
  assert.match(await answer(after, asked, 'A'), /IN A 10\.0\.78\.31/)
  assert.is(await answer(after, asked, 'A'), await answer(before, asked, 'A'))
})

test('the index changes while it is written: each object is as it was at some moment, what stood all the time is there', async () => {
  const stays = Array.from({ length: 300 }, (_, i) => pod(`stay-${i}.a`, `10.0.${i >> 8}.${i & 255}`))
  const index = indexOf([namespace('a'), ...stays])
  const writing = write(index, { slices: new WorkSlices(0) })
  let over = false
  writing.finally(() => {
    over = true
  })
  for (let round = 0; !over; round++) {
    // Pods come and go until tables are rebuilt and blocks are used again by others; those that stay move.
    for (let i = 0; i < 40; i++) {
      const name = `come-${(round * 17 + i) % 900}`
      if ((round + i) % 3 === 0) index.delete('pod', 'a', name)
      else index.put('pod', { kind: 'pod', namespace: 'a', name, ips: [`10.9.${round & 255}.${i}`] })
    }
    const moved = `stay-${round % 300}`
    index.put('pod', {
      kind: 'pod',
      namespace: 'a',
      name: moved,
      ips: [`10.8.0.${round & 255}`, `fd00::${round & 255}`],
    })
    await new Promise(resolve => setImmediate(resolve))
  }
  const fresh = indexOf([])
  for (const kind of KINDS) fresh.setSynced(kind, false)
  await read(await writing, fresh)
  for (let i = 0; i < 300; i++) assert.ok(fresh.pods.named('a', `stay-${i}`) !== 0, `stay-${i}`)
})

test('what a source told is not overwritten, and what it listed goes with its list', async () => {
  const file = await write(indexOf([...SMALL, service('gone.a', ['10.0.0.9'])]))
  const cluster = clusterOf({ unsynced: [...KINDS], body: 'pods verified' })
  const { index } = cluster
  const token = index.beginList('service')
  const current = {
    kind: 'service',
    namespace: 'a',
    name: 's',
    headless: false,
    externalName: undefined,
    ports: [],
  } as const
  index.put('service', { ...current, clusterIPs: ['10.0.0.2'] })
  await read(file, index)
  assert.match(await answer(cluster, 's.a.svc.cluster.local', 'A'), /IN A 10\.0\.0\.2$/)
  assert.match(await answer(cluster, 'gone.a.svc.cluster.local', 'A'), /IN A 10\.0\.0\.9$/)
  await index.endList('service', token)
  for (const kind of KINDS) index.setSynced(kind, true)
  assert.match(await answer(cluster, 's.a.svc.cluster.local', 'A'), /IN A 10\.0\.0\.2$/)
  assert.match(await answer(cluster, 'gone.a.svc.cluster.local', 'A'), /^NXDOMAIN/)
  assert.is(index.staleKinds, 0)
})

test('nothing is restored of a kind that is synced, or that nobody wants', async () => {
  const file = await write(indexOf(SMALL))
  const synced = indexOf([])
  await read(file, synced)
  assert.equal(countsOf(synced), { namespace: 0, service: 0, endpointslice: 0, pod: 0 })
  const withoutPods = clusterOf({ unsynced: [...KINDS] })
  await read(file, withoutPods.index)
  assert.equal(countsOf(withoutPods.index), { namespace: 1, service: 1, endpointslice: 1, pod: 0 })
})

async function restored(before: Cluster): Promise<Cluster> {
  const picture = { server: '', ca: '', labels: '', namespaceLabels: '', ...PICTURE_BODY }
  const file = await write(before.index, { header: { takenAtMs: Date.now(), picture } })
  const after = clusterOf({ body: BODY, unsynced: [...KINDS] })
  await read(file, after.index, { picture, nowMs: Date.now() })
  for (const kind of KINDS) after.index.setSynced(kind, true)
  before.index.serial = after.index.serial = 7
  return after
}

function keyOf(object: SlimObject): string {
  return `${object.kind} ${object.kind === 'namespace' ? '' : object.namespace} ${object.name}`
}

function questions(): [string, string][] {
  const asked: [string, string][] = []
  for (const space of [...NAMESPACES, 'nowhere']) {
    asked.push([`${space}.svc.cluster.local`, 'A'])
    for (const name of SERVICES) {
      const at = `${name}.${space}.svc.cluster.local`
      for (const type of ['A', 'AAAA', 'SRV', 'CNAME']) asked.push([at, type])
      asked.push([`_http._tcp.${at}`, 'SRV'], [`_dns._udp.${at}`, 'SRV'])
      for (const label of LABELS) asked.push([`${label}.${at}`, 'A'], [`${label}.${at}`, 'SRV'])
    }
    for (const address of ADDRESSES) asked.push([`${dashed(address)}.${space}.pod.cluster.local`, 'A'])
  }
  return asked
}

/** Of several services with one ClusterIP, which the API does not allow, any may be answered. */
function reverseQuestions(all: readonly SlimObject[]): [string, string][] {
  const claimed = all.flatMap(object => (object.kind === 'service' ? object.clusterIPs : []))
  return ADDRESSES.filter(address => !address.includes(':'))
    .filter(address => claimed.indexOf(address) === claimed.lastIndexOf(address))
    .map(address => [`${address.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR'])
}

/** The reply as text, records in one order: that of slices is nobody's promise. */
async function answer(cluster: Cluster, name: string, type: string): Promise<string> {
  const lines = replyText(await cluster.send(query(name, { type }), true)).split('\n')
  return [lines[0], ...lines.slice(1).sort()].join('\n')
}

test.run()
