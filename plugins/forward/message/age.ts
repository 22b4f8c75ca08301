/** What the time that a reply has spent in caches of HTTP does to its TTLs (RFC 8484 §5.1). */
import { TYPE } from '../../../server/wire/codes.ts'
import { HEADER_BYTES } from '../../../server/wire/query.ts'

/**
 * Takes `ageS` off the TTL of every record, in place; none becomes negative. A message that ends before its records do
 * is left to those who read it.
 */
export function takeAge(message: Uint8Array, ageS: number): void {
  if (message.length < HEADER_BYTES) return
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  let at = HEADER_BYTES
  for (let i = view.getUint16(4); i > 0 && at <= message.length; i--) at = skipName(message, at) + 4
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10)
  for (let i = 0; i < records; i++) {
    at = skipName(message, at)
    if (at + 10 > message.length) return
    // The TTL of an OPT holds flags (RFC 6891 §6.1.3).
    if (view.getUint16(at) !== TYPE.OPT) view.setUint32(at + 4, Math.max(0, view.getUint32(at + 4) - ageS))
    at += 10 + view.getUint16(at + 8)
  }
}

/** Where the name at `at` ends; beyond the message for one that does not. */
function skipName(message: Uint8Array, at: number): number {
  let end = at
  while (end < message.length) {
    const length = message[end]!
    if (length >= 0xc0) return end + 2
    end += length + 1
    if (length === 0) break
  }
  return end
}
