/** Serial numbers of SOA records: the one that an IXFR brings, that of a zone, and which of two is newer (RFC 1982). */
import type { Query } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { skipName, skipRecord } from '../../server/wire/query.ts'

const FIXED_BYTES = 20 // of SOA data, behind its two names: RFC 1035 §3.3.13
const MIN_BYTES = 2 + FIXED_BYTES

/** What the client has, from the SOA record in the authority section (RFC 1995 §3); undefined if there is none. */
export function readSerial(q: Query): number | undefined {
  const { bytes, start } = q
  const end = start + q.length
  const isSole = bytes[start + 8] === 0 && bytes[start + 9] === 1
  const typeAt = isSole ? skipName(bytes, start + q.questionEnd, end) : -1
  if (typeAt < 0) return undefined
  const next = skipRecord(bytes, start + q.questionEnd, end)
  const isSoa = next >= 0 && ((bytes[typeAt]! << 8) | bytes[typeAt + 1]!) === TYPE.SOA
  return isSoa && next - typeAt - 10 >= MIN_BYTES ? readNumber(bytes, next - FIXED_BYTES) : undefined
}

/** The serial in SOA data. */
export function serialOf(soa: Uint8Array): number {
  return readNumber(soa, soa.length - FIXED_BYTES)
}

/** True if the zone is newer than what the client has. */
export function isNewer(soa: Uint8Array, serial: number): boolean {
  return ((serialOf(soa) - serial) | 0) > 0
}

function readNumber(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
