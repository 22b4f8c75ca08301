import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Answer, Query, Stage } from '../../../server/plugin.ts'
import { QUESTION } from '../../../server/plugin.ts'
import { empty } from '../../../server/reply.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { text } from '../../harness/message.ts'
import { clusterOf, externalName, namespace, service } from './cluster.ts'
import { objects } from './objects.ts'

/** A world of a few names behind the cluster, which answers at once or later. */
function world(later: boolean): Stage {
  const answer = (q: Query): Answer => {
    const a = empty(q, RCODE.NOERROR)
    if (q.qnameText === 'target.example.com.' && q.qtype === TYPE.A) {
      a.answer.add(QUESTION, 0, TYPE.CNAME, 60, nameFromText('cdn.example.net.'))
      a.answer.add(nameFromText('cdn.example.net.'), 0, TYPE.A, 20, Uint8Array.of(192, 0, 2, 80))
      a.answer.add(nameFromText('cdn.example.net.'), 0, TYPE.A, 20, Uint8Array.of(192, 0, 2, 81))
    } else if (q.qnameText === 'fails.example.') a.rcode = RCODE.SERVFAIL
    else a.rcode = RCODE.NXDOMAIN
    return a
  }
  return { handle: q => (later ? new Promise(resolve => setImmediate(() => resolve(answer(q)))) : answer(q)) }
}

const chain = Array.from({ length: 14 }, (_, i) =>
  externalName(`c${i}.default`, `${i === 13 ? 'kubernetes' : `c${i + 1}`}.default.svc.cluster.local`),
)
const all = [
  ...objects,
  ...chain,
  externalName('self.default', 'self.default.svc.cluster.local'),
  externalName('tick.default', 'tock.default.svc.cluster.local'),
  externalName('tock.default', 'tick.default.svc.cluster.local'),
  externalName('dead.default', 'nope.default.svc.cluster.local'),
  externalName('gone.default', 'gone.example'),
  externalName('fails.default', 'fails.example'),
  externalName('two.default', 'out.prod.svc.cluster.local'),
]
const SOA = 'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30'
const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`
const nxdomain = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA}`

const rows: { name: string; ask: string; type?: string; is: string }[] = [
  {
    name: 'a target in the world: CNAME, then its records with their own TTLs',
    ask: 'out.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    out.prod.svc.cluster.local. 30 IN CNAME target.example.com.
    target.example.com. 60 IN CNAME cdn.example.net.
    cdn.example.net. 20 IN A 192.0.2.80
    cdn.example.net. 20 IN A 192.0.2.81`,
  },
  {
    name: 'CNAME alone',
    ask: 'out.prod.svc.cluster.local',
    type: 'CNAME',
    is: `NOERROR aa rd
    ;; ANSWER
    out.prod.svc.cluster.local. 30 IN CNAME target.example.com.`,
  },
  { name: 'SRV', ask: 'out.prod.svc.cluster.local', type: 'SRV', is: nodata },
  { name: 'TXT', ask: 'out.prod.svc.cluster.local', type: 'TXT', is: nodata },
  {
    name: 'a target in the cluster',
    ask: 'in.prod.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    in.prod.svc.cluster.local. 30 IN CNAME kubernetes.default.svc.cluster.local.
    kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1`,
  },
  {
    name: 'a target without an address of this family',
    ask: 'in.prod.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    in.prod.svc.cluster.local. 30 IN CNAME kubernetes.default.svc.cluster.local.`,
  },
  {
    name: 'a target in the cluster that leads out of it',
    ask: 'two.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    two.default.svc.cluster.local. 30 IN CNAME out.prod.svc.cluster.local.
    out.prod.svc.cluster.local. 30 IN CNAME target.example.com.
    target.example.com. 60 IN CNAME cdn.example.net.
    cdn.example.net. 20 IN A 192.0.2.80
    cdn.example.net. 20 IN A 192.0.2.81`,
  },
  {
    name: 'a target that does not exist leaves the CNAME',
    ask: 'gone.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    gone.default.svc.cluster.local. 30 IN CNAME gone.example.`,
  },
  {
    name: 'a look-up that fails leaves the CNAME',
    ask: 'fails.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    fails.default.svc.cluster.local. 30 IN CNAME fails.example.`,
  },
  {
    name: 'a target in the cluster that does not exist (CoreDNS: NODATA)',
    ask: 'dead.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    dead.default.svc.cluster.local. 30 IN CNAME nope.default.svc.cluster.local.`,
  },
  {
    name: 'E18: a name that is its own target',
    ask: 'self.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    self.default.svc.cluster.local. 30 IN CNAME self.default.svc.cluster.local.`,
  },
  {
    name: 'E18: a loop of two',
    ask: 'tick.default.svc.cluster.local',
    is: `NOERROR aa rd
    ;; ANSWER
    tick.default.svc.cluster.local. 30 IN CNAME tock.default.svc.cluster.local.
    tock.default.svc.cluster.local. 30 IN CNAME tick.default.svc.cluster.local.`,
  },
  { name: 'a label below', ask: 'x.out.prod.svc.cluster.local', is: nxdomain },
  { name: 'a port below', ask: '_http._tcp.out.prod.svc.cluster.local', type: 'SRV', is: nxdomain },
  { name: 'an address as target', ask: 'numeric.prod.svc.cluster.local', is: nxdomain },
  { name: 'a target that is no name', ask: 'broken.prod.svc.cluster.local', type: 'CNAME', is: nxdomain },
]

