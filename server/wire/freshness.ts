/**
 * How long a reply may be kept by who does not read it: the least TTL of its records (RFC 8484 §5.1), and for a denial
 * what its SOA says (RFC 2308 §5).
 */
import { RCODE, TYPE } from './codes.ts'
import { HEADER_BYTES, skipName } from './query.ts'

const MAX_S = 3600 // CoreDNS: the same
/** Where a SOA's MINIMUM begins, from the end of its data. */
const MINIMUM_AT = 4

/** Seconds that the reply of `length` octets at `at`, which is ours, stays true; 0 for failures and replies without records. */
export function freshness(bytes: Uint8Array, at: number, length: number): number {
  const end = at + length
  const rcode = bytes[at + 3]! & 15
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, end)
  const records = view.getUint16(at + 6) + view.getUint16(at + 8) + view.getUint16(at + 10)
  if (records === 0) return 0
  let record = skipName(bytes, at + HEADER_BYTES, end) + 4
  let least = Infinity
  for (let i = 0; i < records; i++) {
    const typeAt = skipName(bytes, record, end)
    if (typeAt < 0 || typeAt + 10 > end) return 0
    const type = view.getUint16(typeAt)
    const next = typeAt + 10 + view.getUint16(typeAt + 8)
    if (next > end) return 0
    if (type !== TYPE.OPT) least = Math.min(least, view.getUint32(typeAt + 4))
    if (type === TYPE.SOA) least = Math.min(least, view.getUint32(next - MINIMUM_AT))
    record = next
  }
  return least === Infinity ? 0 : Math.min(least, MAX_S)
}
