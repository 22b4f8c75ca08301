/** Names of a headless service's endpoints by topology zone: `TZ.pin|prefer._zone.SVC.NS.svc.ZONE`. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Json } from '../../../plugins/kubernetes/object/object.ts'
import { query, readReply, text } from '../../harness/message.ts'
import { type Cluster, clusterOf, externalName, namespace, service, serviceImport, slice } from './cluster.ts'
import { nodata, nxdomain } from './rows.ts'

const objects: readonly Json[] = [
  namespace('prod'),
  namespace('other'),
  service('db.prod', [], ['pg:tcp:5432']),
  slice('db-1.prod', 'db', ['10.1.0.1~us-west-2a', '10.1.0.2~us-west-2b', '10.1.0.3'], ['pg:tcp:5432']),
  slice('db-2.prod', 'db', ['10.1.0.4=db-3~US-West-2B', '!10.1.0.5~us-west-2c'], ['pg:tcp:5432']),
  slice('db-3.prod', 'db', ['fd00:1::1~us-west-2a'], ['pg:tcp:5432']),
  service('dotted.prod', []),
  slice('dotted-1.prod', 'dotted', ['10.2.0.1~corp.example.com', '10.2.0.2~example.com']),
  service('six.prod', [], ['a:tcp:1']),
  slice('six-1.prod', 'six', ['fd00:6::1~a', 'fd00:6::2~b'], ['a:tcp:1']),
  service('twice.prod', [], ['a:tcp:1', 'b:tcp:2']),
  slice('twice-1.prod', 'twice', ['10.3.0.1=x~a', '10.3.0.1=y~a', '10.3.0.2=x~b'], ['a:tcp:1', 'b:tcp:2']),
  service('zoneless.prod', []),
  slice('zoneless-1.prod', 'zoneless', ['10.4.0.1']),
  service('empty.prod', [], ['a:tcp:1']),
  service('web.prod', ['10.96.0.1'], ['http:tcp:80']),
  slice('web-1.prod', 'web', ['10.1.1.1~us-west-2a'], ['http:tcp:80']),
  externalName('out.prod', 'target.example'),
  service('lost.nowhere', []),
  slice('lost-1.nowhere', 'lost', ['10.9.0.1~us-west-2a']),
]

interface Row {
  name: string
  /** What stands left of `prod.svc.cluster.local`. */
  ask: string
  type?: string
  body?: string
  /** Addresses of the answer; or the whole reply. */
  is: string | string[]
}

