/** The zone as `transfer` sends it, held against what its names are answered with. */
import { decode } from 'dns-packet'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { query, readReply, recordText } from '../../harness/message.ts'
import { namespace, pod, service, slice } from './cluster.ts'
import * as set from './cluster-set.ts'
import { clusterWith, ENDPOINTS, LARGE, ZONE } from './transferred.ts'

/** All records that the names of a transfer are answered with. */
async function answered(send: (message: Uint8Array) => Promise<Uint8Array>, records: readonly string[]) {
  const sets = new Set(records.map(record => `${record.split(' ')[0]} ${record.split(' ')[3]}`))
  const found: string[] = []
  for (const set of sets) {
    const [name, type] = set.split(' ')
    const { answers } = readReply(await send(query(name!.slice(0, -1), { type: type! })))
    const owned = (answers ?? []).map(recordText).filter(record => record.startsWith(`${name} `))
    found.push(...owned)
  }
  return found.sort()
}

for (const { name, options } of [
  { name: 'the cluster of the tables', options: { body: 'ttl 30' } },
  { name: 'with endpoint_pod_names', options: { body: 'endpoint_pod_names' } },
  { name: 'some namespaces', options: { body: 'namespaces default' } },
  { name: 'ignore empty_service', options: { body: 'ignore empty_service' } },
  { name: 'noendpoints', options: { body: 'noendpoints' } },
  {
    name: 'this server behind a service',
    options: { site: { listen: { addresses: ['10.244.0.20'], udpBytes: 1232 } } },
  },
  {
    name: 'this server behind a headless one',
    options: { site: { listen: { addresses: ['10.244.0.1'], udpBytes: 1232 } } },
  },
  {
    name: 'ports that differ between slices',
    options: {
      objects: [
        namespace('prod'),
        service('a.prod', [], ['http:tcp:80']),
        slice('a-1.prod', 'a', ['10.0.0.1', '10.0.0.2=x'], ['http:tcp:8080', ':tcp:1']),
        slice('a-2.prod', 'a', ['10.0.0.1', '10.0.0.3', 'fd00::1=x'], ['http:tcp:8081', 'http:udp:8080']),
        slice('a-3.prod', 'a', ['56.48.56.48=y'], ['http:tcp:8080', 'h2:tcp:8080']),
      ],
    },
  },
]) {
  test(`${name}: what is sent is what is answered, once each`, async () => {
    const { transfer, send } = clusterWith(options)
    const { records } = await transfer()
    const soa = records.shift()
    assert.is(records.pop(), soa)
    assert.ok(records.length > 5)
    assert.is(new Set(records).size, records.length)
    assert.equal(records.toSorted(), await answered(message => send(message, true), records))
  })
}

test('a multicluster zone: what is sent is what is answered, once each, under its own serial', async () => {
  const { transfer, send, feed } = clusterWith({
    zones: set.ZONES,
    body: 'ttl 30\nmulticluster clusterset.local',
    objects: set.objects,
  })
  feed.indexes.cluster.serial = 7
  feed.indexes.clusterSet!.serial = 4_000_000_000
  const { records } = await transfer('clusterset.local')
  const soa = records.shift()
  assert.match(soa!, ' 4000000000 7200 1800 86400 30')
  assert.is(records.pop(), soa)
  assert.is(new Set(records).size, records.length)
  assert.equal(records.toSorted(), await answered(message => send(message, true), records))
  for (const record of [
    'web.prod.svc.clusterset.local. 30 IN A 10.112.0.1',
    'db-0.west.db.prod.svc.clusterset.local. 30 IN A 10.2.0.5',
    '_pg._tcp.db.prod.svc.clusterset.local. 30 IN SRV 0 20 5432 db-0.east.db.prod.svc.clusterset.local.',
    'x.one.reg.split.prod.svc.clusterset.local. 30 IN A 10.3.0.1',
    'dns-version.clusterset.local. 28800 IN TXT "1.0.0"',
  ]) {
    assert.ok(records.includes(record), record)
  }
  const own = await transfer('cluster.local')
  assert.ok(own.records.includes('web.prod.svc.cluster.local. 30 IN A 10.96.0.1'))
  assert.is(own.records.filter(record => /10\.112|10\.1\.0/.test(record)).length, 0)
})

