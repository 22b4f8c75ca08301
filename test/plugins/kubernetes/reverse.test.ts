import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Stage } from '../../../server/plugin.ts'
import { empty } from '../../../server/reply.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { text } from '../../harness/message.ts'
import { clusterOf, service, slice } from './cluster.ts'
import { objects } from './objects.ts'

const SOA4 = 'in-addr.arpa. 30 IN SOA ns.dns.in-addr.arpa. hostmaster.in-addr.arpa. 7 7200 1800 86400 30'
const SOA6 = SOA4.replaceAll('in-addr', 'ip6')
const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA4}`
const nxdomain = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA4}`

/** The reverse name of eight groups. */
function reverse6(...groups: string[]): string {
  return `${[...groups.map(group => group.padStart(4, '0')).join('')].reverse().join('.')}.ip6.arpa`
}
const fd00_1 = reverse6('fd00', '244', '0', '0', '0', '0', '0', '1')

interface Row {
  name: string
  ask: string
  type?: string
  body?: string
  is: string
}

const rows: Row[] = [
  {
    name: 'a ClusterIP',
    ask: '1.0.96.10.in-addr.arpa',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.96.10.in-addr.arpa. 30 IN PTR kubernetes.default.svc.cluster.local.`,
  },
  {
    name: 'an IPv6 ClusterIP',
    ask: reverse6('fd00', '96', '0', '0', '0', '0', '0', '6'),
    is: `NOERROR aa rd
    ;; ANSWER
    ${reverse6('fd00', '96', '0', '0', '0', '0', '0', '6')}. 30 IN PTR six.prod.svc.cluster.local.`,
  },
  {
    name: 'an endpoint with a hostname',
    ask: '1.0.244.10.in-addr.arpa',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.244.10.in-addr.arpa. 30 IN PTR db-0.db.prod.svc.cluster.local.`,
  },
  {
    name: 'an endpoint without one, in two slices',
    ask: '2.0.244.10.in-addr.arpa',
    is: `NOERROR aa rd
    ;; ANSWER
    2.0.244.10.in-addr.arpa. 30 IN PTR 10-244-0-2.db.prod.svc.cluster.local.`,
  },
  {
    name: 'an IPv6 endpoint',
    ask: fd00_1,
    is: `NOERROR aa rd
    ;; ANSWER
    ${fd00_1}. 30 IN PTR db-0.db.prod.svc.cluster.local.`,
  },
  {
    name: 'an endpoint of a ClusterIP service',
    ask: '20.0.244.10.in-addr.arpa',
    is: `NOERROR aa rd
    ;; ANSWER
    20.0.244.10.in-addr.arpa. 30 IN PTR 10-244-0-20.dual.prod.svc.cluster.local.`,
  },
  {
    name: 'endpoint_pod_names',
    ask: '4.0.244.10.in-addr.arpa',
    body: 'endpoint_pod_names',
    is: `NOERROR aa rd
    ;; ANSWER
    4.0.244.10.in-addr.arpa. 30 IN PTR db-3.db.prod.svc.cluster.local.`,
  },
  { name: 'an endpoint that is not ready', ask: '21.0.244.10.in-addr.arpa', is: nxdomain },
  { name: 'an endpoint whose Service is not there', ask: '8.8.244.10.in-addr.arpa', is: nxdomain },
  { name: 'a pod that is no endpoint', ask: '7.7.244.10.in-addr.arpa', body: 'pods verified', is: nxdomain },
  { name: 'an address outside', ask: '8.8.8.8.in-addr.arpa', is: nxdomain },
  { name: 'a ClusterIP in a namespace that does not exist', ask: '9.9.96.10.in-addr.arpa', is: nxdomain },
  {
    name: 'an endpoint in a namespace that does not exist (CoreDNS: answered)',
    ask: '9.9.244.10.in-addr.arpa',
    is: nxdomain,
  },
  { name: 'namespaces hide a ClusterIP', ask: '20.0.96.10.in-addr.arpa', body: 'namespaces default', is: nxdomain },
  { name: 'namespaces hide an endpoint', ask: '1.0.244.10.in-addr.arpa', body: 'namespaces default', is: nxdomain },
  { name: 'noendpoints', ask: '1.0.244.10.in-addr.arpa', body: 'noendpoints', is: nxdomain },
  { name: 'part of an address', ask: '0.96.10.in-addr.arpa', is: nxdomain },
  { name: 'a label too many', ask: '1.1.0.96.10.in-addr.arpa', is: nxdomain },
  { name: 'a number with a leading zero', ask: '01.0.96.10.in-addr.arpa', is: nxdomain },
  { name: 'a number too large', ask: '256.0.96.10.in-addr.arpa', is: nxdomain },
  { name: 'no number', ask: 'x.0.96.10.in-addr.arpa', is: nxdomain },
  { name: 'another type of a known address (CoreDNS: NXDOMAIN)', ask: '1.0.96.10.in-addr.arpa', type: 'A', is: nodata },
  { name: 'another type of an unknown one', ask: '8.8.8.8.in-addr.arpa', type: 'A', is: nxdomain },
  {
    name: 'ANY',
    ask: '1.0.96.10.in-addr.arpa',
    type: 'ANY',
    is: `NOERROR aa rd
    ;; ANSWER
    1.0.96.10.in-addr.arpa. 30 IN HINFO {"cpu":"RFC8482","os":""}`,
  },
  { name: 'the apex', ask: 'in-addr.arpa', is: nodata },
  { name: 'SOA of the apex', ask: 'in-addr.arpa', type: 'SOA', is: `NOERROR aa rd\n;; ANSWER\n${SOA4}` },
  {
    name: 'an IPv6 address that is not known',
    ask: reverse6('2001', 'db8', '0', '0', '0', '0', '0', '1'),
    is: `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA6}`,
  },
  {
    name: 'an IPv6 address with a digit that is none',
    ask: fd00_1.replace('1.0', 'g.0'),
    is: `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA6}`,
  },
]

