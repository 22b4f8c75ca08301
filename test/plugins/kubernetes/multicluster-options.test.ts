/** Multicluster zones: names of the zone itself, other options of the block, and reverse names. */
import { test } from 'uvu'
import { nodata, nxdomain, nxdomainIn, type Row, SOA, testRows } from './cluster-set.ts'

const rows: Row[] = [
  { name: 'the apex', ask: 'clusterset.local', is: nodata },
  {
    name: 'its SOA has the serial of the cluster set',
    ask: 'clusterset.local',
    type: 'SOA',
    is: `NOERROR aa rd
    ;; ANSWER
    ${SOA}`,
  },
  { name: 'a namespace', ask: 'prod.svc.clusterset.local', is: nodata },
  { name: 'a namespace that is not there', ask: 'nowhere.svc.clusterset.local', is: nxdomain },
  { name: 'a ServiceImport there', ask: 'lost.nowhere.svc.clusterset.local', is: nxdomain },
  { name: 'slices without a ServiceImport', ask: 'orphan.prod.svc.clusterset.local', is: nxdomain },
  { name: 'no ServiceImport', ask: 'nope.prod.svc.clusterset.local', is: nxdomain },
  { name: 'TXT of a service', ask: 'db.prod.svc.clusterset.local', type: 'TXT', is: nodata },
  { name: 'no wildcards', ask: '*.prod.svc.clusterset.local', is: nxdomain },
  {
    name: 'KEP §2.2: the version of its specification (CoreDNS: 1.1.0)',
    ask: 'dns-version.clusterset.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; ANSWER
    dns-version.clusterset.local. 28800 IN TXT "1.0.0"`,
  },
  {
    name: "that of the cluster's",
    ask: 'dns-version.cluster.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; ANSWER
    dns-version.cluster.local. 28800 IN TXT "1.1.0"`,
  },

  {
    name: 'namespaces: one that is not listed',
    ask: 'web.prod.svc.clusterset.local',
    body: 'namespaces x',
    is: nxdomain,
  },
  {
    name: 'pods insecure',
    ask: '192-0-2-7.prod.pod.clusterset.local',
    body: 'pods insecure',
    is: `NOERROR aa rd
    ;; ANSWER
    192-0-2-7.prod.pod.clusterset.local. 30 IN A 192.0.2.7`,
  },
  {
    name: 'pods verified: a pod of this cluster',
    ask: '10-244-0-9.prod.pod.clusterset.local',
    body: 'pods verified',
    is: `NOERROR aa rd
    ;; ANSWER
    10-244-0-9.prod.pod.clusterset.local. 30 IN A 10.244.0.9`,
  },
  { name: 'pods disabled', ask: '10-244-0-9.prod.pod.clusterset.local', is: nxdomain },
  {
    name: 'ignore empty_service: with endpoints',
    ask: 'web.prod.svc.clusterset.local',
    body: 'ignore empty_service',
    is: `NOERROR aa rd
    ;; ANSWER
    web.prod.svc.clusterset.local. 30 IN A 10.112.0.1`,
  },
  {
    name: 'ignore empty_service: without, also with noendpoints, which is about this cluster',
    ask: 'dual.prod.svc.clusterset.local',
    body: 'ignore empty_service\nnoendpoints',
    is: nxdomain,
  },
  {
    name: 'noendpoints: those of other clusters are known',
    ask: 'db-0.west.db.prod.svc.clusterset.local',
    body: 'noendpoints',
    is: `NOERROR aa rd
    ;; ANSWER
    db-0.west.db.prod.svc.clusterset.local. 30 IN A 10.2.0.5`,
  },

  {
    name: 'KEP §2.3.3: no reverse name of a ClusterSetIP',
    ask: '1.0.112.10.in-addr.arpa',
    type: 'PTR',
    is: nxdomainIn('in-addr.arpa'),
  },
  { name: 'KEP §2.4.3: nor of an endpoint', ask: '5.0.1.10.in-addr.arpa', type: 'PTR', is: nxdomainIn('in-addr.arpa') },
  {
    name: 'reverse names lead to the first zone of this cluster',
    ask: '1.0.96.10.in-addr.arpa',
    type: 'PTR',
    zones: 'clusterset.local cluster.local in-addr.arpa',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.96.10.in-addr.arpa. 30 IN PTR web.prod.svc.cluster.local.`,
  },
  {
    name: 'reverse names without a zone of this cluster (CoreDNS: names that do not exist)',
    ask: '1.0.96.10.in-addr.arpa',
    type: 'PTR',
    zones: 'clusterset.local in-addr.arpa',
    is: nxdomainIn('in-addr.arpa'),
  },
]
testRows(rows)

test.run()
