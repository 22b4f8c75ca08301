/**
 * Padding of replies (RFC 7830): over an encrypted transport the length of a message is all that others see of it, so
 * replies to who asked for it are as long as the next multiple of 468 octets (RFC 8467 §4.1). Over plain transports nothing
 * is hidden, and nothing is padded (RFC 7830 §6).
 *
 *   +----------------+----------------+----------------+
 *   | code 12 (2)    | length (2)     | zeros …        |   the last option of the OPT, which is the last record
 *   +----------------+----------------+----------------+
 */
import { OPTION } from './codes.ts'
import type { Query } from './query.ts'

const BLOCK_BYTES = 468 // RFC 8467 §4.1
const OPTION_HEAD_BYTES = 4 // RFC 6891 §6.1.2
/** Where RDLEN stands behind the beginning of an OPT. */
const RDLEN_AT = 9

/**
 * Pads the reply to `q` whose octets are `at` to `to` of `into`, and whose OPT begins at `optAt`: to a whole number of blocks,
 * or to `limit` octets where that is less. Nothing is done where the option itself would not fit.
 * @returns where the reply ends
 */
export function pad(q: Query, into: Uint8Array, at: number, optAt: number, to: number, limit: number): number {
  if (q.peer.isEncrypted !== true) return to
  const least = to - at + OPTION_HEAD_BYTES
  if (least > limit) return to
  const zeros = Math.min(Math.ceil(least / BLOCK_BYTES) * BLOCK_BYTES, limit) - least
  const dataAt = to + OPTION_HEAD_BYTES
  into[to] = OPTION.PADDING >> 8
  into[to + 1] = OPTION.PADDING & 255
  into[to + 2] = zeros >> 8
  into[to + 3] = zeros & 255
  into.fill(0, dataAt, dataAt + zeros)
  const length = dataAt + zeros - (optAt + RDLEN_AT + 2)
  into[optAt + RDLEN_AT] = length >> 8
  into[optAt + RDLEN_AT + 1] = length & 255
  return dataAt + zeros
}