const DB = 'db'
const rows: Row[] = [
  { name: 'pin: the endpoints of a zone', ask: `us-west-2a.pin._zone.${DB}`, is: ['10.1.0.1'] },
  {
    name: 'of all slices, whatever case they have it in',
    ask: `us-west-2b.pin._zone.${DB}`,
    is: ['10.1.0.2', '10.1.0.4'],
  },
  { name: 'in any case', ask: `US-WEST-2B.Pin._Zone.${DB}`, is: ['10.1.0.2', '10.1.0.4'] },
  { name: 'IPv6', ask: `us-west-2a.pin._zone.${DB}`, type: 'AAAA', is: ['fd00:1::1'] },
  { name: 'the other family', ask: `us-west-2b.pin._zone.${DB}`, type: 'AAAA', is: nodata },
  { name: 'pin: only an endpoint that is not ready', ask: `us-west-2c.pin._zone.${DB}`, is: nodata },
  { name: 'pin: no such zone', ask: `mars.pin._zone.${DB}`, is: nodata },
  ...['TXT', 'SRV', 'MX', 'HTTPS', 'SOA', 'NS', 'PTR', 'CNAME'].map(type => ({
    name: 'pin: a zone without endpoints, like any name that exists',
    ask: `mars.pin._zone.${DB}`,
    type,
    is: nodata,
  })),
  { name: 'pin: the beginning of a zone', ask: `us-west.pin._zone.${DB}`, is: nodata },
  { name: 'another type of a zone with endpoints', ask: `us-west-2a.pin._zone.${DB}`, type: 'TXT', is: nodata },
  { name: 'prefer: the endpoints of a zone', ask: `us-west-2a.prefer._zone.${DB}`, is: ['10.1.0.1'] },
  {
    name: 'prefer: all if the zone has none',
    ask: `us-west-2c.prefer._zone.${DB}`,
    is: ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'],
  },
  { name: 'prefer: IPv6 of all', ask: `mars.prefer._zone.${DB}`, type: 'AAAA', is: ['fd00:1::1'] },
  {
    name: 'prefer: a zone that has endpoints of the other family alone is not left',
    ask: `us-west-2b.prefer._zone.${DB}`,
    type: 'AAAA',
    is: nodata,
  },
  { name: 'prefer: another type', ask: `mars.prefer._zone.${DB}`, type: 'TXT', is: nodata },

  { name: 'a zone of several labels', ask: 'corp.example.com.pin._zone.dotted', is: ['10.2.0.1'] },
  { name: 'another one, which ends like it', ask: 'example.com.pin._zone.dotted', is: ['10.2.0.2'] },
  { name: 'not half of it', ask: 'com.pin._zone.dotted', is: nodata },
  { name: 'a zone named like a directive', ask: 'prefer.pin._zone.dotted', is: nodata },
  { name: 'IPv6 alone', ask: 'b.pin._zone.six', type: 'AAAA', is: ['fd00:6::2'] },
  { name: 'endpoints without a zone', ask: 'a.pin._zone.zoneless', is: nodata },
  { name: 'endpoints without a zone: prefer', ask: 'a.prefer._zone.zoneless', is: ['10.4.0.1'] },
  { name: 'an address under two names is answered once', ask: 'a.pin._zone.twice', is: ['10.3.0.1'] },

  {
    name: 'SRV of the zone alone',
    ask: `us-west-2b.pin._zone.${DB}`,
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    us-west-2b.pin._zone.db.prod.svc.cluster.local. 30 IN SRV 0 50 5432 10-1-0-2.db.prod.svc.cluster.local.
    us-west-2b.pin._zone.db.prod.svc.cluster.local. 30 IN SRV 0 50 5432 db-3.db.prod.svc.cluster.local.
    ;; ADDITIONAL
    10-1-0-2.db.prod.svc.cluster.local. 30 IN A 10.1.0.2
    db-3.db.prod.svc.cluster.local. 30 IN A 10.1.0.4`,
  },
  {
    name: 'SRV: each port of each endpoint',
    ask: 'a.pin._zone.twice',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    a.pin._zone.twice.prod.svc.cluster.local. 30 IN SRV 0 25 1 x.twice.prod.svc.cluster.local.
    a.pin._zone.twice.prod.svc.cluster.local. 30 IN SRV 0 25 2 x.twice.prod.svc.cluster.local.
    a.pin._zone.twice.prod.svc.cluster.local. 30 IN SRV 0 25 1 y.twice.prod.svc.cluster.local.
    a.pin._zone.twice.prod.svc.cluster.local. 30 IN SRV 0 25 2 y.twice.prod.svc.cluster.local.
    ;; ADDITIONAL
    x.twice.prod.svc.cluster.local. 30 IN A 10.3.0.1
    y.twice.prod.svc.cluster.local. 30 IN A 10.3.0.1`,
  },
  {
    name: 'SRV of prefer: all if the zone has none',
    ask: 'mars.prefer._zone.six',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    mars.prefer._zone.six.prod.svc.cluster.local. 30 IN SRV 0 50 1 fd00-6--1.six.prod.svc.cluster.local.
    mars.prefer._zone.six.prod.svc.cluster.local. 30 IN SRV 0 50 1 fd00-6--2.six.prod.svc.cluster.local.
    ;; ADDITIONAL
    fd00-6--1.six.prod.svc.cluster.local. 30 IN AAAA fd00:6::1
    fd00-6--2.six.prod.svc.cluster.local. 30 IN AAAA fd00:6::2`,
  },
  { name: 'SRV without ports', ask: 'corp.example.com.pin._zone.dotted', type: 'SRV', is: nodata },

  { name: 'an unknown directive', ask: `us-west-2a.florp._zone.${DB}`, is: nxdomain },
  { name: 'an unknown directive of any type', ask: `us-west-2a.florp._zone.${DB}`, type: 'TXT', is: nxdomain },
  { name: 'a service with a ClusterIP', ask: 'us-west-2a.pin._zone.web', is: nxdomain },
  { name: 'a service with a ClusterIP: prefer', ask: 'us-west-2a.prefer._zone.web', type: 'SRV', is: nxdomain },
  { name: 'an ExternalName', ask: 'us-west-2a.pin._zone.out', is: nxdomain },
  { name: 'no service', ask: 'us-west-2a.pin._zone.ghost', is: nxdomain },
  { name: 'no service of any type', ask: 'us-west-2a.pin._zone.ghost', type: 'TXT', is: nxdomain },
  { name: 'a label that only resembles', ask: `us-west-2a.pin.zone.${DB}`, is: nxdomain },
  { name: 'a headless service without endpoints', ask: 'us-west-2a.pin._zone.empty', is: nodata },
  { name: 'a headless service without endpoints: prefer', ask: 'us-west-2a.prefer._zone.empty', is: nodata },
  {
    name: 'namespaces: one that is not listed',
    ask: `us-west-2a.pin._zone.${DB}`,
    body: 'namespaces other',
    is: nxdomain,
  },

  { name: 'RFC 8020: above a zone (CoreDNS: NXDOMAIN)', ask: `pin._zone.${DB}`, is: nodata },
  { name: 'RFC 8020: above a preferred one', ask: `prefer._zone.${DB}`, type: 'SRV', is: nodata },
  { name: 'RFC 8020: above both', ask: `_zone.${DB}`, is: nodata },
  { name: 'nothing below an unknown directive', ask: `florp._zone.${DB}`, is: nxdomain },
  { name: 'nothing above the zones of a ClusterIP', ask: 'pin._zone.web', is: nxdomain },
  { name: 'nothing above both there', ask: '_zone.web', is: nxdomain },
  { name: 'nothing above the zones of no service', ask: '_zone.ghost', is: nxdomain },

  { name: 'other names are what they were', ask: DB, is: ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'] },
  { name: 'endpoints too', ask: `db-3.${DB}`, is: ['10.1.0.4'] },
  {
    name: 'ports too',
    ask: `_pg._tcp.${DB}`,
    is: ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'],
  },
]

const clusters = new Map<string, Cluster>()
function clusterWith(body: string): Cluster {
  const known = clusters.get(body) ?? clusterOf({ body: `ttl 30\n${body}`, objects })
  known.index.serial = 7
  clusters.set(body, known)
  return known
}

for (const { name, ask, type = 'A', body = '', is } of rows) {
  test(`${name}: ${ask} ${type}`, async () => {
    const cluster = clusterWith(`zonal\n${body}`)
    const asked = `${ask}.prod.svc.cluster.local`
    const records = (addresses: string[]) => addresses.map(address => `${asked}. 30 IN ${type} ${address}`)
    const expected = typeof is === 'string' ? is : ['NOERROR aa rd', ';; ANSWER', ...records(is)].join('\n')
    assert.is(await cluster.ask(asked, { type }, true), text`${expected}`)
  })
}

for (const ask of [`us-west-2a.pin._zone.${DB}`, `pin._zone.${DB}`, `_zone.${DB}`]) {
  test(`without the option there is no ${ask}, and no zone is kept`, async () => {
    assert.is(await clusterWith('').ask(`${ask}.prod.svc.cluster.local`), nxdomain)
    assert.ok(clusterWith('').index.slab.usedBytes < clusterWith('zonal').index.slab.usedBytes)
  })
}

test('a zone of several labels, each of the longest, and one label more', async () => {
  const cluster = clusterOf({ body: 'zonal', objects })
  const zone = `${'a'.repeat(30)}.${'b'.repeat(32)}`
  cluster.put(slice('dotted-2.prod', 'dotted', [`10.2.0.3~${zone}`]))
  assert.match(await cluster.ask(`${zone}.pin._zone.dotted.prod.svc.cluster.local`), ' A 10.2.0.3')
  assert.not.match(await cluster.ask(`x.${zone}.pin._zone.dotted.prod.svc.cluster.local`), ' A ')
})

test('a label with a dot in it is no zone of two labels', async () => {
  const message = query('corp_example.com.pin._zone.dotted.prod.svc.cluster.local')
  message[message.indexOf('_')] = 0x2e
  const { rcode, answers } = readReply(await clusterWith('zonal').send(message))
  assert.equal([rcode, answers?.length], ['NOERROR', 0])
})

test('in a multicluster zone there are none', async () => {
  const cluster = clusterOf({
    zones: 'cluster.local clusterset.local',
    body: 'ttl 30\nzonal\nmulticluster clusterset.local',
    objects: [...objects, serviceImport('db.prod', [], ['pg:tcp:5432'])],
  })
  assert.match(await cluster.ask(`us-west-2a.pin._zone.${DB}.prod.svc.cluster.local`), ' A 10.1.0.1')
  assert.match(await cluster.ask(`us-west-2a.pin._zone.${DB}.prod.svc.clusterset.local`), /^NXDOMAIN/)
  assert.match(await cluster.ask(`_zone.${DB}.prod.svc.clusterset.local`), /^NXDOMAIN/)
})

test('before endpoints are synced an empty zone is not known to be empty', async () => {
  const cluster = clusterOf({ body: 'zonal', objects, unsynced: ['endpointslice'] })
  const ask = (name: string) => cluster.ask(`${name}.prod.svc.cluster.local`)
  assert.is(await ask(`mars.pin._zone.${DB}`), 'SERVFAIL rd')
  assert.is(await ask('mars.prefer._zone.empty'), 'SERVFAIL rd')
  assert.match(await ask(`us-west-2a.pin._zone.${DB}`), ' A 10.1.0.1')
  cluster.index.setSynced('endpointslice', true)
  assert.match(await ask(`mars.pin._zone.${DB}`), /^NOERROR/)
})

test('a zone that changes is in the next answer, and moves the serial; without the option it does neither', async () => {
  const before = slice('db-1.prod', 'db', ['10.1.0.1~aa', '10.1.0.2~bb'])
  const after = slice('db-1.prod', 'db', ['10.1.0.1~bb', '10.1.0.2~bb'])
  for (const zonal of [true, false]) {
    const cluster = clusterOf({ body: zonal ? 'zonal' : '', objects: [objects[0]!, objects[2]!, before] })
    cluster.index.serial = 7
    cluster.put(structuredClone(before))
    assert.is(cluster.index.serial, 7)
    cluster.put(after)
    assert.is(cluster.index.serial > 7, zonal)
    if (!zonal) continue
    const reply = await cluster.ask('bb.pin._zone.db.prod.svc.cluster.local')
    assert.equal(reply.match(/ A \S+/g), [' A 10.1.0.1', ' A 10.1.0.2'])
  }
})

test('a zone with more endpoints than the reply holds: TC, and each begins it at times', async () => {
  const ENDPOINTS = 300
  const wide = Array.from({ length: ENDPOINTS }, (_, i) => `10.5.${i >> 8}.${i & 255}~${i % 3 === 0 ? 'b' : 'a'}`)
  const slices = [0, 1, 2].map(n => slice(`wide-${n}.prod`, 'wide', wide.slice(n * 100, n * 100 + 100), ['a:tcp:1']))
  const cluster = clusterOf({ body: 'zonal', objects: [namespace('prod'), service('wide.prod', []), ...slices] })
  const firsts = new Set<unknown>()
  for (let i = 0; i < 600; i++) {
    const reply = readReply(await cluster.send(query('a.pin._zone.wide.prod.svc.cluster.local')))
    assert.ok(reply.flag_tc)
    firsts.add((reply.answers![0] as { data: unknown }).data)
  }
  // Of 200 endpoints, 600 draws leave about 10 out.
  assert.ok(firsts.size > 150, `${firsts.size} different first addresses`)
  for (const type of ['A', 'SRV']) {
    const whole = readReply(await cluster.send(query('a.pin._zone.wide.prod.svc.cluster.local', { type }), true))
    assert.not.ok(whole.flag_tc)
    assert.is(new Set(whole.answers!.map(record => JSON.stringify((record as { data: unknown }).data))).size, 200)
  }
})

test.run()
