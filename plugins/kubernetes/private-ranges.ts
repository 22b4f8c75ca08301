/**
 * Reverse names of addresses that mean something inside of a network only: pods and services have such addresses, and
 * nobody outside can know their names. Reads labels; knows no zones and no objects.
 */
import type { Query } from '../../server/plugin.ts'
import { readDecimal, readNibble } from './name.ts'

/** True if a name below in-addr.arpa (4) or ip6.arpa (6) lies in a private or link-local range. */
export function isPrivateReverse(q: Query, family: 4 | 6): boolean {
  const first = q.labelCount - 3 // the label before in-addr.arpa or ip6.arpa
  if (first < 0) return false
  return family === 4 ? isPrivate4(readDecimal(q, first), label(q, first - 1)) : isPrivate6(q, first)
}

/** RFC 1918 §3; RFC 6598 §7, where clouds put pods and services; RFC 3927 §2.1, where NodeLocal DNSCache listens. */
function isPrivate4(first: number, second: number): boolean {
  if (first === 10) return true
  if (first === 172) return second >= 16 && second < 32
  if (first === 192) return second === 168
  if (first === 169) return second === 254
  return first === 100 && second >= 64 && second < 128
}

function label(q: Query, i: number): number {
  return i < 0 ? -1 : readDecimal(q, i)
}

/** fc00::/7 (RFC 4193 §3.1) and fe80::/10 (RFC 4291 §2.5.6). */
function isPrivate6(q: Query, first: number): boolean {
  if (first === 0 || readNibble(q, first) !== 15) return false
  const second = readNibble(q, first - 1)
  if (second === 14) return first > 1 && readNibble(q, first - 2) >= 8 && readNibble(q, first - 2) < 12
  return second === 12 || second === 13
}
