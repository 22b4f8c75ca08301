/** SRV records of a Service with a ClusterIP. */
import { test } from 'uvu'
import { service } from '../plugins/kubernetes/cluster.ts'
import { NODATA, NXDOMAIN, type Sentence, section, specCluster } from './sentences.ts'

const objects = [
  service('kubernetes.default', ['10.3.0.1'], ['https:tcp:443']),
  service('dns.default', ['10.3.0.10'], ['dns:udp:53', 'dns-tcp:tcp:53', 'assoc:sctp:9']),
  service('same.default', ['10.3.0.11'], ['dns:udp:53', 'dns:tcp:53']),
  service('six.default', ['2001:db8::1'], ['https:tcp:443']),
  service('both.default', ['10.3.0.2', '2001:db8::2'], ['https:tcp:443']),
  service('unnamed.default', ['10.3.0.3'], [':tcp:5000']),
]

const target = (name: string, port: number, of = name.replace(/^_[^.]+\._[^.]+\./, ''), weight = 100) =>
  `NOERROR aa rd
  ;; ANSWER
  ${name}. 30 IN SRV 0 ${weight} ${port} ${of}.
  ;; ADDITIONAL`

const sentences: Sentence[] = [
  {
    says: 'a named port has an SRV record with its number, and the service as target',
    ask: '_https._tcp.kubernetes.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_https._tcp.kubernetes.default.svc.cluster.local', 443)}
    kubernetes.default.svc.cluster.local. 30 IN A 10.3.0.1`,
  },
  {
    says: 'for each port, with its protocol: UDP',
    ask: '_dns._udp.dns.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_dns._udp.dns.default.svc.cluster.local', 53)}
    dns.default.svc.cluster.local. 30 IN A 10.3.0.10`,
  },
  {
    says: 'for each port, with its protocol: TCP',
    ask: '_dns-tcp._tcp.dns.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_dns-tcp._tcp.dns.default.svc.cluster.local', 53)}
    dns.default.svc.cluster.local. 30 IN A 10.3.0.10`,
  },
  {
    says: 'for each port, with its protocol: SCTP',
    ask: '_assoc._sctp.dns.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_assoc._sctp.dns.default.svc.cluster.local', 9)}
    dns.default.svc.cluster.local. 30 IN A 10.3.0.10`,
  },
  {
    says: 'one name with two protocols is two ports',
    ask: '_dns._tcp.same.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_dns._tcp.same.default.svc.cluster.local', 53)}
    same.default.svc.cluster.local. 30 IN A 10.3.0.11`,
  },
  {
    says: 'no port of that name with that protocol, no record',
    ask: '_dns._tcp.dns.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'no port of that name, no record',
    ask: '_http._tcp.kubernetes.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'an unnamed port has no SRV record',
    ask: '_._tcp.unnamed.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'an unnamed port has no SRV record, by its number neither',
    ask: '_5000._tcp.unnamed.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'the additional section may have the AAAA record of the target',
    ask: '_https._tcp.six.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_https._tcp.six.default.svc.cluster.local', 443)}
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::1`,
  },
  {
    says: 'the additional section may have both; there is still one record for the port',
    ask: '_https._tcp.both.default.svc.cluster.local',
    type: 'SRV',
    is: `${target('_https._tcp.both.default.svc.cluster.local', 443, undefined, 50)}
    both.default.svc.cluster.local. 30 IN A 10.3.0.2
    both.default.svc.cluster.local. 30 IN AAAA 2001:db8::2`,
  },
  {
    says: 'a port name has no records of other types that the service has not',
    ask: '_https._tcp.kubernetes.default.svc.cluster.local',
    type: 'TXT',
    is: NODATA,
  },
]
section('2.3.2', specCluster(objects), sentences)

test.run()
