/** Hostname, ready, and how names are compared. */
import { test } from 'uvu'
import { externalName, pod, service, slice } from '../plugins/kubernetes/cluster.ts'
import { NXDOMAIN, type Sentence, section, specCluster } from './sentences.ts'

/** A slice with conditions as given: `ready` may be absent, which counts as true. */
function conditions(of: string, address: string, given: object) {
  const one = slice(`${of}-1.default`, of, [address], ['https:tcp:443'])
  return { ...one, endpoints: [{ addresses: [address], conditions: given }] }
}

const objects = [
  service('kubernetes.default', ['10.3.0.1'], ['https:tcp:443']),
  service('headless.default', [], ['https:tcp:443']),
  slice('headless-1.default', 'headless', ['10.3.0.100=my-pet@pod-0', '10.3.0.101@pod-1'], ['https:tcp:443']),
  pod('pod-0.default', '10.3.0.100'),
  pod('pod-1.default', '10.3.0.101'),
  service('unready.default', [], ['https:tcp:443']),
  conditions('unready', '10.3.0.7', { ready: false }),
  // publishNotReadyAddresses, once the annotation of that name: whoever writes the slices marks the endpoints ready.
  service('tolerant.default', [], ['https:tcp:443']),
  conditions('tolerant', '10.3.0.8', { ready: true, serving: false, terminating: true }),
  service('unknown.default', [], ['https:tcp:443']),
  conditions('unknown', '10.3.0.9', {}),
  externalName('foo.default', 'www.example.com'),
]

const sentences: Sentence[] = [
  {
    says: 'the hostname of an endpoint is first the value of its field `hostname`',
    ask: 'my-pet.headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    my-pet.headless.default.svc.cluster.local. 30 IN A 10.3.0.100`,
  },
  {
    says: 'and then nothing else: no identifier of the system beside it',
    ask: '10-3-0-100.headless.default.svc.cluster.local',
    is: NXDOMAIN,
  },
  {
    says: 'without one it is an identifier that stands for one endpoint of the service',
    ask: '10-3-0-101.headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    10-3-0-101.headless.default.svc.cluster.local. 30 IN A 10.3.0.101`,
  },
  {
    says: 'and is the same identifier wherever a record names the endpoint',
    ask: '101.0.3.10.in-addr.arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    101.0.3.10.in-addr.arpa. 30 IN PTR 10-3-0-101.headless.default.svc.cluster.local.`,
  },
  { says: 'an endpoint that is not ready has no record', ask: 'unready.default.svc.cluster.local', is: NXDOMAIN },
  {
    says: 'a service that tolerates unready endpoints has them',
    ask: 'tolerant.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    tolerant.default.svc.cluster.local. 30 IN A 10.3.0.8`,
  },
  {
    says: 'an endpoint of which nothing is known counts as ready',
    ask: 'unknown.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    unknown.default.svc.cluster.local. 30 IN A 10.3.0.9`,
  },
  {
    says: 'comparisons do not mind case: a service, its namespace, the zone',
    ask: 'KUBERNETES.Default.SVC.cluster.LOCAL',
    is: `NOERROR aa rd
    ;; ANSWER
    KUBERNETES.Default.SVC.cluster.LOCAL. 30 IN A 10.3.0.1`,
  },
  {
    says: 'comparisons do not mind case: a port and a protocol',
    ask: '_HTTPS._Tcp.kubernetes.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _HTTPS._Tcp.kubernetes.default.svc.cluster.local. 30 IN SRV 0 100 443 kubernetes.default.svc.cluster.local.
    ;; ADDITIONAL
    kubernetes.default.svc.cluster.local. 30 IN A 10.3.0.1`,
  },
  {
    says: 'comparisons do not mind case: a hostname',
    ask: 'My-Pet.headless.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    My-Pet.headless.default.svc.cluster.local. 30 IN A 10.3.0.100`,
  },
  {
    says: 'comparisons do not mind case: the version',
    ask: 'DNS-Version.cluster.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; ANSWER
    DNS-Version.cluster.local. 28800 IN TXT "1.1.0"`,
  },
  {
    says: 'comparisons do not mind case: a reverse name',
    ask: '1.0.3.10.IN-ADDR.Arpa',
    type: 'PTR',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.3.10.IN-ADDR.Arpa. 30 IN PTR kubernetes.default.svc.cluster.local.`,
  },
  {
    says: 'comparisons do not mind case: an ExternalName service',
    ask: 'FOO.default.svc.cluster.local',
    type: 'CNAME',
    is: `NOERROR aa rd
    ;; ANSWER
    FOO.default.svc.cluster.local. 30 IN CNAME www.example.com.`,
  },
]
section('2.1', specCluster(objects), sentences)

test.run()
