import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../plugins/kubernetes/kubernetes.ts'
import { KINDS, type Kind } from '../../../plugins/kubernetes/object/object.ts'
import { cells, families } from '../../../server/metrics.ts'
import type { Stage } from '../../../server/plugin.ts'
import { empty } from '../../../server/reply.ts'
import { EDE, RCODE } from '../../../server/wire/codes.ts'
import { query, readReply, text } from '../../harness/message.ts'
import { chainOf } from '../../harness/stage.ts'
import { clusterOf, namespace, pod, service, slice } from './cluster.ts'
import { objects } from './objects.ts'

test('the plugin sets a stage up that is not ready before it was started', async () => {
  const chain = chainOf([plugin], 'kubernetes cluster.local {\nmanifests /nowhere\n}')
  assert.is(chain.stages[0]!.ready!(), false)
  assert.is(await chain.ask('a.b.svc.cluster.local'), 'SERVFAIL rd')
  await chain.stages[0]!.stop!()
})

test('one directive per server block', () => {
  assert.throws(() => chainOf([plugin], 'kubernetes cluster.local\nkubernetes other.local'), /once per server block/)
})

const behind: Stage = { handle: q => empty(q, RCODE.YXDOMAIN) }

const unsynced: { name: string; unsynced: Kind[]; ask: string; type?: string; body?: string; is: RegExp }[] = [
  { name: 'nothing known', unsynced: [...KINDS], ask: 'a.b.svc.cluster.local', is: /^SERVFAIL rd$/ },
  {
    name: 'no fallthrough before that',
    unsynced: [...KINDS],
    ask: 'a.b.svc.cluster.local',
    body: 'fallthrough',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'names of no service either',
    unsynced: [...KINDS],
    ask: 'b.cluster.local',
    body: 'fallthrough',
    is: /^SERVFAIL rd$/,
  },
  { name: 'namespaces', unsynced: ['namespace'], ask: 'nowhere.svc.cluster.local', is: /^SERVFAIL rd$/ },
  {
    name: 'a namespace whose Service is known',
    unsynced: ['namespace'],
    ask: 'lost.nowhere.svc.cluster.local',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'endpoints of a headless service',
    unsynced: ['endpointslice'],
    ask: 'unready.prod.svc.cluster.local',
    is: /^SERVFAIL rd$/,
  },
  { name: 'an endpoint', unsynced: ['endpointslice'], ask: 'x.db.prod.svc.cluster.local', is: /^SERVFAIL rd$/ },
  {
    name: 'an empty service that may be none',
    unsynced: ['endpointslice'],
    ask: 'empty.prod.svc.cluster.local',
    body: 'ignore empty_service',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'pods',
    unsynced: ['pod'],
    ask: '192-0-2-7.prod.pod.cluster.local',
    body: 'pods verified',
    is: /^SERVFAIL rd$/,
  },
  {
    name: 'what is known is answered',
    unsynced: [...KINDS],
    ask: 'dual.prod.svc.cluster.local',
    is: /^NOERROR aa rd\n;; ANSWER\n.* A 10.96.0.20$/,
  },
  { name: 'the apex too', unsynced: [...KINDS], ask: 'cluster.local', type: 'SOA', is: /^NOERROR aa rd\n;; ANSWER/ },
  {
    name: 'services are known though pods are not',
    unsynced: ['pod'],
    ask: 'nope.prod.svc.cluster.local',
    body: 'pods verified',
    is: /^NXDOMAIN aa/,
  },
  {
    name: 'services are known though endpoints are not',
    unsynced: ['endpointslice'],
    ask: 'nope.prod.svc.cluster.local',
    is: /^NXDOMAIN aa/,
  },
]
for (const { name, unsynced: kinds, ask, type = 'A', body = '', is } of unsynced) {
  test(`before the first sync: ${name}`, async () => {
    const cluster = clusterOf({ body, objects, unsynced: kinds, behind: [behind] })
    assert.match(await cluster.ask(ask, { type }), is)
    if (body.includes('verified') || !kinds.every(kind => kind === 'pod')) assert.is(cluster.stage.ready(), false)
  })
}

