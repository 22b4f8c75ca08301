/**
 * The cluster that both servers see: services of every shape, with the corners that the API allows. Which names it has is
 * for questions.ts to find out from the objects.
 */
import { type ApiObject, importSlice, namespace, pod, service, serviceImport, slice } from './objects.ts'

/** An address of the machine that the servers run on, of run.ts's own making: they are endpoints of kube-dns with it. */
export const SERVER_IP = '10.244.250.53'

const WEB = { tier: 'web' }
const OLD = { tier: 'web', old: 'yes' }
const HTTP = ['http:tcp:80']
const L63 = 'l'.repeat(63)
const M63 = 'm'.repeat(63)
const N63 = 'n'.repeat(63)

const namespaces: ApiObject[] = [
  namespace('default', { team: 'a' }),
  namespace('prod', { team: 'b' }),
  namespace('test', { team: 'c', old: 'yes' }),
  namespace('kube-system'),
  namespace('1st', { team: 'a' }),
  namespace('svc'),
  namespace('pod'),
  namespace('empty', { team: 'b' }),
  namespace(N63, { team: 'a' }),
]

const clusterIPs: ApiObject[] = [
  service('kubernetes.default', { ips: ['10.96.0.1'], ports: ['https:tcp:443'] }),
  slice('kubernetes.default', 'a', ['10.0.0.5'], { ports: ['https:tcp:6443'] }),
  service('kube-dns.kube-system', { ips: ['10.96.0.10'], ports: ['dns:udp:53', 'dns-tcp:tcp:53', 'metrics:tcp:9153'] }),
  slice('kube-dns.kube-system', 'a', [`${SERVER_IP}@coredns-1`, '10.244.250.54@coredns-2'], { ports: ['dns:udp:53'] }),
  service('v4.prod', { ips: ['10.96.1.4'], ports: HTTP, labels: WEB }),
  slice('v4.prod', 'a', ['10.244.1.1@v4-1', '10.244.1.2=named@v4-2', '!10.244.1.3'], { ports: HTTP, labels: WEB }),
  service('v6.prod', { ips: ['fd00:96::6'], ports: HTTP, labels: OLD }),
  slice('v6.prod', 'a', ['fd00:244::6', 'fd00:244:0:1::'], { ports: HTTP, labels: OLD }),
  service('dual.prod', { ips: ['10.96.1.46', 'fd00:96::46'], ports: ['http:tcp:80', 'metrics:tcp:9100'], labels: WEB }),
  slice('dual.prod', '4', ['10.244.1.46'], { ports: HTTP, labels: WEB }),
  slice('dual.prod', '6', ['fd00:244::46'], { ports: HTTP }),
  service('laud.prod', { ips: ['fd00:96::64', '10.96.1.64'], ports: ['http:tcp:80', 'sip:udp:5060'] }),
  service('unnamed.prod', { ips: ['10.96.1.5'], ports: [':tcp:5000'] }),
  service('same.prod', { ips: ['10.96.1.7'], ports: ['dns:udp:53', 'dns:tcp:53'] }),
  service('sctp.prod', { ips: ['10.96.1.8'], ports: ['assoc:sctp:9', 'assoc:udp:9', 'next:sctp:10'] }),
  service('portless.prod', { ips: ['10.96.1.9'] }),
  service('many.prod', { ips: ['10.96.1.10'], ports: Array.from({ length: 20 }, (_, i) => `p${i}:tcp:${8000 + i}`) }),
  service('empty.prod', { ips: ['10.96.1.11'], ports: HTTP, labels: WEB }),
  service('unready.prod', { ips: ['10.96.1.12'], ports: HTTP, labels: WEB }),
  slice('unready.prod', 'a', ['!10.244.1.12'], { ports: HTTP, labels: WEB }),
  service('node-port.prod', { ips: ['10.96.1.13'], ports: HTTP, type: 'NodePort' }),
  service('balanced.prod', { ips: ['10.96.1.14'], ports: HTTP, type: 'LoadBalancer', externalIPs: ['203.0.113.14'] }),
  service('1st.1st', { ips: ['10.96.1.15'], ports: HTTP, labels: WEB }),
  service('007.test', { ips: ['10.96.1.16'], ports: HTTP }),
  service('1-2-3-4.test', { ips: ['10.96.1.17'], ports: HTTP }),
  service('xn--bcher-kva.test', { ips: ['10.96.1.18'], ports: HTTP }),
  service('svc.svc', { ips: ['10.96.1.19'], ports: HTTP }),
  service('pod.pod', { ips: ['10.96.1.20'], ports: HTTP }),
  service('dns.svc', { ips: ['10.96.1.21'], ports: HTTP }),
  service(`${L63}.${N63}`, { ips: ['10.96.1.22'], ports: ['fifteen-letters:tcp:80'] }),
  service('lost.nowhere', { ips: ['10.96.1.23'], ports: HTTP, labels: WEB }),
  slice('lost.nowhere', 'a', ['10.244.1.23=lost'], { ports: HTTP, labels: WEB }),
]

