/**
 * What a cache hit costs from octets to octets, sockets apart: through `serve`, with `loadbalance` in front as in a
 * cluster's Corefile; beside it the least that any query costs, a REFUSED of the core alone.
 */
import { plugin as cache } from '../../plugins/cache/cache.ts'
import { plugin as loadbalance } from '../../plugins/loadbalance/loadbalance.ts'
import { type Answer, QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { type Name, nameFromText } from '../../server/wire/name.ts'
import { type Ask, query } from '../../test/harness/message.ts'
import { chainOf } from '../../test/harness/stage.ts'
import type { Case } from './harness.ts'
import { putAll, serving } from './in-process.ts'

const NAMES = 1000
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
const asked = (letter: string, ask: Ask = {}) =>
  [...Array(NAMES).keys()].map(i => query(`${letter}${i}.service.example.org`, ask))
const KINDS = [
  { name: '1 A', letter: 'a' },
  { name: '4 A', letter: 'f' },
  { name: 'CNAME and 2 A', letter: 'c' },
  { name: 'NXDOMAIN with SOA', letter: 'n' },
]
const OPTIONS: readonly { suffix: string; ask: Ask }[] = [
  { suffix: '', ask: {} },
  { suffix: ', EDNS', ask: { edns: 1232 } },
]

export function cacheCases(): Case[] {
  const { routes } = chainOf([loadbalance, cache], 'loadbalance\ncache', [backend])
  const nowMs = performance.now()
  const hits = KINDS.flatMap(({ name, letter }) =>
    OPTIONS.map(({ suffix, ask }) => {
      const messages = asked(letter, ask)
      putAll(routes, messages, NAMES, nowMs) // from now on they are there
      return serving(`hit: ${name}${suffix}`, routes, messages, { atMs: nowMs + AGE_MS })
    }),
  )
  return [serving('the least: REFUSED', routes, asked('a', { class: 'CH' })), ...hits]
}
