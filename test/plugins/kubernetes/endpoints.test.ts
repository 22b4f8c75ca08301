/** Headless services and the names of endpoints. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterOf, namespace, service, slice } from './cluster.ts'
import { nodata, nxdomain, type Row, testRows } from './rows.ts'

const rows: Row[] = [
  {
    name: 'a headless service: ready ones of all slices, each once',
    ask: 'db.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    db.prod.svc.cluster.local. 30 IN A 10.244.0.1
    db.prod.svc.cluster.local. 30 IN A 10.244.0.2
    db.prod.svc.cluster.local. 30 IN A 10.244.0.4`,
  },
  {
    name: 'its IPv6 endpoints',
    ask: 'db.prod.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    db.prod.svc.cluster.local. 30 IN AAAA fd00:244::1
    db.prod.svc.cluster.local. 30 IN AAAA fd00:244::`,
  },
  {
    name: 'a headless service without ports',
    ask: 'silent.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    silent.prod.svc.cluster.local. 30 IN A 10.244.2.1`,
  },
  { name: 'SRV of one without ports', ask: 'silent.prod.svc.cluster.local', type: 'SRV', is: nodata },
  { name: 'a headless service without ready endpoints', ask: 'unready.prod.svc.cluster.local', is: nxdomain },
  { name: 'a headless service with noendpoints', ask: 'db.prod.svc.cluster.local', body: 'noendpoints', is: nxdomain },
  {
    name: 'SRV of a headless service',
    ask: '_pg._tcp.db.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _pg._tcp.db.prod.svc.cluster.local. 30 IN SRV 0 16 5432 db-0.db.prod.svc.cluster.local.
    _pg._tcp.db.prod.svc.cluster.local. 30 IN SRV 0 16 5432 10-244-0-2.db.prod.svc.cluster.local.
    _pg._tcp.db.prod.svc.cluster.local. 30 IN SRV 0 16 5432 10-244-0-4.db.prod.svc.cluster.local.
    _pg._tcp.db.prod.svc.cluster.local. 30 IN SRV 0 16 5432 fd00-244--0.db.prod.svc.cluster.local.
    ;; ADDITIONAL
    db-0.db.prod.svc.cluster.local. 30 IN A 10.244.0.1
    10-244-0-2.db.prod.svc.cluster.local. 30 IN A 10.244.0.2
    10-244-0-4.db.prod.svc.cluster.local. 30 IN A 10.244.0.4
    db-0.db.prod.svc.cluster.local. 30 IN AAAA fd00:244::1
    fd00-244--0.db.prod.svc.cluster.local. 30 IN AAAA fd00:244::`,
  },
  {
    name: 'SRV of endpoints that share a hostname',
    ask: 'shared.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    shared.prod.svc.cluster.local. 30 IN SRV 0 25 1 peer.shared.prod.svc.cluster.local.
    shared.prod.svc.cluster.local. 30 IN SRV 0 25 2 peer.shared.prod.svc.cluster.local.
    ;; ADDITIONAL
    peer.shared.prod.svc.cluster.local. 30 IN A 10.244.1.1
    peer.shared.prod.svc.cluster.local. 30 IN A 10.244.1.2`,
  },
  {
    name: 'an unknown port of a headless service',
    ask: '_ftp._tcp.db.prod.svc.cluster.local',
    type: 'SRV',
    is: nxdomain,
  },
  {
    name: 'A of a port of a headless service',
    ask: '_b._tcp.shared.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    _b._tcp.shared.prod.svc.cluster.local. 30 IN A 10.244.1.1
    _b._tcp.shared.prod.svc.cluster.local. 30 IN A 10.244.1.2`,
  },

  {
    name: 'an endpoint by hostname',
    ask: 'db-0.db.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.db.prod.svc.cluster.local. 30 IN A 10.244.0.1`,
  },
  {
    name: 'an endpoint by hostname, IPv6',
    ask: 'db-0.db.prod.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.db.prod.svc.cluster.local. 30 IN AAAA fd00:244::1`,
  },
  {
    name: 'an endpoint by address',
    ask: '10-244-0-2.db.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    10-244-0-2.db.prod.svc.cluster.local. 30 IN A 10.244.0.2`,
  },
  {
    name: 'an endpoint by IPv6 address that ends in a dash',
    ask: 'fd00-244--0.db.prod.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    fd00-244--0.db.prod.svc.cluster.local. 30 IN AAAA fd00:244::`,
  },
  {
    name: 'an endpoint with a hostname has no name by address',
    ask: '10-244-0-1.db.prod.svc.cluster.local',
    is: nxdomain,
  },
  { name: 'an endpoint of another service', ask: '10-244-1-1.db.prod.svc.cluster.local', is: nxdomain },
  { name: 'an unready endpoint', ask: 'db-2.db.prod.svc.cluster.local', is: nxdomain },
  {
    name: 'an endpoint of a ClusterIP service',
    ask: '10-244-0-20.dual.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    10-244-0-20.dual.prod.svc.cluster.local. 30 IN A 10.244.0.20`,
  },
  {
    name: 'SRV of an endpoint',
    ask: '10-244-0-20.dual.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    10-244-0-20.dual.prod.svc.cluster.local. 30 IN SRV 0 50 8080 10-244-0-20.dual.prod.svc.cluster.local.
    10-244-0-20.dual.prod.svc.cluster.local. 30 IN SRV 0 50 9100 10-244-0-20.dual.prod.svc.cluster.local.
    ;; ADDITIONAL
    10-244-0-20.dual.prod.svc.cluster.local. 30 IN A 10.244.0.20`,
  },
  { name: 'an unknown endpoint', ask: 'bogus.db.prod.svc.cluster.local', is: nxdomain },
  { name: 'other types of an endpoint', ask: 'db-0.db.prod.svc.cluster.local', type: 'TXT', is: nodata },
  { name: 'pod names are no names of endpoints', ask: 'db-3.db.prod.svc.cluster.local', is: nxdomain },
  {
    name: 'endpoint_pod_names makes them so',
    ask: 'db-3.db.prod.svc.cluster.local',
    body: 'endpoint_pod_names',
    is: `NOERROR aa rd
    ;; ANSWER
    db-3.db.prod.svc.cluster.local. 30 IN A 10.244.0.4`,
  },
  {
    name: 'with endpoint_pod_names the address is none',
    ask: '10-244-0-4.db.prod.svc.cluster.local',
    body: 'endpoint_pod_names',
    is: nxdomain,
  },
]
testRows(rows)

test('RFC 1035 §2.3.4: an endpoint whose name would have more than 255 octets is named nowhere', async () => {
  const zone = `${'z'.repeat(63)}.${'z'.repeat(57)}`
  const name = 's'.repeat(63)
  const { ask } = clusterOf({
    zones: `${zone} in-addr.arpa`,
    objects: [
      namespace('prod'),
      service(`${name}.prod`, [], ['http:tcp:80']),
      slice('one.prod', name, ['10.244.0.1=short', `10.244.0.2=${'e'.repeat(63)}`], ['http:tcp:80']),
    ],
  })
  const of = (reply: string) =>
    [...reply.matchAll(/ SRV \S+ \S+ \S+ (\S+)| PTR (\S+)| A (\S+)/g)].map(found => found.slice(1))
  const target = `short.${name}.prod.svc.${zone}.`
  assert.equal(of(await ask(`${name}.prod.svc.${zone}`, { type: 'SRV', edns: 1232 })), [
    [target, undefined, undefined],
    [undefined, undefined, '10.244.0.1'],
  ])
  assert.equal(of(await ask('1.0.244.10.in-addr.arpa', { type: 'PTR' })), [[undefined, target, undefined]])
  const long = await ask('2.0.244.10.in-addr.arpa', { type: 'PTR' })
  assert.match(long, /^NOERROR aa/)
  assert.equal(of(long), [])
})

test.run()
