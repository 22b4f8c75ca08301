/** Padding of queries that go out encrypted, so that their length does not tell the name (RFC 8467). */
import { HEADER_BYTES } from '../../../server/wire/query.ts'

const PADDING = 12 // RFC 7830 §3
const BLOCK_BYTES = 128 // RFC 8467 §4.1
const OPTION_HEAD_BYTES = 4 // code and length, RFC 6891 §6.1.2

/** A copy of the query, of a multiple of 128 octets. One without OPT has no place for padding and is copied as it is. */
export function padded(message: Uint8Array, messageLength: number): Uint8Array {
  const query = message.subarray(0, messageLength)
  if (query[11] === 0) return query.slice()
  const length = Math.ceil((query.length + OPTION_HEAD_BYTES) / BLOCK_BYTES) * BLOCK_BYTES
  const out = new Uint8Array(length)
  out.set(query)
  let at = HEADER_BYTES
  while (query[at]! > 0) at += query[at]! + 1
  const optionsAt = at + 1 + 4 + 9 // behind root label, type and class: root, OPT, size, flags of the OPT
  put16(out, optionsAt, length - optionsAt - 2)
  put16(out, query.length, PADDING)
  put16(out, query.length + 2, length - query.length - OPTION_HEAD_BYTES)
  return out
}

function put16(out: Uint8Array, at: number, value: number): void {
  out[at] = value >> 8
  out[at + 1] = value & 255
}
