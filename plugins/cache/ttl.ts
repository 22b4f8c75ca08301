/** How long an answer may be kept, by its records and the limits of the Corefile. */
import type { Answer, Query, Section } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { answersQuestion, findType, RESPONSE, responseKind } from '../../server/wire/response.ts'
import type { Options } from './setup.ts'

const MAX_TTL = 0x7fffffff // RFC 2181 §8: a TTL with the highest bit set counts as 0
const DELEGATION_TTL = 5 // CoreDNS: the same

/** Which store an answer belongs to: none, that of positive answers, that of denials and failures. */
export const NOWHERE = 0
export const SUCCESS = 1
export const DENIAL = 2
export const FAILURE = 3

/** The store for an answer, one of the constants above. */
export function placeOf(q: Query, a: Answer): number {
  if (a.truncated) return NOWHERE // RFC 2181 §9
  switch (responseKind(a)) {
    case RESPONSE.ANSWER:
      if (answersQuestion(q, a)) return SUCCESS
      return hasSoa(a) ? DENIAL : NOWHERE // aliases that lead to a denial; without SOA nobody knows for how long
    case RESPONSE.DELEGATION:
      return SUCCESS
    case RESPONSE.NODATA:
      return DENIAL
    case RESPONSE.NXDOMAIN:
      return hasSoa(a) ? DENIAL : NOWHERE // RFC 2308 §5
    case RESPONSE.SERVER_FAILURE:
      return FAILURE
    default:
      return NOWHERE
  }
}

/**
 * Brings the TTLs of an answer within the limits of its place, as they go to the client and into the store.
 * @returns for how many seconds it may be kept, 0 for not at all.
 */
export function limitTtls(a: Answer, place: number, options: Options): number {
  if (place === FAILURE) {
    limitSections(a, 0, Math.ceil(options.failureMs / 1000))
    return options.failureMs / 1000
  }
  const { minTtl, maxTtl } = place === SUCCESS ? options.success : options.denial
  if (place === DENIAL) limitByMinimum(a.authority)
  const lowest = limitSections(a, minTtl, maxTtl)
  return a.answer.count === 0 && place === SUCCESS ? Math.min(lowest, DELEGATION_TTL) : lowest
}

/** RFC 2308 §5: a denial is kept, and its SOA handed on, for no longer than the SOA's MINIMUM. */
function limitByMinimum(authority: Section): void {
  const i = findType(authority, TYPE.SOA)
  if (i < 0) return
  const data = authority.data[i]!
  const at = authority.dataAt[i]! + authority.dataLength[i]! - 4
  const minimum = ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0
  authority.ttl[i] = Math.min(authority.ttl[i]!, minimum)
}

function limitSections(a: Answer, minTtl: number, maxTtl: number): number {
  let lowest = limitSection(a.answer, minTtl, maxTtl, maxTtl)
  lowest = limitSection(a.authority, minTtl, maxTtl, lowest)
  return limitSection(a.additional, minTtl, maxTtl, lowest)
}

/** Brings the TTLs of a section within limits. Returns the lowest of them and of `so`. */
function limitSection(section: Section, minTtl: number, maxTtl: number, so: number): number {
  let lowest = so
  for (let i = 0; i < section.count; i++) {
    if (section.type[i] === TYPE.OPT) continue
    const own = section.ttl[i]!
    const ttl = Math.min(Math.max(own > MAX_TTL ? 0 : own, minTtl), maxTtl)
    section.ttl[i] = ttl
    if (ttl < lowest) lowest = ttl
  }
  return lowest
}

function hasSoa(a: Answer): boolean {
  return findType(a.authority, TYPE.SOA) >= 0
}
