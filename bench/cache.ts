/**
 * What a cache hit costs from octets to octets, sockets apart: through `serve`, with `loadbalance` in front as in a
 * cluster's Corefile. Beside the nanoseconds, which are of this machine at this moment, stands the ratio to the least that
 * any query costs, a REFUSED of the core alone, measured in turns with it.
 */
import { plugin as cache } from '../plugins/cache/cache.ts'
import { plugin as loadbalance } from '../plugins/loadbalance/loadbalance.ts'
import { type Answer, QUESTION, type Query, type Stage } from '../server/plugin.ts'
import { RCODE, TYPE } from '../server/wire/codes.ts'
import { type Name, nameFromText } from '../server/wire/name.ts'
import { type Ask, query } from '../test/harness/message.ts'
import { chainOf } from '../test/harness/stage.ts'
import { putAll } from './in-process.ts'

const NAMES = 1000
/** Of that many rounds the quickest counts: others share the machine. */
const ROUNDS = 40
const QUERIES = 10_000
const WARM_UP = 200_000
const TTL = 3600
const AGE_MS = 10_000 // of the entries when they are hit

const soa = Uint8Array.from([
  ...nameFromText('ns.icann.org'),
  ...nameFromText('noc.dns.icann.org'),
  ...[0x78, 0x9a, 0xbc, 0xde, 0, 0, 0x1c, 0x20, 0, 0, 0x0e, 0x10, 0, 0x12, 0x75, 0, 0, 0, 0x0e, 0x10],
])
const zone = nameFromText('example.org')
const addresses = (a: Answer, owner: Name | null, count: number): Answer => {
  for (let i = 1; i <= count; i++) a.answer.add(owner, 0, TYPE.A, TTL, Uint8Array.of(192, 0, 2, i))
  return a
}

/** What is cached, by the first label's first letter. */
const RESPONSES: Record<string, (q: Query, a: Answer) => Answer> = {
  a: (_, a) => addresses(a, QUESTION, 1),
  f: (_, a) => addresses(a, QUESTION, 4),
  c: (_, a) => {
    const target = nameFromText('d3ag4hukkh62yn.cloudfront.example.net')
    a.answer.add(QUESTION, 0, TYPE.CNAME, TTL, target)
    return addresses(a, target, 2)
  },
  n: (_, a) => {
    a.rcode = RCODE.NXDOMAIN
    a.authority.add(zone, 0, TYPE.SOA, TTL, soa)
    return a
  },
}
const backend: Stage = {
  handle: q => RESPONSES[String.fromCharCode(q.qname[1]!)]!(q, q.answer.reset()),
}
const { routes } = chainOf([loadbalance, cache], 'loadbalance\ncache', [backend])

const asked = (letter: string, ask: Ask = {}) =>
  [...Array(NAMES).keys()].map(i => query(`${letter}${i}.service.example.org`, ask))
const core: Case = ['another class: REFUSED, the core alone', asked('a', { class: 'CH' })]
const cases: Case[] = [
  core,
  ['the core alone, EDNS', asked('a', { class: 'CH', edns: 1232 })],
  ['1 A', asked('a')],
  ['1 A, EDNS', asked('a', { edns: 1232 })],
  ['4 A', asked('f')],
  ['4 A, EDNS', asked('f', { edns: 1232 })],
  ['CNAME and 2 A', asked('c')],
  ['CNAME and 2 A, EDNS', asked('c', { edns: 1232 })],
  ['NXDOMAIN with SOA', asked('n')],
  ['NXDOMAIN with SOA, EDNS', asked('n', { edns: 1232 })],
]
type Case = [name: string, messages: Buffer[]]

/** Nanoseconds per query of one round. */
function round(messages: readonly Buffer[]): number {
  const startMs = performance.now()
  putAll(routes, messages, QUERIES, startMs + AGE_MS)
  return ((performance.now() - startMs) * 1e6) / QUERIES
}

const only = process.argv[2]
const chosen = cases.filter(([name]) => only === undefined || name.includes(only))
for (const [, messages] of [core, ...chosen]) putAll(routes, messages, WARM_UP, performance.now())
for (const [name, messages] of chosen) {
  const octets = putAll(routes, messages, NAMES, performance.now()) / NAMES
  const heapBytes = process.memoryUsage().heapUsed
  let bestNs = Number.POSITIVE_INFINITY
  let coreNs = Number.POSITIVE_INFINITY
  for (let i = 0; i < ROUNDS; i++) {
    coreNs = Math.min(coreNs, round(core[1]))
    bestNs = Math.min(bestNs, round(messages))
  }
  const garbage = (process.memoryUsage().heapUsed - heapBytes) / (ROUNDS * QUERIES * 2)
  const figures = `${(bestNs / coreNs).toFixed(2)} times the core, ${Math.round(bestNs)} ns`
  console.log(
    `${name.padEnd(40)} ${figures}, ${Math.round(octets)} octets, heap ${garbage.toFixed(1)} octets per query`,
  )
}
