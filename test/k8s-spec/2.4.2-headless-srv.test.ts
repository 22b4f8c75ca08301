/** SRV records of a headless Service: N ready endpoints and M named ports make N × M records. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { service, slice } from '../plugins/kubernetes/cluster.ts'
import { NXDOMAIN, type Sentence, section, specCluster } from './sentences.ts'

const PORTS = ['https:tcp:443', 'dns:udp:53', ':tcp:9999']
const objects = [
  service('headless.default', [], PORTS),
  slice(
    'headless-1.default',
    'headless',
    ['10.3.0.100=my-pet', '10.3.0.101=my-pet-2', '10.3.0.102', '!10.3.0.9'],
    PORTS,
  ),
  service('six.default', [], ['https:tcp:443']),
  slice('six-1.default', 'six', ['2001:db8::1=my-pet'], ['https:tcp:443']),
  service('both.default', [], ['https:tcp:443']),
  slice('both-4.default', 'both', ['10.3.1.1=my-pet'], ['https:tcp:443']),
  slice('both-6.default', 'both', ['2001:db8::1:1=my-pet'], ['https:tcp:443']),
  service('moving.default', [], ['https:tcp:443']),
  slice('moving-1.default', 'moving', ['10.3.2.1'], ['https:tcp:443']),
  slice('moving-2.default', 'moving', ['10.3.2.1'], ['https:tcp:8443']),
  service('namesake.default', [], ['https:tcp:443']),
  slice('namesake-1.default', 'namesake', ['10.3.3.1=10-3-3-2', '10.3.3.2'], ['https:tcp:443']),
  service('unready.default', [], ['https:tcp:443']),
  slice('unready-1.default', 'unready', ['!10.3.0.10=late'], ['https:tcp:443']),
]

const sentences: Sentence[] = [
  {
    says: 'a record for each ready endpoint: the port, and the endpoint under its hostname',
    ask: '_https._tcp.headless.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.headless.default.svc.cluster.local. 30 IN SRV 0 33 443 my-pet.headless.default.svc.cluster.local.
    _https._tcp.headless.default.svc.cluster.local. 30 IN SRV 0 33 443 my-pet-2.headless.default.svc.cluster.local.
    _https._tcp.headless.default.svc.cluster.local. 30 IN SRV 0 33 443 10-3-0-102.headless.default.svc.cluster.local.
    ;; ADDITIONAL
    my-pet.headless.default.svc.cluster.local. 30 IN A 10.3.0.100
    my-pet-2.headless.default.svc.cluster.local. 30 IN A 10.3.0.101
    10-3-0-102.headless.default.svc.cluster.local. 30 IN A 10.3.0.102`,
  },
  {
    says: 'and for each port, with its protocol',
    ask: '_dns._udp.headless.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _dns._udp.headless.default.svc.cluster.local. 30 IN SRV 0 33 53 my-pet.headless.default.svc.cluster.local.
    _dns._udp.headless.default.svc.cluster.local. 30 IN SRV 0 33 53 my-pet-2.headless.default.svc.cluster.local.
    _dns._udp.headless.default.svc.cluster.local. 30 IN SRV 0 33 53 10-3-0-102.headless.default.svc.cluster.local.
    ;; ADDITIONAL
    my-pet.headless.default.svc.cluster.local. 30 IN A 10.3.0.100
    my-pet-2.headless.default.svc.cluster.local. 30 IN A 10.3.0.101
    10-3-0-102.headless.default.svc.cluster.local. 30 IN A 10.3.0.102`,
  },
  {
    says: 'an unnamed port has no SRV record',
    ask: '_._tcp.headless.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'no port of that name with that protocol, no record',
    ask: '_https._udp.headless.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'without a ready endpoint there is no record',
    ask: '_https._tcp.unready.default.svc.cluster.local',
    type: 'SRV',
    is: NXDOMAIN,
  },
  {
    says: 'the additional section may have the AAAA records of the targets',
    ask: '_https._tcp.six.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.six.default.svc.cluster.local. 30 IN SRV 0 100 443 my-pet.six.default.svc.cluster.local.
    ;; ADDITIONAL
    my-pet.six.default.svc.cluster.local. 30 IN AAAA 2001:db8::1`,
  },
  {
    says: 'an endpoint in two slices, with another number in each: two records, its address once',
    ask: '_https._tcp.moving.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.moving.default.svc.cluster.local. 30 IN SRV 0 50 443 10-3-2-1.moving.default.svc.cluster.local.
    _https._tcp.moving.default.svc.cluster.local. 30 IN SRV 0 50 8443 10-3-2-1.moving.default.svc.cluster.local.
    ;; ADDITIONAL
    10-3-2-1.moving.default.svc.cluster.local. 30 IN A 10.3.2.1`,
  },
  {
    says: 'a hostname that is the identifier of another endpoint: one target with both addresses',
    ask: '_https._tcp.namesake.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.namesake.default.svc.cluster.local. 30 IN SRV 0 50 443 10-3-3-2.namesake.default.svc.cluster.local.
    ;; ADDITIONAL
    10-3-3-2.namesake.default.svc.cluster.local. 30 IN A 10.3.3.1
    10-3-3-2.namesake.default.svc.cluster.local. 30 IN A 10.3.3.2`,
  },
  {
    says: 'a dual-stack endpoint is one target with both addresses',
    ask: '_https._tcp.both.default.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _https._tcp.both.default.svc.cluster.local. 30 IN SRV 0 50 443 my-pet.both.default.svc.cluster.local.
    ;; ADDITIONAL
    my-pet.both.default.svc.cluster.local. 30 IN A 10.3.1.1
    my-pet.both.default.svc.cluster.local. 30 IN AAAA 2001:db8::1:1`,
  },
]
section('2.4.2', specCluster(objects), sentences)

test('k8s-dns §2.4.2: N ready endpoints and M named ports are N × M records', async () => {
  const [n, m] = [7, 5]
  const ports = Array.from({ length: m }, (_, i) => `p${i}:tcp:${8000 + i}`)
  const endpoints = Array.from({ length: n }, (_, i) => `10.3.2.${i + 1}=pet-${i}`)
  const cluster = specCluster([service('many.default', [], ports), slice('many-1.default', 'many', endpoints, ports)])
  const records = new Set<string>()
  for (let i = 0; i < m; i++) {
    const reply = await cluster.ask(`_p${i}._tcp.many.default.svc.cluster.local`, { type: 'SRV' }, true)
    for (const [record] of reply.matchAll(/^.* IN SRV .*$/gm)) records.add(record)
  }
  assert.is(records.size, n * m)
})

test.run()
