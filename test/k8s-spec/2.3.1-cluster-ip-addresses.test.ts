/** A and AAAA of a Service with a ClusterIP. */
import { test } from 'uvu'
import { service, slice } from '../plugins/kubernetes/cluster.ts'
import { NODATA, NXDOMAIN, type Sentence, section, specCluster } from './sentences.ts'

const objects = [
  service('kubernetes.default', ['10.3.0.1'], ['https:tcp:443']),
  service('six.default', ['2001:db8::1'], ['https:tcp:443']),
  service('both.default', ['10.3.0.2', '2001:db8::2'], ['https:tcp:443']),
  service('turned.default', ['2001:db8::3', '10.3.0.3'], ['https:tcp:443']),
  service('unready.default', ['10.3.0.4'], ['https:tcp:443']),
  slice('unready-1.default', 'unready', ['!10.4.0.1'], ['https:tcp:443']),
]

const sentences: Sentence[] = [
  {
    says: 'if the ClusterIP is an IPv4 address, an A record exists',
    ask: 'kubernetes.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    kubernetes.default.svc.cluster.local. 30 IN A 10.3.0.1`,
  },
  {
    says: 'an IPv4 ClusterIP makes no AAAA record, and the name exists',
    ask: 'kubernetes.default.svc.cluster.local',
    type: 'AAAA',
    is: NODATA,
  },
  {
    says: 'if the ClusterIP is an IPv6 address, an AAAA record exists',
    ask: 'six.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::1`,
  },
  {
    says: 'an IPv6 ClusterIP makes no A record, and the name exists',
    ask: 'six.default.svc.cluster.local',
    is: NODATA,
  },
  ...['both', 'turned'].flatMap((name, i): Sentence[] => [
    {
      says: `each ClusterIP of a dual-stack service has a record, ${i === 0 ? 'IPv4' : 'IPv6'} first`,
      ask: `${name}.default.svc.cluster.local`,
      is: `NOERROR aa rd
      ;; ANSWER
      ${name}.default.svc.cluster.local. 30 IN A 10.3.0.${i + 2}`,
    },
    {
      says: `each ClusterIP of a dual-stack service has a record, ${i === 0 ? 'IPv4' : 'IPv6'} first`,
      ask: `${name}.default.svc.cluster.local`,
      type: 'AAAA',
      is: `NOERROR aa rd
      ;; ANSWER
      ${name}.default.svc.cluster.local. 30 IN AAAA 2001:db8::${i + 2}`,
    },
  ]),
  {
    says: 'the record exists whether endpoints are ready or not',
    ask: 'unready.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    unready.default.svc.cluster.local. 30 IN A 10.3.0.4`,
  },
  { says: 'no service, no record', ask: 'nope.default.svc.cluster.local', is: NXDOMAIN },
  { says: 'a service is in its namespace alone', ask: 'kubernetes.other.svc.cluster.local', is: NXDOMAIN },
]
section('2.3.1', specCluster(objects), sentences)

test.run()
