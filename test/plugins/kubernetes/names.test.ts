import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ask, query, readReply, text } from '../../harness/message.ts'
import { clusterOf } from './cluster.ts'
import { objects } from './objects.ts'
import { clusterWith, nodata, nxdomain, type Row, SOA, testRows } from './rows.ts'

const rows: Row[] = [
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
testRows(rows)

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
