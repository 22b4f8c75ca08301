import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ask, query, readReply, text } from '../../harness/message.ts'
import { type Cluster, clusterOf } from './cluster.ts'
import { objects } from './objects.ts'

const SOA = 'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30'
const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`
const nxdomain = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA}`

interface Row {
  /** What the row shows. */
  name: string
  ask: string
  type?: string
  is: string
  body?: string
}

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

  { name: 'pods disabled', ask: '10-244-0-1.prod.pod.cluster.local', is: nxdomain },
  { name: 'pods disabled: a namespace', ask: 'prod.pod.cluster.local', is: nxdomain },
  {
    name: 'pods insecure: any address',
    ask: '192-0-2-77.prod.pod.cluster.local',
    body: 'pods insecure',
    is: `NOERROR aa rd
    ;; ANSWER
    192-0-2-77.prod.pod.cluster.local. 30 IN A 192.0.2.77`,
  },
  {
    name: 'pods insecure: an IPv6 address',
    ask: '2001-db8--7.prod.pod.cluster.local',
    type: 'AAAA',
    body: 'pods insecure',
    is: `NOERROR aa rd
    ;; ANSWER
    2001-db8--7.prod.pod.cluster.local. 30 IN AAAA 2001:db8::7`,
  },
  {
    name: 'pods insecure: the other family',
    ask: '192-0-2-77.prod.pod.cluster.local',
    type: 'AAAA',
    body: 'pods insecure',
    is: nodata,
  },
  { name: 'pods insecure: a namespace', ask: 'prod.pod.cluster.local', body: 'pods insecure', is: nodata },
  {
    name: 'pods insecure: an unknown namespace',
    ask: '192-0-2-77.nope.pod.cluster.local',
    body: 'pods insecure',
    is: nxdomain,
  },
  { name: 'pods insecure: no address', ask: 'web.prod.pod.cluster.local', body: 'pods insecure', is: nxdomain },
  {
    name: 'pods insecure: a number too large',
    ask: '192-0-2-256.prod.pod.cluster.local',
    body: 'pods insecure',
    is: nxdomain,
  },
  {
    name: 'SRV of a pod (CoreDNS: port 0)',
    ask: '192-0-2-77.prod.pod.cluster.local',
    type: 'SRV',
    body: 'pods insecure',
    is: nodata,
  },
  {
    name: 'a label left of a pod (CoreDNS: ignored)',
    ask: 'x.192-0-2-77.prod.pod.cluster.local',
    body: 'pods insecure',
    is: nxdomain,
  },
  {
    name: 'pods verified: one that exists',
    ask: '10-244-0-1.prod.pod.cluster.local',
    body: 'pods verified',
    is: `NOERROR aa rd
    ;; ANSWER
    10-244-0-1.prod.pod.cluster.local. 30 IN A 10.244.0.1`,
  },
  {
    name: 'pods verified: by its second address',
    ask: 'fd00-244--1.prod.pod.cluster.local',
    type: 'AAAA',
    body: 'pods verified',
    is: `NOERROR aa rd
    ;; ANSWER
    fd00-244--1.prod.pod.cluster.local. 30 IN AAAA fd00:244::1`,
  },
  {
    name: 'pods verified: of another namespace',
    ask: '10-244-7-7.prod.pod.cluster.local',
    body: 'pods verified',
    is: nxdomain,
  },
  {
    name: 'pods verified: one that does not exist',
    ask: '192-0-2-77.prod.pod.cluster.local',
    body: 'pods verified',
    is: nxdomain,
  },

  {
    name: 'namespaces: one that is listed',
    ask: 'kubernetes.default.svc.cluster.local',
    body: 'namespaces default',
    is: `NOERROR aa rd
    ;; ANSWER
    kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1`,
  },
  { name: 'namespaces: one that is not', ask: 'dual.prod.svc.cluster.local', body: 'namespaces default', is: nxdomain },
  { name: 'namespaces: its own name', ask: 'prod.svc.cluster.local', body: 'namespaces default', is: nxdomain },
  {
    name: 'namespaces: listed, but not there',
    ask: 'nowhere.svc.cluster.local',
    body: 'namespaces nowhere',
    is: nxdomain,
  },
  {
    name: 'namespaces: pods',
    ask: '192-0-2-77.prod.pod.cluster.local',
    body: 'namespaces default\npods insecure',
    is: nxdomain,
  },

  {
    name: 'the version of the specification',
    ask: 'dns-version.cluster.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; ANSWER
    dns-version.cluster.local. 28800 IN TXT "1.1.0"`,
  },
  { name: 'other types there (CoreDNS: NXDOMAIN)', ask: 'dns-version.cluster.local', is: nodata },
  { name: 'a label below it', ask: 'x.dns-version.cluster.local', type: 'TXT', is: nxdomain },
  { name: 'SOA at the apex', ask: 'cluster.local', type: 'SOA', is: `NOERROR aa rd\n;; ANSWER\n${SOA}` },
  { name: 'SOA of a service', ask: 'dual.prod.svc.cluster.local', type: 'SOA', is: nodata },
  { name: 'SOA of a missing name (CoreDNS: NODATA)', ask: 'nope.prod.svc.cluster.local', type: 'SOA', is: nxdomain },
  { name: 'labels below ns.dns', ask: 'x.ns.dns.cluster.local', is: nxdomain },
  { name: 'another name below dns', ask: 'mx.dns.cluster.local', is: nxdomain },
  { name: 'a name next to the zone', ask: 'service.cluster.local', is: nxdomain },
]

const clusters = new Map<string, Cluster>()

function clusterWith(body: string): Cluster {
  const known = clusters.get(body) ?? clusterOf({ body: `ttl 30\n${body}`, objects })
  known.index.serial = 7
  clusters.set(body, known)
  return known
}

for (const { name, ask, type = 'A', is, body = '' } of rows) {
  test(`${name}: ${ask} ${type}`, async () => {
    assert.is(await clusterWith(body).ask(ask, { type }), text`${is}`)
  })
}

test('D10: a label with a dot in it is one label', async () => {
  const message = query('kubernetes_default.svc.cluster.local')
  message[message.indexOf('_')] = 0x2e
  assert.is(readReply(await clusterWith('').send(message)).rcode, 'NXDOMAIN')
})

test('case does not matter, and the question comes back as it was asked', async () => {
  const reply = await clusterWith('').ask('KuBeRnEtEs.DeFaUlT.SVC.Cluster.LOCAL')
  assert.is(
    reply,
    text`NOERROR aa rd
    ;; ANSWER
    KuBeRnEtEs.DeFaUlT.SVC.Cluster.LOCAL. 30 IN A 10.96.0.1`,
  )
})

test('names outside the zones go to the next plugin', async () => {
  const cluster = clusterOf({ zones: 'cluster.local' })
  for (const name of ['example.org', 'local', 'xcluster.local', '1.0.0.10.in-addr.arpa']) {
    assert.is(await cluster.ask(name), 'REFUSED rd', name)
  }
})

test('the longest of several zones has the name', async () => {
  const cluster = clusterOf({ zones: 'local cluster.local example.org', body: 'ttl 30', objects })
  cluster.index.serial = 7
  assert.is(await cluster.ask('nope.cluster.local'), nxdomain)
  assert.match(await cluster.ask('kubernetes.default.svc.example.org'), 'IN A 10.96.0.1')
  assert.match(await cluster.ask('kubernetes.default.svc.local'), 'IN A 10.96.0.1')
})

const ttls: { name: string; body: string; ask: Ask & { name: string }; is: RegExp }[] = [
  { name: 'default', body: '', ask: { name: 'dual.prod.svc.cluster.local' }, is: /^dual\S+ 5 IN A/m },
  { name: 'zero', body: 'ttl 0', ask: { name: 'dual.prod.svc.cluster.local' }, is: /^dual\S+ 0 IN A/m },
  { name: 'the greatest', body: 'ttl 3600', ask: { name: 'dual.prod.svc.cluster.local' }, is: /^dual\S+ 3600 IN A/m },
  {
    name: 'of a SOA, 300 at most',
    body: 'ttl 3600',
    ask: { name: 'nope.cluster.local' },
    is: /^cluster\S+ 300 IN SOA .* 3600$/m,
  },
  {
    name: 'of a SOA, no more than MINIMUM',
    body: 'ttl 3',
    ask: { name: 'nope.cluster.local' },
    is: /^cluster\S+ 3 IN SOA .* 3$/m,
  },
]
for (const { name, body, ask, is } of ttls) {
  test(`ttl: ${name}`, async () => {
    assert.match(await clusterOf({ body, objects }).ask(ask.name, ask), is)
  })
}

const words = [
  'cluster',
  'svc',
  'pod',
  'ns',
  'dns',
  'dns-version',
  'default',
  'prod',
  'nowhere',
  'kubernetes',
  'dual',
  'db',
  'shared',
  'out',
  'db-0',
  'peer',
  '10-244-0-2',
  '10-244-0-1',
  'fd00-244--0',
  '192-0-2-7',
  '_http',
  'http',
  '_pg',
  '_tcp',
  'tcp',
  '_udp',
  '_',
  '-',
  'x'.repeat(63),
  '\u0000',
  '\u00e9',
]
const typeNames = ['A', 'AAAA', 'SRV', 'TXT', 'CNAME', 'NS', 'SOA', 'PTR', 'ANY', 'MX']

test('RFC 8020: below a name that does not exist there is none, and existence is no matter of the type', async () => {
  const cluster = clusterWith('pods insecure')
  const names = fc.array(fc.constantFrom(...words), { maxLength: 7, size: 'max' })
  const places = fc.constantFrom(
    [],
    ['svc'],
    ['prod', 'svc'],
    ['db', 'prod', 'svc'],
    ['_tcp', 'db', 'prod', 'svc'],
    ['prod', 'pod'],
  )
  await fc.assert(
    fc.asyncProperty(
      names,
      places,
      fc.constantFrom(...typeNames),
      fc.constantFrom(...typeNames),
      async (left, right, one, other) => {
        const labels = [...left, ...right]
        const rcodeOf = async (from: number, type: string) => {
          const name = [...labels.slice(from), 'cluster', 'local'].join('.')
          const [head, ...records] = (await cluster.ask(name, { type }, true)).split('\n')
          const rcode = head!.split(' ')[0]!
          assert.ok(rcode === 'NOERROR' || rcode === 'NXDOMAIN', `${name} ${type}: ${head}`)
          assert.ok(records.includes(';; ANSWER') || records.at(-1) === SOA, `${name} ${type}: no record and no SOA`)
          return rcode
        }
        const rcodes: string[] = []
        for (let i = 0; i <= labels.length; i++) rcodes.push(await rcodeOf(i, one))
        assert.is(await rcodeOf(0, other), rcodes[0]!, `${labels.join('.')} ${one} and ${other}`)
        const last = rcodes.lastIndexOf('NXDOMAIN')
        assert.not.ok(rcodes.slice(0, Math.max(0, last)).includes('NOERROR'), `${labels.join('.')}: ${rcodes}`)
      },
    ),
    { numRuns: 1500 },
  )
})

test('a service with more endpoints than fit a message: all over TCP as long as they fit, TC where they do not', async () => {
  const endpoints = (count: number) => Array.from({ length: count }, (_, i) => `10.9.${i >> 8}.${i & 255}`)
  const { service, slice } = await import('./cluster.ts')
  const cluster = clusterOf({
    objects: [...objects, service('wide.prod', []), slice('wide-1.prod', 'wide', endpoints(4000))],
  })
  const all = await cluster.ask('wide.prod.svc.cluster.local', {}, true)
  assert.match(all, /^NOERROR aa rd\n/)
  assert.is(all.match(/ IN A /g)!.length, 4000)
  cluster.put(
    slice(
      'wide-2.prod',
      'wide',
      Array.from({ length: 6000 }, (_, i) => `10.10.${i >> 8}.${i & 255}`),
    ),
  )
  assert.match(await cluster.ask('wide.prod.svc.cluster.local', {}, true), /^NOERROR aa tc rd\n/)
  assert.match(await cluster.ask('wide.prod.svc.cluster.local'), /^NOERROR aa tc rd\n/)
})

test.run()
