/** What an answer costs where the cluster has far more than a reply holds: work and memory follow the reply, not the cluster. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Distinct } from '../../../plugins/kubernetes/index/distinct.ts'
import { Slices } from '../../../plugins/kubernetes/index/slices.ts'
import type { Json } from '../../../plugins/kubernetes/object/object.ts'
import { Answer, Section } from '../../../server/plugin.ts'
import { query, type Reply, readReply, recordText } from '../../harness/message.ts'
import { clusterOf, namespace, service, slice } from './cluster.ts'

const PER_SLICE = 100
const ZONE = 'prod.svc.cluster.local'
const HTTP = ['http:tcp:80']

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`

function headless(name: string, count: number, endpoint: (i: number) => string, ports = HTTP): Json[] {
  const slices = range(count / PER_SLICE).map(n =>
    slice(
      `${name}-${n}.prod`,
      name,
      range(PER_SLICE).map(i => endpoint(n * PER_SLICE + i)),
      ports,
    ),
  )
  return [service(`${name}.prod`, []), ...slices]
}

const SERVICES = 5000
const PORTS = 4096
const portTexts = range(PORTS).map(i => `p${i}:tcp:${i + 1}`)
const cluster = clusterOf({
  body: 'ttl 30',
  objects: [
    namespace('prod'),
    ...headless('one', 10_000, i => `${address(i)}=web`),
    ...headless('many', 10_000, i => `${address(100_000 + i)}=web-${i}`),
    ...headless('same', 10_000, i => address(200_000 + (i % PER_SLICE))),
    ...headless('dns', 5000, i => address(300_000 + i)),
    ...headless('ports', 1000, i => address(400_000 + i), portTexts.slice(0, 100)),
    service('wide.prod', ['10.96.0.1'], portTexts),
    service('wide-endpoint.prod', []),
    slice('wide-endpoint-1.prod', 'wide-endpoint', ['10.8.0.1=web'], portTexts),
    ...range(SERVICES).flatMap(i => [service(`s-${i}.prod`, []), slice(`s-${i}.prod`, `s-${i}`, ['10.9.9.9'], HTTP)]),
  ],
  site: { listen: { addresses: [address(300_000)], udpBytes: 1232 } },
})

/** What the prototypes' methods are called for, counted. */
const work = { records: 0, names: 0, compared: 0, scratchBytes: 0 }
let answer: Answer
const { add: addRecord } = Section.prototype
Section.prototype.add = function (...args) {
  work.records++
  addRecord.apply(this, args)
}
const { add: addDistinct } = Distinct.prototype
Distinct.prototype.add = function (...args) {
  work.compared++
  return addDistinct.apply(this, args)
}
const { writeName } = Slices.prototype
Slices.prototype.writeName = function (...args) {
  work.names++
  return writeName.apply(this, args)
}
const { scratch } = Answer.prototype
Answer.prototype.scratch = function (length) {
  answer = this
  const memory = scratch.call(this, length)
  work.scratchBytes = Math.max(work.scratchBytes, memory.length)
  return memory
}

async function ask(name: string, type: string, stream = false): Promise<Reply> {
  Object.assign(work, { records: 0, names: 0, compared: 0, scratchBytes: 0 })
  return readReply(await cluster.send(query(name, { type, ...(!stream && { edns: 1232 }) }), stream))
}

interface Case {
  name: string
  ask: string
  type: string
  /** Records of the reply, at least: over UDP, over TCP. */
  atLeast: readonly [udp: number, tcp: number]
  /** What there is of what takes turns, how much of it is to be seen in a number of queries over UDP. */
  turns?: { of: (reply: Reply) => readonly string[]; queries: number; atLeast: number }
}

const data = (records: Reply['answers']): string[] => (records ?? []).map(recordText)
const answers = (reply: Reply) => data(reply.answers)
const additionals = (reply: Reply) => data(reply.additionals?.filter(({ type }) => type !== 'OPT'))

