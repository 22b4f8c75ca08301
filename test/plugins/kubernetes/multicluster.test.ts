/** Multicluster zones: ServiceImports and their endpoints under the names of KEP-1645, apart from the cluster's own. */
import { test } from 'uvu'
import { nodata, nxdomain, nxdomainIn, type Row, testRows } from './cluster-set.ts'

const rows: Row[] = [
  {
    name: 'KEP §2.3.1: the ClusterSetIP',
    ask: 'web.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    web.prod.svc.clusterset.local. 30 IN A 10.112.0.1`,
  },
  {
    name: "the cluster's own service is another one",
    ask: 'web.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    web.prod.svc.cluster.local. 30 IN A 10.96.0.1`,
  },
  { name: 'the other family', ask: 'web.prod.svc.clusterset.local', type: 'AAAA', is: nodata },
  {
    name: 'KEP §2.3.1: dual stack',
    ask: 'dual.prod.svc.clusterset.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    dual.prod.svc.clusterset.local. 30 IN AAAA fd00:112::2`,
  },
  {
    name: 'a ServiceImport without ports (CoreDNS: NXDOMAIN)',
    ask: 'portless.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    portless.prod.svc.clusterset.local. 30 IN A 10.112.0.3`,
  },
  { name: 'its SRV', ask: 'portless.prod.svc.clusterset.local', type: 'SRV', is: nodata },
  {
    name: 'KEP §2.3.2: SRV of a port',
    ask: '_http._tcp.web.prod.svc.clusterset.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _http._tcp.web.prod.svc.clusterset.local. 30 IN SRV 0 100 80 web.prod.svc.clusterset.local.
    ;; ADDITIONAL
    web.prod.svc.clusterset.local. 30 IN A 10.112.0.1`,
  },
  {
    name: 'one underscore is enough',
    ask: 'http._tcp.web.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    http._tcp.web.prod.svc.clusterset.local. 30 IN A 10.112.0.1`,
  },
  { name: 'without one it is an endpoint and a cluster', ask: 'http.tcp.web.prod.svc.clusterset.local', is: nxdomain },
  { name: 'a port that is not there', ask: '_https._tcp.web.prod.svc.clusterset.local', type: 'SRV', is: nxdomain },
  { name: 'RFC 8020: above a port', ask: '_tcp.web.prod.svc.clusterset.local', is: nodata },
  {
    name: 'an endpoint behind a ClusterSetIP',
    ask: 'web-0.east.web.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    web-0.east.web.prod.svc.clusterset.local. 30 IN A 10.1.0.1`,
  },
  { name: 'not one of this cluster', ask: 'web-0.web.prod.svc.clusterset.local', is: nxdomain },
  {
    name: 'not in the zone of this cluster',
    ask: 'web-0.east.web.prod.svc.cluster.local',
    is: nxdomainIn('cluster.local'),
  },

  {
    name: 'KEP §2.4.1: the endpoints of all clusters, each address once',
    ask: 'db.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    db.prod.svc.clusterset.local. 30 IN A 10.1.0.5
    db.prod.svc.clusterset.local. 30 IN A 10.1.0.6
    db.prod.svc.clusterset.local. 30 IN A 10.2.0.5`,
  },
  {
    name: 'KEP §2.4.1: IPv6',
    ask: 'db.prod.svc.clusterset.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    db.prod.svc.clusterset.local. 30 IN AAAA fd00:1::5`,
  },
  {
    name: 'KEP §2.4.1: an endpoint by hostname and cluster',
    ask: 'db-0.east.db.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.east.db.prod.svc.clusterset.local. 30 IN A 10.1.0.5`,
  },
  {
    name: 'its namesake in another cluster, whose id is written otherwise',
    ask: 'DB-0.West.db.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    DB-0.West.db.prod.svc.clusterset.local. 30 IN A 10.2.0.5`,
  },
  {
    name: 'IPv6 of an endpoint',
    ask: 'db-0.east.db.prod.svc.clusterset.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.east.db.prod.svc.clusterset.local. 30 IN AAAA fd00:1::5`,
  },
  { name: 'IPv6 of one without', ask: 'db-0.west.db.prod.svc.clusterset.local', type: 'AAAA', is: nodata },
  {
    name: 'an endpoint by address and cluster',
    ask: '10-1-0-6.east.db.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    10-1-0-6.east.db.prod.svc.clusterset.local. 30 IN A 10.1.0.6`,
  },
  {
    name: 'endpoint_pod_names: an endpoint by its pod',
    ask: 'db-9.west.db.prod.svc.clusterset.local',
    body: 'endpoint_pod_names',
    is: `NOERROR aa rd
    ;; ANSWER
    db-9.west.db.prod.svc.clusterset.local. 30 IN A 10.1.0.6`,
  },
  { name: 'another service has it', ask: 'web-0.east.db.prod.svc.clusterset.local', is: nxdomain },
  { name: 'an address of another cluster', ask: '10-2-0-5.east.db.prod.svc.clusterset.local', is: nxdomain },
  { name: 'an endpoint that is not ready', ask: 'db-2.east.db.prod.svc.clusterset.local', is: nxdomain },
  { name: 'an endpoint without its cluster', ask: 'db-0.db.prod.svc.clusterset.local', is: nxdomain },
  { name: 'an unknown cluster', ask: 'db-0.north.db.prod.svc.clusterset.local', is: nxdomain },
  {
    name: 'KEP §2.4.4: a cluster alone has no records; RFC 8020: but exists (CoreDNS: NXDOMAIN)',
    ask: 'east.db.prod.svc.clusterset.local',
    is: nodata,
  },
  { name: 'KEP §2.3.4: nor has it below a ClusterSetIP', ask: 'east.web.prod.svc.clusterset.local', is: nodata },
  { name: 'an unknown cluster alone', ask: 'north.db.prod.svc.clusterset.local', is: nxdomain },
  { name: 'labels above an endpoint', ask: 'x.db-0.east.db.prod.svc.clusterset.local', is: nxdomain },
  {
    name: 'KEP §2.4.2: SRV of a port leads to the endpoints of all clusters',
    ask: '_pg._tcp.db.prod.svc.clusterset.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _pg._tcp.db.prod.svc.clusterset.local. 30 IN SRV 0 20 5432 db-0.east.db.prod.svc.clusterset.local.
    _pg._tcp.db.prod.svc.clusterset.local. 30 IN SRV 0 20 5432 10-1-0-6.east.db.prod.svc.clusterset.local.
    _pg._tcp.db.prod.svc.clusterset.local. 30 IN SRV 0 20 5432 db-0.west.db.prod.svc.clusterset.local.
    _pg._tcp.db.prod.svc.clusterset.local. 30 IN SRV 0 20 5432 10-1-0-6.west.db.prod.svc.clusterset.local.
    ;; ADDITIONAL
    db-0.east.db.prod.svc.clusterset.local. 30 IN A 10.1.0.5
    10-1-0-6.east.db.prod.svc.clusterset.local. 30 IN A 10.1.0.6
    db-0.east.db.prod.svc.clusterset.local. 30 IN AAAA fd00:1::5
    db-0.west.db.prod.svc.clusterset.local. 30 IN A 10.2.0.5
    10-1-0-6.west.db.prod.svc.clusterset.local. 30 IN A 10.1.0.6`,
  },
  {
    name: 'SRV of an endpoint',
    ask: 'db-0.west.db.prod.svc.clusterset.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.west.db.prod.svc.clusterset.local. 30 IN SRV 0 100 5432 db-0.west.db.prod.svc.clusterset.local.
    ;; ADDITIONAL
    db-0.west.db.prod.svc.clusterset.local. 30 IN A 10.2.0.5`,
  },
  {
    name: 'endpoints without ports',
    ask: 'quiet.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    quiet.prod.svc.clusterset.local. 30 IN A 10.1.0.8`,
  },
  { name: 'KEP §2.4.1: no ready endpoint', ask: 'pending.prod.svc.clusterset.local', is: nxdomain },

  {
    name: 'a cluster id of two labels (CoreDNS: NXDOMAIN)',
    ask: 'x.one.reg.split.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    x.one.reg.split.prod.svc.clusterset.local. 30 IN A 10.3.0.1`,
  },
  {
    name: 'SRV leads there',
    ask: '_a._tcp.split.prod.svc.clusterset.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _a._tcp.split.prod.svc.clusterset.local. 30 IN SRV 0 50 1 x.one.reg.split.prod.svc.clusterset.local.
    _a._tcp.split.prod.svc.clusterset.local. 30 IN SRV 0 50 1 x.two.reg.split.prod.svc.clusterset.local.
    ;; ADDITIONAL
    x.one.reg.split.prod.svc.clusterset.local. 30 IN A 10.3.0.1
    x.two.reg.split.prod.svc.clusterset.local. 30 IN A 10.3.0.2`,
  },
  { name: 'RFC 8020: above it', ask: 'one.reg.split.prod.svc.clusterset.local', is: nodata },
  { name: 'RFC 8020: above both', ask: 'reg.split.prod.svc.clusterset.local', is: nodata },
  { name: 'the end of a label is none', ask: 'eg.split.prod.svc.clusterset.local', is: nxdomain },
  { name: 'half of the id', ask: 'x.reg.split.prod.svc.clusterset.local', is: nxdomain },
  { name: 'the id in the wrong order', ask: 'x.reg.one.split.prod.svc.clusterset.local', is: nxdomain },
  {
    name: 'a slice that does not say its cluster',
    ask: 'x.stray.prod.svc.clusterset.local',
    is: `NOERROR aa rd
    ;; ANSWER
    x.stray.prod.svc.clusterset.local. 30 IN A 10.4.0.1`,
  },
  {
    name: 'SRV leads there, too',
    ask: 'stray.prod.svc.clusterset.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    stray.prod.svc.clusterset.local. 30 IN SRV 0 50 1 x.stray.prod.svc.clusterset.local.
    stray.prod.svc.clusterset.local. 30 IN SRV 0 50 1 10-4-0-2.stray.prod.svc.clusterset.local.
    ;; ADDITIONAL
    x.stray.prod.svc.clusterset.local. 30 IN A 10.4.0.1
    10-4-0-2.stray.prod.svc.clusterset.local. 30 IN A 10.4.0.2`,
  },
]
testRows(rows)

test.run()
