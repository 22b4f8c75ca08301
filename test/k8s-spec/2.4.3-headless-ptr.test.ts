/** PTR records of the endpoints of a headless Service. */
import { test } from 'uvu'
import { service, slice } from '../plugins/kubernetes/cluster.ts'
import { NIBBLES, type Sentence, section, specCluster } from './sentences.ts'

const PORTS = ['https:tcp:443']
const objects = [
  service('headless.default', [], PORTS),
  slice('headless-1.default', 'headless', ['10.3.0.100=my-pet', '10.3.0.102', '!10.3.0.9=late'], PORTS),
  slice('headless-6.default', 'headless', ['2001:db8::1=my-pet', '2001:db8::2'], PORTS),
  service('other.default', [], PORTS),
  slice('other-1.default', 'other', ['10.3.0.103=a', '10.3.0.104=b'], PORTS),
  service('again.default', [], PORTS),
  slice('again-1.default', 'again', ['10.3.0.103=c'], PORTS),
]
const soa = ';; AUTHORITY\nin-addr.arpa. 30 IN SOA ns.dns.in-addr.arpa. hostmaster.in-addr.arpa. 7 7200 1800 86400 30'

const sentences: Sentence[] = [
  {
    says: 'a ready endpoint with an IPv4 address has a PTR record with its hostname',
    ask: '100.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    100.0.3.10.in-addr.arpa. 30 IN PTR my-pet.headless.default.svc.cluster.local.`,
  },
  {
    says: 'without one, with the identifier that stands for it (§2.1)',
    ask: '102.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    102.0.3.10.in-addr.arpa. 30 IN PTR 10-3-0-102.headless.default.svc.cluster.local.`,
  },
  {
    says: 'a ready endpoint with an IPv6 address has one, under all its nibbles in reverse order',
    ask: `${NIBBLES}.ip6.arpa`,
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    ${NIBBLES}.ip6.arpa. 30 IN PTR my-pet.headless.default.svc.cluster.local.`,
  },
  {
    says: 'an IPv6 endpoint without a hostname',
    ask: `${NIBBLES.replace(/^1/, '2')}.ip6.arpa`,
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    ${NIBBLES.replace(/^1/, '2')}.ip6.arpa. 30 IN PTR 2001-db8--2.headless.default.svc.cluster.local.`,
  },
  {
    says: 'an endpoint of two services has a record for each',
    ask: '103.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    103.0.3.10.in-addr.arpa. 30 IN PTR a.other.default.svc.cluster.local.
    103.0.3.10.in-addr.arpa. 30 IN PTR c.again.default.svc.cluster.local.`,
  },
  {
    says: 'an endpoint that is not ready has none',
    ask: '9.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NXDOMAIN aa rd\n${soa}`,
  },
]
section('2.4.3', specCluster(objects), sentences)

test.run()