for (const later of [false, true]) {
  for (const { name, ask, type = 'A', is } of rows) {
    test(`${name}${later ? ', later' : ''}: ${ask} ${type}`, async () => {
      const cluster = clusterOf({ body: 'ttl 30', objects: all, behind: [world(later)] })
      cluster.index.serial = 7
      assert.is(await cluster.ask(ask, { type }), text`${is}`)
    })
  }
}

test('E18: a chain of fourteen ends after ten CNAMEs at most', async () => {
  const cluster = clusterOf({ body: 'ttl 30', objects: all, behind: [world(false)] })
  const reply = await cluster.ask('c0.default.svc.cluster.local')
  const cnames = reply.match(/ CNAME /g)!.length
  assert.ok(cnames > 5 && cnames <= 10, `${cnames} CNAMEs`)
  assert.match(reply, /^NOERROR/)
})

test('E18: a chain of ten is followed to its address', async () => {
  const cluster = clusterOf({ body: 'ttl 30', objects: all, behind: [world(false)] })
  const reply = await cluster.ask('c4.default.svc.cluster.local')
  assert.is(reply.match(/ CNAME /g)!.length, 10)
  assert.match(reply, 'kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1')
})

test('the Service may be gone by the time its target is known', async () => {
  const cluster = clusterOf({ body: 'ttl 30', objects: all, behind: [world(true)] })
  const asked = cluster.ask('out.prod.svc.cluster.local')
  cluster.remove(externalName('out.prod', ''))
  cluster.index.slab.reclaim()
  for (let i = 0; i < 50; i++) cluster.put(service(`s${i}.prod`, ['10.96.7.7'], ['http:tcp:80']), namespace(`n${i}`))
  assert.match(await asked, 'out.prod.svc.cluster.local. 30 IN CNAME target.example.com.\n')
})

test('a type that is changed to ClusterIP shows at once', async () => {
  const cluster = clusterOf({ body: 'ttl 30', objects: all, behind: [world(false)] })
  assert.match(await cluster.ask('out.prod.svc.cluster.local', { type: 'CNAME' }), 'CNAME target.example.com.')
  cluster.put(externalName('out.prod', 'bar.example.com'))
  assert.match(await cluster.ask('out.prod.svc.cluster.local', { type: 'CNAME' }), 'CNAME bar.example.com.')
  cluster.put(service('out.prod', ['10.96.1.1'], ['http:tcp:80']))
  assert.match(await cluster.ask('out.prod.svc.cluster.local'), 'out.prod.svc.cluster.local. 30 IN A 10.96.1.1')
})

test.run()
