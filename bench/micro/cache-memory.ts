/**
 * What a full cache holds: resident memory of 100,000 entries beside that of the process without them. Answers are of four
 * kinds in turns: an address, four, eight of IPv6, a chain that ends in two. Run with `--expose-gc`.
 */
import { plugin as cache } from '../../plugins/cache/cache.ts'
import { QUESTION, type Query, type Section } from '../../server/plugin.ts'
import type { Routes } from '../../server/route.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { type Name, nameFromText } from '../../server/wire/name.ts'
import { query } from '../../test/harness/message.ts'
import { chainOf } from '../../test/harness/stage.ts'
import { put } from './in-process.ts'

const ENTRIES = 100_000
const TTL = 3600
const MIB = 1 << 20

const target = nameFromText('d3ag4hukkh62yn.cloudfront.example.net')
const octets = new Uint8Array(16)
const addresses = (section: Section, owner: Name | null, count: number, length = 4) => {
  for (let i = 0; i < count; i++) section.add(owner, 0, TYPE.A, TTL, octets, 0, length)
}
const KINDS: ((section: Section) => void)[] = [
  section => addresses(section, QUESTION, 1),
  section => addresses(section, QUESTION, 4),
  section => addresses(section, QUESTION, 8, 16),
  section => {
    section.add(QUESTION, 0, TYPE.CNAME, TTL, target)
    addresses(section, target, 2)
  },
]
const backend = {
  asked: 0,
  handle(q: Query) {
    const a = q.answer.reset()
    KINDS[this.asked++ % KINDS.length]!(a.answer)
    return a
  },
}

/** Asks for names that were not asked for before. Octets of a reply, on average. */
function fill(routes: Routes, label: string): number {
  const message = query(`${label}000000.shop.example.org`)
  const digits = message.indexOf('000000')
  let replyBytes = 0
  for (let i = 0; i < ENTRIES; i++) {
    message.write(String(i).padStart(6, '0'), digits)
    replyBytes += put(routes, message, performance.now()).octets
  }
  return replyBytes / ENTRIES
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
const residentMib = () => {
  collect()
  collect()
  return process.memoryUsage.rss() / MIB
}
const cacheOf = (entries: number) => chainOf([cache], `cache {\nsuccess ${entries}\n}`, [backend]).routes

// The same work with a cache of one entry first: what work leaves behind is no part of the figure.
fill(cacheOf(1), 'warm')
const before = residentMib()
const routes = cacheOf(ENTRIES)
const replyBytes = fill(routes, 'name')
const mib = residentMib() - before
const { asked } = backend
fill(routes, 'name')
const each = Math.round((mib * MIB) / ENTRIES)
console.log(
  `${ENTRIES} entries, replies of ${Math.round(replyBytes)} octets: ${mib.toFixed(1)} MiB, ${each} octets each`,
)
console.log(`${backend.asked - asked} of them were not there any more`)
