/**
 * The query to an upstream, and which messages are replies to it. The query is built anew from the question: the
 * client's EDNS options, cookies and flags stay here. What a reply says is read by taken.ts.
 */
import { CLASS, RCODE, TYPE } from '../../../server/wire/codes.ts'
import { DEFAULT_UDP_BYTES, OPT_BYTES } from '../../../server/wire/edns.ts'
import { LOWER, MAX_NAME_BYTES } from '../../../server/wire/name.ts'
import { HEADER_BYTES } from '../../../server/wire/query.ts'
import { spellAtRandom } from '../upstream/spelling.ts'

/** What a message is in the eyes of the one who waits for a reply to `query`. */
export const MATCH = 0
/** Not the reply: another id's, a query, another question. Never ends the wait. */
export const JUNK = 1
/** A header without question that says FORMERR or NOTIMP: servers that do not read EDNS answer so. */
export const BARE_ERROR = 2
/** A reply but for the case of the question's letters. */
export const OTHER_CASE = 3

/** Octets of the longest query. */
export const MAX_QUERY_BYTES = HEADER_BYTES + MAX_NAME_BYTES + 4 + OPT_BYTES

/**
 * Writes a query for `name` (lower case) into `out`, with an OPT of our own unless `edns` is false. `flags` holds RD and CD.
 * `mixed`: its letters in random case. The id is 0 until it is sent.
 * @returns its octets.
 */
export function writeQuery(
  out: Uint8Array,
  name: Uint8Array,
  nameLength: number,
  type: number,
  flags: number,
  edns: boolean,
  dnssecOk: boolean,
  mixed: boolean,
): number {
  const questionEnd = HEADER_BYTES + nameLength + 4
  out.fill(0, 0, HEADER_BYTES)
  out[2] = flags >> 8
  out[3] = flags & 255
  out[5] = 1
  for (let i = 0; i < nameLength; i++) out[HEADER_BYTES + i] = name[i]!
  if (mixed) spellAtRandom(out, HEADER_BYTES, nameLength)
  out[questionEnd - 4] = type >> 8
  out[questionEnd - 3] = type & 255
  out[questionEnd - 2] = 0
  out[questionEnd - 1] = CLASS.IN
  if (!edns) return questionEnd
  out[11] = 1
  out.fill(0, questionEnd, questionEnd + OPT_BYTES)
  out[questionEnd + 2] = TYPE.OPT
  out[questionEnd + 3] = DEFAULT_UDP_BYTES >> 8
  out[questionEnd + 4] = DEFAULT_UDP_BYTES & 255
  out[questionEnd + 7] = dnssecOk ? 0x80 : 0 // RFC 3225 §3
  return questionEnd + OPT_BYTES
}

/** Octets of header and question of a query that `writeQuery` made. */
function questionEndOf(query: Uint8Array, queryLength: number): number {
  return query[11] === 0 ? queryLength : queryLength - OPT_BYTES
}

/** True if a query's question has letters in upper case: something that a reply may keep. */
export function isMixed(query: Uint8Array, queryLength: number): boolean {
  const questionEnd = questionEndOf(query, queryLength)
  for (let i = HEADER_BYTES; i < questionEnd - 4; i++) if (LOWER[query[i]!] !== query[i]) return true
  return false
}

/**
 * Compares a message of the right id and source with the query: QR, opcode, and the question (RFC 5452 §9.1). MATCH, JUNK,
 * BARE_ERROR or OTHER_CASE.
 */
export function compare(query: Uint8Array, queryLength: number, bytes: Uint8Array, at: number, length: number): number {
  if (length < HEADER_BYTES || (bytes[at + 2]! & 0xf8) !== 0x80) return JUNK
  const questions = (bytes[at + 4]! << 8) | bytes[at + 5]!
  if (questions === 0) {
    const rcode = bytes[at + 3]! & 15
    return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP ? BARE_ERROR : JUNK
  }
  const questionEnd = questionEndOf(query, queryLength)
  if (questions !== 1 || length < questionEnd) return JUNK
  for (let i = questionEnd - 4; i < questionEnd; i++) if (bytes[at + i] !== query[i]) return JUNK
  let verdict = MATCH
  for (let i = HEADER_BYTES; i < questionEnd - 4; i++) {
    if (bytes[at + i] === query[i]) continue
    if (LOWER[bytes[at + i]!] !== LOWER[query[i]!]) return JUNK
    verdict = OTHER_CASE
  }
  return verdict
}
