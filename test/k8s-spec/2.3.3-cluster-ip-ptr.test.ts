/** PTR records of ClusterIPs. */
import { test } from 'uvu'
import { service } from '../plugins/kubernetes/cluster.ts'
import { NIBBLES, type Sentence, section, specCluster } from './sentences.ts'

const objects = [
  service('kubernetes.default', ['10.3.0.1'], ['https:tcp:443']),
  service('six.default', ['2001:db8::1'], ['https:tcp:443']),
  service('both.default', ['10.3.0.2', '2001:db8::2'], ['https:tcp:443']),
]
const soaOf = (zone: string) =>
  `;; AUTHORITY\n${zone}. 30 IN SOA ns.dns.${zone}. hostmaster.${zone}. 7 7200 1800 86400 30`

const sentences: Sentence[] = [
  {
    says: 'an IPv4 ClusterIP has a PTR record that names the service',
    ask: '1.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.3.10.in-addr.arpa. 30 IN PTR kubernetes.default.svc.cluster.local.`,
  },
  {
    says: 'an IPv6 ClusterIP has one, under all its nibbles in reverse order',
    ask: `${NIBBLES}.ip6.arpa`,
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    ${NIBBLES}.ip6.arpa. 30 IN PTR six.default.svc.cluster.local.`,
  },
  {
    says: 'each ClusterIP of a dual-stack service has one: IPv4',
    ask: '2.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    2.0.3.10.in-addr.arpa. 30 IN PTR both.default.svc.cluster.local.`,
  },
  {
    says: 'each ClusterIP of a dual-stack service has one: IPv6',
    ask: `${NIBBLES.replace(/^1/, '2')}.ip6.arpa`,
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    ${NIBBLES.replace(/^1/, '2')}.ip6.arpa. 30 IN PTR both.default.svc.cluster.local.`,
  },
  {
    says: 'an address that no service has, has none',
    ask: '9.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NXDOMAIN aa rd\n${soaOf('in-addr.arpa')}`,
  },
  {
    says: 'an IPv6 address that no service has, has none',
    ask: `${NIBBLES.replace(/^1/, '9')}.ip6.arpa`,
    type: 'PTR',
    is: `NXDOMAIN aa rd\n${soaOf('ip6.arpa')}`,
  },
]
section('2.3.3', specCluster(objects), sentences)

test.run()