test('the whole of a small zone', async () => {
  const { transfer, index } = clusterWith({
    body: 'ttl 30',
    objects: [
      namespace('prod'),
      namespace('other'),
      service('web.prod', ['10.96.0.1', 'fd00::1'], ['http:tcp:80', ':udp:53']),
      service('db.prod', [], ['pg:tcp:5432']),
      slice('db-1.prod', 'db', ['10.0.0.1=db-0', '10.0.0.2', '!10.0.0.3'], ['pg:tcp:5432']),
      service('db.other', ['10.96.0.2']),
      service('lost.nowhere', ['10.96.0.3']),
      pod('p.prod', '10.0.0.9'),
    ],
    site: { listen: { addresses: ['127.0.0.1'], udpBytes: 1232 } },
  })
  index.serial = 7
  const { records, replies } = await transfer()
  const soa = `${ZONE}. 30 IN SOA ns.dns.${ZONE}. hostmaster.${ZONE}. 7 7200 1800 86400 30`
  assert.equal(
    records.map(record => record.replaceAll(`.${ZONE}.`, '')),
    [
      soa.replaceAll(`.${ZONE}.`, ''),
      `${ZONE}. 30 IN NS ns.dns`,
      'ns.dns 30 IN A 127.0.0.1',
      'dns-version 28800 IN TXT "1.1.0"',
      'db.other.svc 30 IN A 10.96.0.2',
      'db.prod.svc 30 IN A 10.0.0.1',
      'db-0.db.prod.svc 30 IN A 10.0.0.1',
      'db.prod.svc 30 IN SRV 0 50 5432 db-0.db.prod.svc',
      '_pg._tcp.db.prod.svc 30 IN SRV 0 50 5432 db-0.db.prod.svc',
      'db.prod.svc 30 IN A 10.0.0.2',
      '10-0-0-2.db.prod.svc 30 IN A 10.0.0.2',
      'db.prod.svc 30 IN SRV 0 50 5432 10-0-0-2.db.prod.svc',
      '_pg._tcp.db.prod.svc 30 IN SRV 0 50 5432 10-0-0-2.db.prod.svc',
      'web.prod.svc 30 IN A 10.96.0.1',
      'web.prod.svc 30 IN AAAA fd00::1',
      'web.prod.svc 30 IN SRV 0 25 80 web.prod.svc',
      '_http._tcp.web.prod.svc 30 IN SRV 0 50 80 web.prod.svc',
      'web.prod.svc 30 IN SRV 0 25 53 web.prod.svc',
      soa.replaceAll(`.${ZONE}.`, ''),
    ],
  )
  assert.is(replies.length, 1)
  assert.ok(replies[0]!.flag_aa)
})

test('a large zone, and a service larger than a message: all of it, once, in messages that fit', async () => {
  const { transfer, index } = clusterWith({ objects: LARGE })
  const { messages, replies, records } = await transfer()
  assert.ok(messages.length > 20, `${messages.length} messages`)
  for (const message of messages) assert.ok(message.length <= 65_535)
  for (const reply of replies) assert.equal([reply.rcode, reply.flag_tc, reply.flag_aa], ['NOERROR', false, true])
  const soa = records.shift()!
  assert.is(records.pop(), soa)
  assert.ok(soa.includes(' SOA ') && !records.some(record => record.includes(' SOA ')))
  assert.is(new Set(records).size, records.length)
  const ofServices = 3000 * 3
  const ofEndpoints = ENDPOINTS * 6
  assert.is(records.filter(record => record.includes('.prod.svc.')).length, ofServices + ofEndpoints)
  assert.ok(index.serial > 0)
})

test('a serial that was sent is not that of a later change, not even within its second', async () => {
  const { transfer, index, put } = clusterWith()
  const { records } = await transfer()
  const serial = Number(records[0]!.split(' ')[6])
  assert.is(index.serial, serial)
  put(service('another.prod', ['10.96.7.7']))
  assert.ok(index.serial > serial)
})

test('names that are too long are left out', async () => {
  const long = 'x'.repeat(63)
  const { transfer } = clusterWith({
    zones: `${long}.${'y'.repeat(60)}.cluster.local`,
    objects: [
      namespace('n'.repeat(60)),
      service(`s.${'n'.repeat(60)}`, [], [`${long}:tcp:1`, 'a:tcp:2']),
      slice(`s-1.${'n'.repeat(60)}`, 's', ['10.0.0.1=x', `10.0.0.2=${long}`], [`${long}:tcp:1`, 'a:tcp:2']),
    ],
  })
  const { replies, records } = await transfer(`${long}.${'y'.repeat(60)}.cluster.local`)
  assert.is(replies[0]!.rcode, 'NOERROR')
  assert.ok(records.some(record => record.startsWith('_a._tcp.s.')))
  assert.not.ok(records.some(record => record.includes(`${long}.s.`) || record.startsWith(`_${long}`)))
})

for (const zone of [
  'svc.cluster.local',
  'web.prod.svc.cluster.local',
  'in-addr.arpa',
  'example',
  '96.10.in-addr.arpa',
]) {
  test(`no zone: ${zone}`, async () => {
    const { replies } = await clusterWith().transfer(zone)
    assert.is(replies.length, 1)
    assert.is(replies[0]!.rcode, 'NOTAUTH')
  })
}

test('a cluster that is not known yet is not sent', async () => {
  const { transfer } = clusterWith({ unsynced: ['endpointslice'] })
  const { replies } = await transfer()
  assert.is(replies[0]!.rcode, 'SERVFAIL')
})

test('what is known from a snapshot only is not sent', async () => {
  const { transfer, index, feed } = clusterWith({ unsynced: ['namespace', 'service', 'endpointslice'], objects: [] })
  for (const kind of ['namespace', 'service', 'endpointslice'] as const) index.beginRestore(kind)
  index.restore({ kind: 'namespace', name: 'prod' })
  const ports = { externalName: undefined, headless: false, ports: [] }
  index.restore({ kind: 'service', namespace: 'prod', name: 'old', clusterIPs: ['10.96.0.9'], ...ports })
  assert.is(feed.isCovered, true)
  const { replies } = await transfer()
  assert.equal([replies.length, replies[0]!.rcode, replies[0]!.answers?.length], [1, 'SERVFAIL', 0])
})

test('dns-packet reads each message by itself', async () => {
  const { messages } = await clusterWith().transfer()
  for (const message of messages) assert.is(decode(Buffer.from(message)).questions?.[0]?.type, 'AXFR')
})

test.run()