for (const { name, ask, type = 'PTR', body = '', is } of rows) {
  test(`${name}: ${ask} ${type}`, async () => {
    const cluster = clusterOf({ body: `ttl 30\n${body}`, objects })
    cluster.index.serial = 7
    assert.is(await cluster.ask(ask, { type }), text`${is}`)
  })
}

test('an address that several services have as endpoint: a name in each of them', async () => {
  const cluster = clusterOf({
    objects: [...objects, service('two.prod', []), slice('two-1.prod', 'two', ['10.244.0.1=zero', '10.244.0.1=nil'])],
  })
  const reply = await cluster.ask('1.0.244.10.in-addr.arpa', { type: 'PTR' })
  const names = [...reply.matchAll(/PTR (\S+)/g)].map(match => match[1]).sort()
  assert.equal(names, [
    'db-0.db.prod.svc.cluster.local.',
    'nil.two.prod.svc.cluster.local.',
    'zero.two.prod.svc.cluster.local.',
  ])
})

test('a ClusterIP goes before endpoints with the same address', async () => {
  const cluster = clusterOf({ objects: [...objects, slice('x-1.prod', 'db', ['10.96.0.1'])] })
  const reply = await cluster.ask('1.0.96.10.in-addr.arpa', { type: 'PTR' })
  assert.equal(
    [...reply.matchAll(/PTR (\S+)/g)].map(match => match[1]),
    ['kubernetes.default.svc.cluster.local.'],
  )
})

test('names lead into the first zone that is no reverse zone', async () => {
  const cluster = clusterOf({ zones: '10.96.0.0/16 k8s.example cluster.local', objects })
  assert.match(await cluster.ask('1.0.96.10.in-addr.arpa', { type: 'PTR' }), 'PTR kubernetes.default.svc.k8s.example.')
  assert.is(await cluster.ask('1.0.244.10.in-addr.arpa', { type: 'PTR' }), 'REFUSED rd')
})

/** A stage that answers everything, to see what gets to it. */
const behind: Stage = { handle: q => empty(q, RCODE.YXDOMAIN) }
const through = 'YXDOMAIN rd'

