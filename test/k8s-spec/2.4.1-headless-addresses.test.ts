/** A and AAAA of a headless Service and of its endpoints. */
import { test } from 'uvu'
import { service, slice } from '../plugins/kubernetes/cluster.ts'
import { NODATA, NXDOMAIN, type Sentence, section, specCluster } from './sentences.ts'

const PORTS = ['https:tcp:443']
const objects = [
  service('headless.default', [], PORTS),
  slice('headless-1.default', 'headless', ['10.3.0.1', '10.3.0.2', '!10.3.0.9=late'], PORTS),
  slice('headless-2.default', 'headless', ['10.3.0.100=my-pet', '10.3.0.101=twins', '10.3.0.102=twins'], PORTS),
  service('six.default', [], PORTS),
  slice('six-1.default', 'six', ['2001:db8::1=my-pet', '2001:db8::2', '!2001:db8::9'], PORTS),
  slice('six-2.default', 'six', ['2001:db8::3=twins', '2001:db8::4=twins'], PORTS),
  service('both.default', [], PORTS),
  slice('both-4.default', 'both', ['10.3.1.1=my-pet'], PORTS),
  slice('both-6.default', 'both', ['2001:db8::1:1=my-pet'], PORTS),
  service('none.default', [], PORTS),
  service('unready.default', [], PORTS),
  slice('unready-1.default', 'unready', ['!10.3.0.10=late', '!10.3.0.11'], PORTS),
  slice('unready-2.default', 'unready', ['!2001:db8::a'], PORTS),
  service('portless.default', []),
  slice('portless-1.default', 'portless', ['10.3.0.20']),
]

const sentences: Sentence[] = [
  {
    says: 'an A record for each ready endpoint, of all slices',
    ask: 'headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    headless.default.svc.cluster.local. 30 IN A 10.3.0.1
    headless.default.svc.cluster.local. 30 IN A 10.3.0.2
    headless.default.svc.cluster.local. 30 IN A 10.3.0.100
    headless.default.svc.cluster.local. 30 IN A 10.3.0.101
    headless.default.svc.cluster.local. 30 IN A 10.3.0.102`,
  },
  {
    says: 'an endpoint needs no port for it',
    ask: 'portless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    portless.default.svc.cluster.local. 30 IN A 10.3.0.20`,
  },
  ...['none', 'unready'].flatMap(name =>
    ['A', 'AAAA'].map(
      (type): Sentence => ({
        says: 'without a ready endpoint the answer is NXDOMAIN',
        ask: `${name}.default.svc.cluster.local`,
        type,
        is: NXDOMAIN,
      }),
    ),
  ),
  {
    says: 'a service with ready endpoints of the other family exists',
    ask: 'headless.default.svc.cluster.local',
    type: 'AAAA',
    is: NODATA,
  },
  {
    says: 'a service with ready endpoints of the other family exists',
    ask: 'six.default.svc.cluster.local',
    is: NODATA,
  },
  {
    says: 'an A record of each ready endpoint under its hostname',
    ask: 'my-pet.headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    my-pet.headless.default.svc.cluster.local. 30 IN A 10.3.0.100`,
  },
  {
    says: 'with several IPv4 addresses under one hostname, one A record for each',
    ask: 'twins.headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    twins.headless.default.svc.cluster.local. 30 IN A 10.3.0.101
    twins.headless.default.svc.cluster.local. 30 IN A 10.3.0.102`,
  },
  {
    says: 'an endpoint that is not ready has none under its hostname',
    ask: 'late.headless.default.svc.cluster.local',
    is: NXDOMAIN,
  },
  {
    says: 'an AAAA record for each ready endpoint',
    ask: 'six.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::1
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::2
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::3
    six.default.svc.cluster.local. 30 IN AAAA 2001:db8::4`,
  },
  {
    says: 'an AAAA record of each ready endpoint under its hostname',
    ask: 'my-pet.six.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    my-pet.six.default.svc.cluster.local. 30 IN AAAA 2001:db8::1`,
  },
  {
    says: 'with several IPv6 addresses under one hostname, one AAAA record for each',
    ask: 'twins.six.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    twins.six.default.svc.cluster.local. 30 IN AAAA 2001:db8::3
    twins.six.default.svc.cluster.local. 30 IN AAAA 2001:db8::4`,
  },
  {
    says: 'a dual-stack endpoint has both under one hostname: A',
    ask: 'my-pet.both.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    my-pet.both.default.svc.cluster.local. 30 IN A 10.3.1.1`,
  },
  {
    says: 'a dual-stack endpoint has both under one hostname: AAAA',
    ask: 'my-pet.both.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    my-pet.both.default.svc.cluster.local. 30 IN AAAA 2001:db8::1:1`,
  },
]
section('2.4.1', specCluster(objects), sentences)

test.run()