const headless: ApiObject[] = [
  service('dns-headless.kube-system', { ports: ['dns:udp:53'] }),
  slice('dns-headless.kube-system', 'a', [`${SERVER_IP}=one`, '10.244.250.54'], { ports: ['dns:udp:53'] }),
  service('db.prod', { ports: ['pg:tcp:5432', 'metrics:tcp:9187'], labels: WEB }),
  slice('db.prod', 'a', ['10.244.2.1=db-0@db-0', '10.244.2.2=db-1@db-1', '!10.244.2.3=db-2@db-2'], {
    ports: ['pg:tcp:5432', 'metrics:tcp:9187'],
    labels: WEB,
    zones: ['zone-a', 'zone-b'],
  }),
  service('db-again.prod', { ports: ['pg:tcp:5432'] }),
  slice('db-again.prod', 'a', ['10.244.2.1=other-0@db-0', '10.244.2.2=other-1'], { ports: ['pg:tcp:5432'] }),
  service('plain.prod', { ports: HTTP }),
  slice('plain.prod', 'a', ['10.244.3.1@plain-abc', '10.244.3.2', '10.244.3.3'], {
    ports: HTTP,
    zones: ['zone-a', 'Zone.B'],
  }),
  slice('plain.prod', 'b', ['10.244.3.4', '10.244.3.1'], { ports: HTTP, zones: ['zone-c'] }),
  service('shared.prod', { ports: ['a:tcp:1', 'b:tcp:2'] }),
  slice('shared.prod', 'a', ['10.244.4.1=peer', '10.244.4.2=peer'], { ports: ['a:tcp:1', 'b:tcp:2'] }),
  slice('shared.prod', 'b', ['10.244.4.3=peer', '10.244.4.3=alone'], { ports: ['a:tcp:1'] }),
  service('stacks.prod', { ports: HTTP, labels: WEB }),
  slice('stacks.prod', '4', ['10.244.5.1=both', '10.244.5.2'], { ports: HTTP, labels: WEB }),
  slice('stacks.prod', '6', ['fd00:244:5::1=both', 'fd00:244:5::', 'fd00:244:5::2'], { ports: HTTP, labels: WEB }),
  service('bare.prod'),
  slice('bare.prod', 'a', ['10.244.6.1', '10.244.6.2=bare'], {}),
  service('numberless.prod', { ports: HTTP }),
  slice('numberless.prod', 'a', ['10.244.6.3'], { ports: ['http:tcp:', 'other:tcp:81'] }),
  service('ports.prod', { ports: ['a:tcp:1', ':tcp:2', 'c:sctp:3', 'd:udp:1'] }),
  slice('ports.prod', 'a', ['10.244.7.1', '10.244.7.2=h2', '10.244.7.3', '10.244.7.4', '10.244.7.5'], {
    ports: ['a:tcp:1', ':tcp:2', 'c:sctp:3', 'd:udp:1'],
  }),
  service('changing.prod', { ports: ['http:tcp:80'] }),
  slice('changing.prod', 'a', ['10.244.7.11'], { ports: ['http:tcp:8080'] }),
  slice('changing.prod', 'b', ['10.244.7.12', '10.244.7.11'], { ports: ['http:tcp:8081', 'extra:tcp:9'] }),
  service('silent.prod', { ports: HTTP }),
  service('nobody.prod', { ports: HTTP }),
  slice('nobody.prod', 'a', [], { ports: HTTP }),
  service('late.prod', { ports: HTTP }),
  slice('late.prod', 'a', ['!10.244.8.1=late-0', '!fd00:244:8::1'], { ports: HTTP }),
  service('maybe.prod', { ports: HTTP }),
  slice('maybe.prod', 'a', ['?10.244.8.2=maybe-0'], { ports: HTTP }),
  service('decoy.prod', { ports: HTTP }),
  slice('decoy.prod', 'a', ['10.244.9.1=10-244-9-2', '10.244.9.2', '10.244.9.3=10-244-9-3'], { ports: HTTP }),
  service('pods.prod', { ports: HTTP }),
  slice(
    'pods.prod',
    'a',
    ['10.244.10.1@pod-a', `10.244.10.2@${'p'.repeat(70)}`, '10.244.10.3@dotted.name', '10.244.10.4=h@pod-d'],
    {
      ports: HTTP,
    },
  ),
  service('multi.prod', { ports: HTTP }),
  slice('multi.prod', 'a', ['10.244.11.1+10.244.11.2=pair', '10.244.11.3+10.244.11.4'], { ports: HTTP }),
  service('svc.prod', { ports: HTTP }),
  slice('svc.prod', 'a', ['10.244.12.1=svc', '10.244.12.2=pod'], { ports: HTTP }),
  service('only6.test', { ports: HTTP }),
  slice('only6.test', 'a', ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8::a:0'], { ports: HTTP }),
  service(`${M63}.${N63}`, { ports: HTTP }),
  slice(`${M63}.${N63}`, 'a', [`10.244.13.1=${'h'.repeat(63)}`, '10.244.13.2'], { ports: HTTP }),
  service('hidden.nowhere', { ports: HTTP }),
  slice('hidden.nowhere', 'a', ['10.244.13.9=hidden'], { ports: HTTP }),
  slice('orphan.prod', 'a', ['10.244.13.10=orphan'], { ports: HTTP }),
  // Answers around the sizes at which UDP replies are cut.
  ...[24, 27, 28, 29, 30, 31, 60, 70, 74, 75, 76, 90, 250].flatMap(count => [
    service(`big-${count}.test`, { ports: HTTP }),
    slice(
      `big-${count}.test`,
      'a',
      Array.from({ length: count }, (_, i) => `10.245.${count}.${i + 1}`),
      { ports: HTTP },
    ),
  ]),
]

const external: ApiObject[] = [
  ['out', 'www.example.com'],
  ['upper', 'WWW.Example.COM'],
  ['dotted', 'www.example.com.'],
  ['alias', 'alias.example.com'],
  ['gone', 'gone.example.com'],
  ['nodata', 'nodata.example.com'],
  ['fails', 'fails.example.com'],
  ['refused', 'refused.example.com'],
  ['big', 'big.example.com'],
  ['single', 'localhost'],
  ['underscore', '_x._tcp.example.com'],
  ['in', 'kubernetes.default.svc.cluster.local'],
  ['in-upper', 'KUBERNETES.default.svc.CLUSTER.local'],
  ['in-headless', 'db.prod.svc.cluster.local'],
  ['in-endpoint', 'db-0.db.prod.svc.cluster.local'],
  ['in-pod', '10-244-2-1.prod.pod.cluster.local'],
  ['in-dead', 'nope.default.svc.cluster.local'],
  ['in-late', 'late.prod.svc.cluster.local'],
  ['in-apex', 'cluster.local'],
  ['in-out', 'out.test.svc.cluster.local'],
  ['self', 'self.test.svc.cluster.local'],
  ['tick', 'tock.test.svc.cluster.local'],
  ['tock', 'tick.test.svc.cluster.local'],
  ['below', 'x.below.test.svc.cluster.local'],
  ['other-zone', 'v4.prod.svc.cluster.example'],
  ['ip4', '192.0.2.1'],
  ['ip6', '2001:db8::1'],
  ['chain-0', 'chain-1.test.svc.cluster.local'],
  ['chain-1', 'chain-2.test.svc.cluster.local'],
  ['chain-2', 'v4.prod.svc.cluster.local'],
  ...Array.from({ length: 13 }, (_, i) => [
    `long-${i}`,
    i === 12 ? 'v4.prod.svc.cluster.local' : `long-${i + 1}.test.svc.cluster.local`,
  ]),
].map(([name, target], i) => service(`${name}.test`, { external: target!, labels: i % 2 === 0 ? WEB : {} }))

const pods: ApiObject[] = [
  pod('db-0.prod', ['10.244.2.1'], { labels: WEB }),
  pod('db-1.prod', ['10.244.2.2', 'fd00:244:2::2'], { labels: WEB }),
  pod('v4-1.prod', ['10.244.1.1']),
  pod('stack.default', ['fd00:244:2::3', '10.244.20.1']),
  pod('zeros.default', ['fd00:244:2::']),
  pod('host-1.kube-system', ['10.0.0.5']),
  pod('host-2.prod', ['10.0.0.5']),
  pod('done.prod', ['10.244.20.2'], { phase: 'Succeeded' }),
  pod('failed.prod', ['10.244.20.3'], { phase: 'Failed' }),
  pod('waiting.prod', [], { phase: 'Pending' }),
  pod('starting.prod', ['10.244.20.4'], { phase: 'Pending' }),
  pod('leaving.prod', ['10.244.20.5'], { deleted: true }),
  pod('lost.nowhere', ['10.244.20.6']),
]

const imports: ApiObject[] = [
  serviceImport('v4.prod', ['10.100.0.4'], HTTP),
  serviceImport('dual.prod', ['10.100.0.46', 'fd00:100::46'], ['http:tcp:80', 'metrics:tcp:9100']),
  serviceImport('db.prod', [], ['pg:tcp:5432']),
  importSlice('db.prod', 'east', ['10.101.0.1=db-0', '10.101.0.2'], ['pg:tcp:5432']),
  importSlice('db.prod', 'west', ['10.102.0.1=db-0', 'fd00:102::1=db-1'], ['pg:tcp:5432']),
  serviceImport('none.prod', [], HTTP),
  serviceImport('portless.prod', ['10.100.0.5'], []),
  serviceImport('far.prod', [], HTTP),
  importSlice('far.prod', 'us.south', ['10.103.0.1=far-0', '10.103.0.2'], HTTP),
  serviceImport('homeless.prod', [], HTTP),
  importSlice('homeless.prod', '', ['10.104.0.1=home-0', '10.104.0.2'], HTTP),
  serviceImport('lost.nowhere', ['10.100.0.9'], HTTP),
]

export const cluster: readonly ApiObject[] = [
  ...namespaces,
  ...clusterIPs,
  ...headless,
  ...external,
  ...pods,
  ...imports,
]
