/**
 * The standard replies: the only place where refusals, failures and negative answers are built. Each resets the query's
 * answer and returns it.
 */
import type { Answer } from './wire/answer.ts'
import { FLAG, RCODE, TYPE } from './wire/codes.ts'
import { isGoodCookie, unixTime } from './wire/cookie.ts'
import { ASKED, DEFAULT_UDP_BYTES } from './wire/edns.ts'
import { optBytes, writeReplyOpt } from './wire/edns-reply.ts'
import { HEADER_BYTES, type Query } from './wire/query.ts'
import { QUESTION } from './wire/section.ts'

/** Any rcode but those that have a reason to tell. */
type Plain<R extends number> = R extends typeof RCODE.SERVFAIL | typeof RCODE.REFUSED ? never : R

/** REFUSED, and why (a member of EDE). `text` is for clients: ASCII, at most 64 characters, no secrets and no addresses. */
export function refused(q: Query, extendedError: number, text = ''): Answer {
  const a = q.answer.reset()
  a.rcode = RCODE.REFUSED
  a.extendedError = extendedError
  a.extendedErrorText = text
  return a
}

/** SERVFAIL, and why: as for `refused`. `error` is what `errors` logs, and nobody else sees. */
export function servfail(q: Query, extendedError: number, error?: Error, text = ''): Answer {
  const a = q.answer.reset()
  a.rcode = RCODE.SERVFAIL
  a.error = error
  a.extendedError = extendedError
  a.extendedErrorText = text
  return a
}

/** Any other rcode, with nothing in it. */
export function empty<R extends number>(q: Query, rcode: Plain<R>): Answer {
  const a = q.answer.reset()
  a.rcode = rcode
  return a
}

/** FORMERR to a query whose question could be read, and that has an OPT: none of its options is answered. */
export function malformed(q: Query): Answer {
  q.options = 0
  return empty(q, RCODE.FORMERR)
}

/**
 * NXDOMAIN or NODATA of a local zone (RFC 2308 §2): AA, the zone's SOA in the authority section. The zone is the
 * question's suffix from label `zoneLabel` on; `soa` is uncompressed record data, `ttl` the lesser of the SOA's TTL and
 * MINIMUM (RFC 2308 §3).
 */
export function negative(q: Query, rcode: number, zoneLabel: number, soa: Uint8Array, ttl: number): Answer {
  const a = q.answer.reset()
  a.rcode = rcode
  a.authoritative = true
  a.authority.add(QUESTION, q.labelAt[zoneLabel]!, TYPE.SOA, ttl, soa)
  return a
}

/**
 * Writes a reply of the header alone over the message at `at`: FORMERR or NOTIMP. No count is kept, no bit of the query
 * but id, opcode and (for queries) RD comes back. Returns its 12 octets.
 */
export function fromHeader(bytes: Uint8Array, at: number, rcode: number, recursionAvailable: boolean): number {
  const flags = (bytes[at + 2]! << 8) | bytes[at + 3]!
  const isQuery = (flags & 0x7800) === 0
  const kept = flags & (isQuery ? 0x7800 | FLAG.RD : 0x7800)
  const answer = FLAG.QR | kept | (isQuery && recursionAvailable ? FLAG.RA : 0) | rcode
  bytes[at + 2] = answer >> 8
  bytes[at + 3] = answer & 255
  bytes.fill(0, at + 4, at + HEADER_BYTES)
  return HEADER_BYTES
}

/**
 * Writes the reply to a query without a question, but with an OPT, over it: no record but the OPT. BADVERS to another version of
 * EDNS; FORMERR where it asks for no cookie; BADCOOKIE, with a good one, where it has one to be confirmed that is not good
 * (RFC 7873 §5.4). Returns its octets.
 */
export function optAlone(q: Query, asksForCookie: boolean, recursionAvailable: boolean): number {
  const { bytes, start } = q
  const a = empty(q, asksForCookie ? cookieRcode(q) : q.ednsVersion === 0 ? RCODE.FORMERR : RCODE.BADVERS)
  fromHeader(bytes, start, a.rcode & 15, recursionAvailable)
  bytes[start + HEADER_BYTES - 1] = 1 // ARCOUNT
  if (!asksForCookie) q.options = 0
  optBytes(q, a, q.replyBytes - HEADER_BYTES)
  return writeReplyOpt(q, a, bytes, start + HEADER_BYTES, DEFAULT_UDP_BYTES) - start
}

function cookieRcode(q: Query): number {
  const hasServerPart = (q.options & ASKED.SERVER_COOKIE) !== 0
  return hasServerPart && !isGoodCookie(q.cookie, q.peer, unixTime(q.receivedAtMs)) ? RCODE.BADCOOKIE : RCODE.NOERROR
}