test('SERVFAIL before the first sync says why (EDE 14)', async () => {
  const cluster = clusterOf({ unsynced: [...KINDS] })
  const reply = readReply(await cluster.send(query('a.b.svc.cluster.local', { edns: 1232 })))
  const options = reply.additionals!.flatMap(record => ('options' in record ? record.options : [])) as {
    code: number
    data: Buffer
  }[]
  assert.equal(
    options.map(({ code, data }) => [code, data.readUInt16BE()]),
    [[15, EDE.NOT_READY]],
  )
  assert.is(reply.flag_aa, false)
})

const liveness: { name: string; ask: string; body?: string; unsynced?: Kind[]; is: boolean }[] = [
  { name: 'a service', ask: 'dual.prod.svc.cluster.local', is: true },
  { name: 'a missing one', ask: 'nope.prod.svc.cluster.local', is: true },
  { name: 'a missing one that falls through', ask: 'nope.prod.svc.cluster.local', body: 'fallthrough', is: false },
  { name: 'a service, though others fall through', ask: 'dual.prod.svc.cluster.local', body: 'fallthrough', is: true },
  { name: 'a ClusterIP', ask: '20.0.96.10.in-addr.arpa', body: 'fallthrough', is: true },
  { name: 'an address of the world', ask: '8.8.8.8.in-addr.arpa', body: 'fallthrough', is: false },
  { name: 'one that does not fall through', ask: '8.8.8.8.in-addr.arpa', body: 'fallthrough ip6.arpa', is: true },
  {
    name: 'an unknown one before the sync',
    ask: '9.9.9.10.in-addr.arpa',
    body: 'fallthrough',
    unsynced: ['service'],
    is: true,
  },
  { name: 'a name of another zone', ask: 'example.org', is: false },
]
for (const { name, ask, body = '', unsynced: kinds = [], is } of liveness) {
  test(`live: ${name}`, async () => {
    const seen: boolean[] = []
    const cluster = clusterOf({ body, objects, unsynced: kinds, behind: [behind] })
    const asking: Stage = {
      handle: (q, next) => {
        seen.push(cluster.stage.live(q))
        return next(q)
      },
    }
    const { wire } = await import('../../harness/stage.ts')
    const reply = await wire([asking, cluster.stage, behind]).ask(ask, { type: 'PTR' })
    assert.equal(seen, [is])
    assert.is(!reply.startsWith('YXDOMAIN') && !reply.startsWith('REFUSED'), is)
  })
}

function withAddresses(addresses: string[], more = objects, body = 'ttl 30') {
  const cluster = clusterOf({ body, objects: more, site: { listen: { addresses, udpBytes: 1232 } } })
  cluster.index.serial = 7
  return cluster
}

const nameServers: {
  name: string
  addresses: string[]
  more?: readonly (typeof objects)[number][]
  ask: string
  type: string
  is: string
}[] = [
  {
    name: 'no service leads here: ns.dns with the addresses bound',
    addresses: ['192.0.2.53', '2001:db8::53'],
    ask: 'cluster.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    cluster.local. 30 IN NS ns.dns.cluster.local.
    ;; ADDITIONAL
    ns.dns.cluster.local. 30 IN A 192.0.2.53
    ns.dns.cluster.local. 30 IN AAAA 2001:db8::53`,
  },
  {
    name: 'in any case (CoreDNS: NODATA)',
    addresses: ['192.0.2.53'],
    ask: 'CLUSTER.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    CLUSTER.local. 30 IN NS ns.dns.CLUSTER.local.
    ;; ADDITIONAL
    ns.dns.CLUSTER.local. 30 IN A 192.0.2.53`,
  },
  {
    name: 'ns.dns',
    addresses: ['192.0.2.53', '2001:db8::53'],
    ask: 'Ns.Dns.cluster.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    Ns.Dns.cluster.local. 30 IN A 192.0.2.53`,
  },
  {
    name: 'ns.dns, IPv6',
    addresses: ['192.0.2.53', '2001:db8::53'],
    ask: 'ns.dns.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    ns.dns.cluster.local. 30 IN AAAA 2001:db8::53`,
  },
  {
    name: 'another type of ns.dns',
    addresses: ['192.0.2.53'],
    ask: 'ns.dns.cluster.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; AUTHORITY
    cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30`,
  },
  {
    name: 'the service that has this server as endpoint',
    addresses: ['10.244.5.5'],
    more: [...objects, slice('dns-1.kube-system', 'dns', ['10.244.5.5', '10.244.5.6'])],
    ask: 'cluster.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    cluster.local. 30 IN NS dns.kube-system.svc.cluster.local.
    ;; ADDITIONAL
    dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'ns.dns has its address then',
    addresses: ['10.244.5.5'],
    more: [...objects, slice('dns-1.kube-system', 'dns', ['10.244.5.5', '10.244.5.6'])],
    ask: 'ns.dns.cluster.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    ns.dns.cluster.local. 30 IN A 10.96.0.10`,
  },
  {
    name: 'a headless one: its endpoints',
    addresses: ['10.244.5.5'],
    more: [
      ...objects,
      service('dns2.kube-system', []),
      slice('dns2-1.kube-system', 'dns2', ['10.244.5.5=one', '10.244.5.6']),
    ],
    ask: 'cluster.local',
    type: 'NS',
    is: `NOERROR aa rd
    ;; ANSWER
    cluster.local. 30 IN NS one.dns2.kube-system.svc.cluster.local.
    cluster.local. 30 IN NS 10-244-5-6.dns2.kube-system.svc.cluster.local.
    ;; ADDITIONAL
    one.dns2.kube-system.svc.cluster.local. 30 IN A 10.244.5.5
    10-244-5-6.dns2.kube-system.svc.cluster.local. 30 IN A 10.244.5.6`,
  },
]
for (const { name, addresses, more, ask, type, is } of nameServers) {
  test(`name servers: ${name}`, async () => {
    assert.is(await withAddresses(addresses, more).ask(ask, { type }), text`${is}`)
  })
}

