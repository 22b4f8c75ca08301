/**
 * What kind of response a composed answer is, for those who sort, count or store them by kind (`log`, `cache`,
 * `minimal`). Looks at rcode and record types only.
 */
import type { Answer } from './answer.ts'
import { RCODE, TYPE } from './codes.ts'
import type { Query } from './query.ts'
import type { Section } from './section.ts'

/** Kinds of response (RFC 2308 §2). ERROR is whatever is none of the others: REFUSED, FORMERR and the like. */
export const RESPONSE = {
  ANSWER: 0,
  NODATA: 1,
  NXDOMAIN: 2,
  DELEGATION: 3,
  SERVER_FAILURE: 4,
  ERROR: 5,
} as const

/** The kind of `a`, a member of RESPONSE. NOERROR with nothing in it counts as ANSWER, as nobody says that there is none. */
export function responseKind(a: Answer): number {
  switch (a.rcode) {
    case RCODE.NOERROR:
      if (a.answerCount > 0) return RESPONSE.ANSWER
      if (findType(a.authority, TYPE.SOA) >= 0) return RESPONSE.NODATA
      return findType(a.authority, TYPE.NS) >= 0 ? RESPONSE.DELEGATION : RESPONSE.ANSWER
    case RCODE.NXDOMAIN:
      return RESPONSE.NXDOMAIN
    case RCODE.SERVFAIL:
    case RCODE.NOTIMP:
      return RESPONSE.SERVER_FAILURE
    default:
      return RESPONSE.ERROR
  }
}

/** Index of the first record of a type, -1 if there is none. */
export function findType(section: Section, type: number): number {
  for (let i = 0; i < section.count; i++) if (section.type[i] === type) return i
  return -1
}

/** True if the answer section has what was asked for, not only aliases on the way to it. */
export function answersQuestion(q: Query, a: Answer): boolean {
  return q.qtype === TYPE.ANY ? a.answer.count > 0 : findType(a.answer, q.qtype) >= 0
}