const unknown: { name: string; ask: string; type?: string; body: string; unsynced?: boolean; is: string }[] = [
  { name: 'unknown names fall through', ask: '8.8.8.8.in-addr.arpa', body: 'fallthrough', is: through },
  { name: 'also parts of addresses', ask: '8.8.8.in-addr.arpa', body: 'fallthrough', is: through },
  { name: 'only below the zones listed', ask: '8.8.8.8.in-addr.arpa', body: 'fallthrough ip6.arpa', is: nxdomain },
  { name: 'known names do not', ask: '1.0.96.10.in-addr.arpa', type: 'A', body: 'fallthrough', is: nodata },
  {
    name: 'cluster names fall through too',
    ask: 'nope.prod.svc.cluster.local',
    type: 'A',
    body: 'fallthrough',
    is: through,
  },
  { name: 'unless they are not listed', ask: '1.0.0.10.in-addr.arpa', body: 'fallthrough cluster.local', is: nxdomain },
]
for (const { name, ask, type = 'PTR', body, is } of unknown) {
  test(`fallthrough: ${name}`, async () => {
    const cluster = clusterOf({ body: `ttl 30\n${body}`, objects, behind: [behind] })
    cluster.index.serial = 7
    assert.is(await cluster.ask(ask, { type }), is)
  })
}

test('what is not known yet: private addresses are SERVFAIL, those of the world fall through', async () => {
  const cluster = clusterOf({ body: 'fallthrough', behind: [behind], unsynced: ['service'] })
  const rows: [string, string][] = [
    ['1.0.96.10.in-addr.arpa', 'SERVFAIL rd'],
    ['1.0.16.172.in-addr.arpa', 'SERVFAIL rd'],
    ['1.0.31.172.in-addr.arpa', 'SERVFAIL rd'],
    ['1.0.168.192.in-addr.arpa', 'SERVFAIL rd'],
    ['1.0.64.100.in-addr.arpa', 'SERVFAIL rd'],
    ['1.255.127.100.in-addr.arpa', 'SERVFAIL rd'],
    ['254.169.254.169.in-addr.arpa', 'SERVFAIL rd'],
    ['254.169.in-addr.arpa', 'SERVFAIL rd'],
    ['10.in-addr.arpa', 'SERVFAIL rd'],
    [reverse6('fd00', '0', '0', '0', '0', '0', '0', '1'), 'SERVFAIL rd'],
    [reverse6('fc00', '0', '0', '0', '0', '0', '0', '1'), 'SERVFAIL rd'],
    [reverse6('fdff', '0', '0', '0', '0', '0', '0', '1'), 'SERVFAIL rd'],
    [reverse6('fe80', '0', '0', '0', '0', '0', '0', '1'), 'SERVFAIL rd'],
    [reverse6('febf', '0', '0', '0', '0', '0', '0', '1'), 'SERVFAIL rd'],
    ['8.e.f.ip6.arpa', 'SERVFAIL rd'],
    ['1.0.32.172.in-addr.arpa', through],
    ['1.0.63.100.in-addr.arpa', through],
    ['1.0.128.100.in-addr.arpa', through],
    ['1.0.253.169.in-addr.arpa', through],
    ['169.in-addr.arpa', through],
    ['1.0.15.172.in-addr.arpa', through],
    ['1.0.169.192.in-addr.arpa', through],
    ['8.8.8.8.in-addr.arpa', through],
    [reverse6('fe00', '0', '0', '0', '0', '0', '0', '1'), through],
    [reverse6('fec0', '0', '0', '0', '0', '0', '0', '1'), through],
    [reverse6('fbff', '0', '0', '0', '0', '0', '0', '1'), through],
    ['e.f.ip6.arpa', through],
    ['f.ip6.arpa', through],
    [reverse6('2001', 'db8', '0', '0', '0', '0', '0', '1'), through],
    ['nope.prod.svc.cluster.local', 'SERVFAIL rd'],
    ['nope.cluster.local', 'SERVFAIL rd'],
  ]
  for (const [name, is] of rows) assert.is(await cluster.ask(name, { type: 'PTR' }), is, name)
})

test('a reverse zone that was given to the cluster alone is SERVFAIL whole, until it is known', async () => {
  const cluster = clusterOf({
    zones: 'cluster.local 203.0.113.0/24',
    body: 'fallthrough',
    behind: [behind],
    unsynced: ['service'],
  })
  assert.is(await cluster.ask('1.113.0.203.in-addr.arpa', { type: 'PTR' }), 'SERVFAIL rd')
  cluster.index.setSynced('service', true)
  assert.is(await cluster.ask('1.113.0.203.in-addr.arpa', { type: 'PTR' }), through)
})

test.run()