test('the time from a change to its answer is observed for slices that a watch brought', () => {
  const family = families.get('coredns_kubernetes_dns_programming_duration_seconds')!
  const sum = (kind: string) => {
    const { cell } = family.children.get(kind)!
    return Array.from({ length: family.bounds!.length + 1 }, (_, i) => cells[cell + i]!).reduce((a, b) => a + b)
  }
  const stamped = (name: string, of: string, address: string) => {
    const made = structuredClone(slice(name, of, [address])) as { metadata: Record<string, unknown> }
    made.metadata.annotations = {
      'endpoints.kubernetes.io/last-change-trigger-time': new Date(Date.now() - 50).toISOString(),
    }
    return made
  }
  const cluster = clusterOf({ objects, unsynced: ['endpointslice'] })
  const before = [sum('cluster_ip'), sum('headless_with_selector')]
  cluster.put(stamped('dual-9.prod', 'dual', '10.244.9.1'))
  assert.equal([sum('cluster_ip'), sum('headless_with_selector')], before, 'a first list is no news')
  cluster.index.setSynced('endpointslice', true)
  cluster.put(stamped('dual-9.prod', 'dual', '10.244.9.2'), stamped('db-9.prod', 'db', '10.244.9.3'))
  cluster.put(stamped('dual-9.prod', 'dual', '10.244.9.2'))
  cluster.put(stamped('orphan-9.prod', 'orphan', '10.244.9.4'), slice('db-8.prod', 'db', ['10.244.9.5']))
  assert.equal([sum('cluster_ip'), sum('headless_with_selector')], [before[0]! + 1, before[1]! + 1])
  assert.is(family.bounds!.length, 20)
})

test('a change shows in the next answer, of any kind of object', async () => {
  const cluster = clusterOf({ body: 'pods verified' })
  const ask = (name: string) => cluster.ask(name)
  assert.match(await ask('web.team.svc.cluster.local'), /^NXDOMAIN/)
  cluster.put(service('web.team', ['10.96.3.3']))
  assert.match(await ask('web.team.svc.cluster.local'), /^NXDOMAIN/)
  cluster.put(namespace('team'))
  assert.match(await ask('web.team.svc.cluster.local'), / A 10.96.3.3$/)
  cluster.put(service('web.team', ['10.96.3.4']))
  assert.match(await ask('web.team.svc.cluster.local'), / A 10.96.3.4$/)
  cluster.remove(service('web.team', []))
  assert.match(await ask('web.team.svc.cluster.local'), /^NXDOMAIN/)
  cluster.put(pod('p.team', '10.244.4.4'))
  assert.match(await ask('10-244-4-4.team.pod.cluster.local'), / A 10.244.4.4$/)
  cluster.remove(namespace('team'))
  assert.match(await ask('10-244-4-4.team.pod.cluster.local'), /^NXDOMAIN/)
})

test.run()
