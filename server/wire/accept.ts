/**
 * What becomes of a message, from its header alone: the cheapest place to turn rubbish away, and the same for every
 * transport. Values, never exceptions. The order is that of the header policy in docs/query-path.md.
 */
import { OPCODE } from './codes.ts'
import { HEADER_BYTES } from './query.ts'

/** Verdicts. DROP: no reply (a stream is closed). The others are answered or go on. */
export const DROP = 0
export const GO = 1
export const FORMERR = 2
export const NOTIMP = 3
/** No question but additional records: a request for a cookie, or FORMERR. */
export const NO_QUESTION = 4

/** Verdict on the message of `length` octets at `at`. */
export function accept(bytes: Uint8Array, at: number, length: number): number {
  if (length < HEADER_BYTES) return DROP
  if ((bytes[at + 2]! & 0x80) !== 0) return DROP // QR=1: never answer an answer
  if (((bytes[at + 2]! >> 3) & 15) !== OPCODE.QUERY) return NOTIMP // RFC 8906 §8.1.4
  const questions = (bytes[at + 4]! << 8) | bytes[at + 5]!
  if (questions > 1) return FORMERR // RFC 9619 §4
  if (bytes[at + 6] !== 0 || bytes[at + 7] !== 0) return FORMERR // a query brings no answers
  if (bytes[at + 8] !== 0 || bytes[at + 9]! > 1) return FORMERR // a SOA for IXFR at most
  if (bytes[at + 10] !== 0 || bytes[at + 11]! > 2) return FORMERR // OPT and TSIG at most
  if (questions === 1) return GO
  return bytes[at + 9] === 0 && bytes[at + 11]! > 0 ? NO_QUESTION : FORMERR // RFC 7873 §5.4
}
