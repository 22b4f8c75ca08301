/** Names of services and their ports, of namespaces and the zone: what exists, what does not, and how it is denied. */
import { test } from 'uvu'
import { nodata, nxdomain, type Row, testRows } from './rows.ts'

const rows: Row[] = [
  {
    name: 'a ClusterIP',
    ask: 'kubernetes.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1`,
  },
  {
    name: 'E16: no address of the other family is NODATA',
    ask: 'kubernetes.default.svc.cluster.local',
    type: 'AAAA',
    is: nodata,
  },
  {
    name: 'the IPv6 ClusterIP of a dual-stack service',
    ask: 'dual.prod.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    dual.prod.svc.cluster.local. 30 IN AAAA fd00:96::20`,
  },
  {
    name: 'a name that starts with a digit',
    ask: '1digit.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    1digit.prod.svc.cluster.local. 30 IN A 10.96.0.24`,
  },
  {
    name: 'a ClusterIP without ready endpoints',
    ask: 'empty.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    empty.prod.svc.cluster.local. 30 IN A 10.96.0.23`,
  },
  {
    name: 'ignore empty_service hides it',
    ask: 'empty.prod.svc.cluster.local',
    body: 'ignore empty_service',
    is: nxdomain,
  },
  {
    name: 'ignore empty_service leaves one with endpoints',
    ask: 'dual.prod.svc.cluster.local',
    body: 'ignore empty_service',
    is: `NOERROR aa rd
    ;; ANSWER
    dual.prod.svc.cluster.local. 30 IN A 10.96.0.20`,
  },
  {
    name: 'ignore empty_service leaves an ExternalName',
    ask: 'out.prod.svc.cluster.local',
    type: 'CNAME',
    body: 'ignore empty_service',
    is: `NOERROR aa rd
    ;; ANSWER
    out.prod.svc.cluster.local. 30 IN CNAME target.example.com.`,
  },
  {
    name: 'ignore empty_service hides nothing where endpoints are not known',
    ask: 'empty.prod.svc.cluster.local',
    body: 'ignore empty_service\nnoendpoints',
    is: `NOERROR aa rd
    ;; ANSWER
    empty.prod.svc.cluster.local. 30 IN A 10.96.0.23`,
  },
  { name: 'E15: an unknown service', ask: 'nope.prod.svc.cluster.local', is: nxdomain },
  { name: 'a service in a namespace that does not exist', ask: 'lost.nowhere.svc.cluster.local', is: nxdomain },
  { name: 'slices without a Service are no name', ask: 'orphan.prod.svc.cluster.local', is: nxdomain },
  { name: 'no wildcard for a service', ask: '*.prod.svc.cluster.local', is: nxdomain },
  { name: 'no wildcard for a namespace', ask: 'dual.any.svc.cluster.local', is: nxdomain },
  { name: 'E17: labels below an unknown one', ask: 'a.b.nope.cluster.local', is: nxdomain },
  { name: 'a search list miss', ask: 'dual.prod.svc.cluster.local.default.svc.cluster.local', is: nxdomain },
  { name: 'three labels left of a service', ask: 'a._http._tcp.dual.prod.svc.cluster.local', is: nxdomain },

  { name: 'E14: the apex', ask: 'cluster.local', is: nodata },
  { name: 'E14: svc', ask: 'svc.cluster.local', is: nodata },
  { name: 'pod', ask: 'pod.cluster.local', is: nodata },
  { name: 'dns, above ns.dns (CoreDNS: NXDOMAIN)', ask: 'dns.cluster.local', is: nodata },
  { name: 'E14: a namespace', ask: 'prod.svc.cluster.local', is: nodata },
  { name: 'a namespace that does not exist', ask: 'nowhere.svc.cluster.local', is: nxdomain },
  { name: 'TXT at the apex (CoreDNS: NXDOMAIN)', ask: 'cluster.local', type: 'TXT', is: nodata },
  { name: 'TXT at svc (CoreDNS: NXDOMAIN)', ask: 'svc.cluster.local', type: 'TXT', is: nodata },
  { name: 'TXT at a namespace (CoreDNS: NXDOMAIN)', ask: 'prod.svc.cluster.local', type: 'TXT', is: nodata },
  { name: 'TXT of a service', ask: 'dual.prod.svc.cluster.local', type: 'TXT', is: nodata },
  { name: 'E1: an unknown type of a service', ask: 'dual.prod.svc.cluster.local', type: 'UNKNOWN_1000', is: nodata },
  { name: 'E2: HTTPS of a service', ask: 'dual.prod.svc.cluster.local', type: 'UNKNOWN_65', is: nodata },
  { name: 'E2: HTTPS of a missing name', ask: 'nope.prod.svc.cluster.local', type: 'UNKNOWN_65', is: nxdomain },
  { name: 'E12: DS at the apex', ask: 'cluster.local', type: 'DS', is: nodata },
  { name: 'MX of a service', ask: 'dual.prod.svc.cluster.local', type: 'MX', is: nodata },
  { name: 'NS of a service', ask: 'dual.prod.svc.cluster.local', type: 'NS', is: nodata },
  { name: 'NS of a missing name', ask: 'nope.prod.svc.cluster.local', type: 'NS', is: nxdomain },
  { name: 'PTR of a service', ask: 'dual.prod.svc.cluster.local', type: 'PTR', is: nodata },
  {
    name: 'E6: ANY is one small set',
    ask: 'dual.prod.svc.cluster.local',
    type: 'ANY',
    is: `NOERROR aa rd
    ;; ANSWER
    dual.prod.svc.cluster.local. 30 IN HINFO {"cpu":"RFC8482","os":""}`,
  },
  {
    name: 'ANY of an ExternalName',
    ask: 'out.prod.svc.cluster.local',
    type: 'ANY',
    is: `NOERROR aa rd
    ;; ANSWER
    out.prod.svc.cluster.local. 30 IN HINFO {"cpu":"RFC8482","os":""}`,
  },
  { name: 'E7: ANY of a missing name', ask: 'nope.prod.svc.cluster.local', type: 'ANY', is: nxdomain },
  { name: 'E8: AXFR', ask: 'cluster.local', type: 'AXFR', is: 'REFUSED rd' },
  { name: 'E9: IXFR', ask: 'cluster.local', type: 'IXFR', is: 'REFUSED rd' },

  {
    name: 'SRV of a named port',
    ask: '_https._tcp.kubernetes.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.kubernetes.default.svc.cluster.local. 30 IN SRV 0 100 443 kubernetes.default.svc.cluster.local.
    ;; ADDITIONAL
    kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1`,
  },
  {
    name: 'SRV of a dual-stack service: one record, both addresses, half the weight',
    ask: '_http._tcp.dual.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _http._tcp.dual.prod.svc.cluster.local. 30 IN SRV 0 50 80 dual.prod.svc.cluster.local.
    ;; ADDITIONAL
    dual.prod.svc.cluster.local. 30 IN A 10.96.0.20
    dual.prod.svc.cluster.local. 30 IN AAAA fd00:96::20`,
  },
  {
    name: 'SRV of the bare name: all ports',
    ask: 'dual.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    dual.prod.svc.cluster.local. 30 IN SRV 0 25 80 dual.prod.svc.cluster.local.
    dual.prod.svc.cluster.local. 30 IN SRV 0 25 9100 dual.prod.svc.cluster.local.
    ;; ADDITIONAL
    dual.prod.svc.cluster.local. 30 IN A 10.96.0.20
    dual.prod.svc.cluster.local. 30 IN AAAA fd00:96::20`,
  },
  {
    name: 'SRV of the bare name: one record for a number that two protocols share',
    ask: 'dns.kube-system.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    dns.kube-system.svc.cluster.local. 30 IN SRV 0 33 53 dns.kube-system.svc.cluster.local.
    dns.kube-system.svc.cluster.local. 30 IN SRV 0 33 9153 dns.kube-system.svc.cluster.local.
    ;; ADDITIONAL
    dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'underscores may be left out',
    ask: 'dns.udp.dns.kube-system.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    dns.udp.dns.kube-system.svc.cluster.local. 30 IN SRV 0 100 53 dns.kube-system.svc.cluster.local.
    ;; ADDITIONAL
    dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'the right port of the wrong protocol',
    ask: '_dns._tcp.dns.kube-system.svc.cluster.local',
    type: 'SRV',
    is: nxdomain,
  },
  { name: 'an unknown port', ask: '_ftp._tcp.dual.prod.svc.cluster.local', type: 'SRV', is: nxdomain },
  {
    name: 'an unnamed port has no name of its own',
    ask: '_._tcp.unnamed.prod.svc.cluster.local',
    type: 'SRV',
    is: nxdomain,
  },
  { name: 'SRV without ports is NODATA', ask: 'portless.prod.svc.cluster.local', type: 'SRV', is: nodata },
  {
    name: 'A of a port name',
    ask: '_http._tcp.dual.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    _http._tcp.dual.prod.svc.cluster.local. 30 IN A 10.96.0.20`,
  },
  {
    name: 'a protocol above named ports exists (CoreDNS: NXDOMAIN)',
    ask: '_tcp.dual.prod.svc.cluster.local',
    is: nodata,
  },
  { name: 'a protocol above unnamed ports only does not', ask: '_tcp.unnamed.prod.svc.cluster.local', is: nxdomain },
  { name: 'a protocol that no port has', ask: '_udp.dual.prod.svc.cluster.local', is: nxdomain },
  {
    name: 'the protocol above ports of a headless service',
    ask: '_tcp.db.prod.svc.cluster.local',
    type: 'SRV',
    is: nodata,
  },
]
testRows(rows)

test.run()
