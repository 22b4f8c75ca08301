/** What a cluster set has of its own: serial, synced kinds, changes; and the name servers of its zones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AnyKind, Json } from '../../../plugins/kubernetes/object/object.ts'
import { text } from '../../harness/message.ts'
import { type Cluster, clusterOf, importedSlice, namespace, service, serviceImport, slice } from './cluster.ts'

const ZONES = 'cluster.local clusterset.local in-addr.arpa'
const BODY = 'ttl 30\nmulticluster clusterset.local'
const objects: readonly Json[] = [
  namespace('prod'),
  service('web.prod', ['10.96.0.1'], ['http:tcp:80']),
  serviceImport('web.prod', ['10.112.0.1'], ['http:tcp:80']),
  serviceImport('db.prod', [], ['pg:tcp:5432']),
  importedSlice('db-east.prod', 'db', 'east', ['10.1.0.5=db-0'], ['pg:tcp:5432']),
]
const both = (): Cluster => clusterOf({ zones: ZONES, body: BODY, objects })

const unsynced: { name: string; unsynced: AnyKind[]; ask: string; body?: string; is: RegExp }[] = [
  {
    name: 'ServiceImports: what may be one',
    unsynced: ['serviceimport'],
    ask: 'nope.prod.svc.clusterset.local',
    is: /^SERVFAIL rd$/,
  },
  {
    name: "ServiceImports: the cluster's names are known",
    unsynced: ['serviceimport', 'importedslice'],
    ask: 'nope.prod.svc.cluster.local',
    is: /^NXDOMAIN/,
  },
  {
    name: "Services: the cluster set's names are known",
    unsynced: ['service', 'endpointslice'],
    ask: 'nope.prod.svc.clusterset.local',
    is: /^NXDOMAIN/,
  },
  {
    name: 'ServiceImports: what is known is answered',
    unsynced: ['serviceimport'],
    ask: 'web.prod.svc.clusterset.local',
    is: /^NOERROR aa rd\n;; ANSWER\n.* A 10\.112\.0\.1$/,
  },
  {
    name: 'imported slices: an endpoint',
    unsynced: ['importedslice'],
    ask: 'db-0.west.db.prod.svc.clusterset.local',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'imported slices: a cluster',
    unsynced: ['importedslice'],
    ask: 'west.db.prod.svc.clusterset.local',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'namespaces, in both',
    unsynced: ['namespace'],
    ask: 'nope.nowhere.svc.clusterset.local',
    is: /^SERVFAIL rd$/,
  },
]
for (const { name, unsynced: kinds, ask, is } of unsynced) {
  test(`unsynced ${name}`, async () => {
    assert.match(await clusterOf({ zones: ZONES, body: BODY, objects, unsynced: kinds }).ask(ask), is)
  })
}

test('ready once both are synced, and what is missing has its own name', async () => {
  const { stage, feed } = clusterOf({ zones: ZONES, body: BODY, unsynced: ['serviceimport', 'importedslice'] })
  assert.not.ok(stage.ready())
  assert.equal(feed.indexes.unsynced(), ['serviceimport', 'importedslice'])
  let waited = false
  const waiting = feed.indexes.whenSynced().then(() => {
    waited = true
  })
  feed.indexes.setSynced('serviceimport', true)
  assert.equal(feed.indexes.unsynced(), ['importedslice'])
  assert.not.ok(waited)
  feed.indexes.setSynced('importedslice', true)
  await waiting
  assert.ok(stage.ready())
})

const web = serviceImport('web.prod', ['10.112.0.1'], ['http:tcp:80'])
const db = importedSlice('db-east.prod', 'db', 'east', ['10.1.0.5=db-0'], ['pg:tcp:5432'])
const changes: { name: string; change: (cluster: Cluster) => void; moves: ('cluster' | 'set')[] }[] = [
  { name: 'a Service', change: c => c.put(service('new.prod', ['10.96.0.2'])), moves: ['cluster'] },
  { name: 'a slice', change: c => c.put(slice('w-1.prod', 'web', ['10.244.0.1'])), moves: ['cluster'] },
  {
    name: 'a new ServiceImport (CoreDNS: the other serial)',
    change: c => c.put(serviceImport('n.prod', [])),
    moves: ['set'],
  },
  { name: 'a ServiceImport that is gone (CoreDNS: the other serial)', change: c => c.remove(web), moves: ['set'] },
  {
    name: 'another ClusterSetIP (CoreDNS: none)',
    change: c => c.put(serviceImport('web.prod', ['10.112.0.9'], ['http:tcp:80'])),
    moves: ['set'],
  },
  { name: 'a ServiceImport that says the same', change: c => c.put(structuredClone(web)), moves: [] },
  {
    name: 'a ServiceImport whose status is another',
    change: c => c.put({ ...web, status: { clusters: [{ cluster: 'east' }] } }),
    moves: [],
  },
  {
    name: 'another endpoint',
    change: c => c.put(importedSlice('db-east.prod', 'db', 'east', ['10.1.0.6=db-0'], ['pg:tcp:5432'])),
    moves: ['set'],
  },
  {
    name: 'another cluster of the same length',
    change: c => c.put(importedSlice('db-east.prod', 'db', 'west', ['10.1.0.5=db-0'], ['pg:tcp:5432'])),
    moves: ['set'],
  },
  { name: 'an imported slice that says the same', change: c => c.put(structuredClone(db)), moves: [] },
  { name: 'an imported slice that is gone', change: c => c.remove(db), moves: ['set'] },
  { name: 'a namespace, which both have', change: c => c.put(namespace('new')), moves: ['cluster', 'set'] },
]
for (const { name, change, moves } of changes) {
  test(`serials: ${name}`, async () => {
    const cluster = both()
    const { cluster: own, clusterSet } = cluster.feed.indexes
    own.serial = clusterSet!.serial = 7
    change(cluster)
    assert.equal([own.serial > 7, clusterSet!.serial > 7], [moves.includes('cluster'), moves.includes('set')])
    for (const [zone, index] of [
      ['cluster.local', own],
      ['in-addr.arpa', own],
      ['clusterset.local', clusterSet!],
    ] as const) {
      assert.match(await cluster.ask(zone, { type: 'SOA' }), ` ${index.serial} 7200 1800 86400 30`)
    }
  })
}

test('changes show in the next answer', async () => {
  const cluster = both()
  const addresses = async (name: string) =>
    ((await cluster.ask(`${name}.svc.clusterset.local`)).match(/ A \S+/g) ?? []).map(record => record.slice(3))
  assert.equal(await addresses('db-0.east.db.prod'), ['10.1.0.5'])
  cluster.put(importedSlice('db-east.prod', 'db', 'north', ['10.1.0.6=db-0'], ['pg:tcp:5432']))
  assert.equal(await addresses('db-0.east.db.prod'), [])
  assert.equal(await addresses('db-0.north.db.prod'), ['10.1.0.6'])
  cluster.put(serviceImport('db.prod', ['10.112.0.5']))
  assert.equal(await addresses('db.prod'), ['10.112.0.5'])
  cluster.remove(serviceImport('db.prod', []))
  assert.equal(await addresses('db-0.north.db.prod'), [])
  cluster.put(serviceImport('db.prod', []))
  assert.equal(await addresses('db.prod'), ['10.1.0.6'])
  cluster.remove(namespace('prod'))
  assert.equal(await addresses('db.prod'), [])
})

test('a custom resource that is gone takes its objects with it, and they come back', async () => {
  const cluster = both()
  const { indexes } = cluster.feed
  assert.match(await cluster.ask('web.prod.svc.clusterset.local'), /^NOERROR/)
  await indexes.endList('serviceimport', indexes.beginList('serviceimport'))
  assert.match(await cluster.ask('web.prod.svc.clusterset.local'), /^NXDOMAIN/)
  assert.match(await cluster.ask('web.prod.svc.cluster.local'), 'A 10.96.0.1')
  cluster.put(web)
  assert.match(await cluster.ask('web.prod.svc.clusterset.local'), 'A 10.112.0.1')
})

test('a list of namespaces drops those that are gone from both', async () => {
  const cluster = both()
  const { indexes } = cluster.feed
  const token = indexes.beginList('namespace')
  indexes.put('namespace', { kind: 'namespace', name: 'other' })
  await indexes.endList('namespace', token)
  assert.match(await cluster.ask('web.prod.svc.clusterset.local'), /^NXDOMAIN/)
  assert.match(await cluster.ask('web.prod.svc.cluster.local'), /^NXDOMAIN/)
  assert.match(await cluster.ask('other.svc.clusterset.local'), /^NOERROR/)
})

const dns: readonly Json[] = [
  namespace('kube-system'),
  service('dns.kube-system', ['10.96.0.10'], ['dns:udp:53']),
  slice('dns-1.kube-system', 'dns', ['192.0.2.53'], ['dns:udp:53']),
]
const servers: { name: string; zones: string; objects: readonly Json[]; ask: string; type: string; is: string }[] = [
  {
    name: 'NS leads to the service in the zone of the cluster (CoreDNS: to a name that does not exist)',
    zones: ZONES,
    objects: dns,
    ask: 'clusterset.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    clusterset.local. 30 IN NS dns.kube-system.svc.cluster.local.
    ;; ADDITIONAL
    dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'NS without a zone of the cluster: ns.dns, with the address of the service',
    zones: 'clusterset.local',
    objects: dns,
    ask: 'clusterset.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    clusterset.local. 30 IN NS ns.dns.clusterset.local.
    ;; ADDITIONAL
    ns.dns.clusterset.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'NS without such a service',
    zones: 'clusterset.local',
    objects: [],
    ask: 'clusterset.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    clusterset.local. 30 IN NS ns.dns.clusterset.local.
    ;; ADDITIONAL
    ns.dns.clusterset.local. 30 IN A 192.0.2.53`,
  },
  {
    name: 'ns.dns, which the SOA names',
    zones: ZONES,
    objects: dns,
    ask: 'ns.dns.clusterset.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    ns.dns.clusterset.local. 30 IN A 10.96.0.10`,
  },
]
for (const { name, zones, objects: more, ask, type, is } of servers) {
  test(name, async () => {
    const site = { listen: { addresses: ['192.0.2.53'], udpBytes: 1232 } }
    assert.is(await clusterOf({ zones, body: BODY, objects: more, site }).ask(ask, { type }), text`${is}`)
  })
}

test.run()