const cases: Case[] = [
  {
    name: '10,000 endpoints of one hostname',
    ask: `_http._tcp.one.${ZONE}`,
    type: 'SRV',
    atLeast: [70, 4000],
    turns: { of: additionals, queries: 400, atLeast: 6500 },
  },
  {
    name: 'the hostname of 10,000 endpoints',
    ask: `web.one.${ZONE}`,
    type: 'SRV',
    atLeast: [70, 4000],
    turns: { of: additionals, queries: 400, atLeast: 6500 },
  },
  {
    name: '10,000 endpoints of as many hostnames',
    ask: `_http._tcp.many.${ZONE}`,
    type: 'SRV',
    atLeast: [18, 1000],
    turns: { of: answers, queries: 1500, atLeast: 6500 },
  },
  {
    name: 'a hundred endpoints that stand in each of 100 slices',
    ask: `same.${ZONE}`,
    type: 'SRV',
    atLeast: [15, 200],
  },
  { name: '1,000 endpoints with 100 ports', ask: `ports.${ZONE}`, type: 'SRV', atLeast: [18, 900] },
  {
    name: 'a Service with 4,096 ports',
    ask: `wide.${ZONE}`,
    type: 'SRV',
    atLeast: [20, 1000],
    turns: { of: answers, queries: 800, atLeast: 2700 },
  },
  {
    name: 'an endpoint with 4,096 ports',
    ask: `web.wide-endpoint.${ZONE}`,
    type: 'SRV',
    atLeast: [18, 900],
    turns: { of: answers, queries: 800, atLeast: 2700 },
  },
  {
    name: 'an address behind 5,000 services',
    ask: '9.9.9.10.in-addr.arpa',
    type: 'PTR',
    atLeast: [30, 2000],
    turns: { of: answers, queries: 400, atLeast: 3300 },
  },
  {
    name: 'this server among 5,000 endpoints',
    ask: 'cluster.local',
    type: 'NS',
    atLeast: [35, 2000],
    turns: { of: answers, queries: 400, atLeast: 3300 },
  },
  {
    name: 'this server among 5,000 endpoints, under its own name',
    ask: 'ns.dns.cluster.local',
    type: 'A',
    atLeast: [70, 4000],
    turns: { of: answers, queries: 300, atLeast: 3300 },
  },
]

/** A datagram of 1,232 octets holds 76 A records. */
const MOST_UDP = 4 * 76
const MOST_TCP = 4 * 4096
const KEPT_BYTES = 16_384
for (const { name, ask: asked, type, atLeast, turns } of cases) {
  for (const stream of [false, true]) {
    test(`${name}: ${asked} ${type} over ${stream ? 'TCP' : 'UDP'}`, async () => {
      const reply = await ask(asked, type, stream)
      const most = stream ? MOST_TCP : MOST_UDP
      assert.is(reply.rcode, 'NOERROR')
      const found = [...answers(reply), ...additionals(reply)]
      assert.ok(found.length >= atLeast[stream ? 1 : 0], `${found.length} records`)
      assert.is(new Set(found).size, found.length)
      assert.is(reply.flag_tc, !asked.startsWith('same') || !stream)
      if (asked.startsWith('same')) return // all have to be looked at, as they may be others
      assert.ok(work.records <= most, `${work.records} records were gathered`)
      assert.ok(work.names <= most, `${work.names} names were written`)
      assert.ok(work.scratchBytes <= (stream ? 4 * 65_535 : KEPT_BYTES), `${work.scratchBytes} octets of scratch`)
      // Those of an endpoint's own name are found by looking at all of them, but not compared.
      assert.ok(work.compared <= 2 * most, `${work.compared} comparisons`)
    })
  }
  if (turns === undefined) continue
  test(`${name}: all have their turn`, async () => {
    const seen = new Set<string>()
    for (let i = 0; i < turns.queries; i++) for (const record of turns.of(await ask(asked, type))) seen.add(record)
    assert.ok(seen.size >= turns.atLeast, `${seen.size} of them`)
  })
}

test('memory for what was not there twice is given back, and a large block is not kept', async () => {
  await ask(`same.${ZONE}`, 'SRV', true)
  assert.ok(work.scratchBytes <= KEPT_BYTES, `${work.scratchBytes} octets for 100 records`)
  await ask(`one.${ZONE}`, 'SRV', true)
  assert.ok(work.scratchBytes > KEPT_BYTES)
  assert.ok(answer.reset().scratch(0).length <= KEPT_BYTES)
})

test.run()
