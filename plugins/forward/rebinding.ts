/**
 * DNS rebinding: a public name that leads to an address inside, so that a script from outside talks to what is inside.
 * Where the Corefile asks for it (`block_private`), such addresses are taken out of answers.
 */
import type { Answer, Query, Section } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { EDE, TYPE } from '../../server/wire/codes.ts'
import type { Name } from '../../server/wire/name.ts'

/** IPv4: first octets, how many bits of them count (RFC 1918, RFC 6598, RFC 3927, RFC 1122 §3.2.1.3). */
const PRIVATE: readonly (readonly [network: number, bits: number])[] = [
  [0x0000_0000, 8],
  [0x0a00_0000, 8],
  [0x6440_0000, 10],
  [0x7f00_0000, 8],
  [0xa9fe_0000, 16],
  [0xac10_0000, 12],
  [0xc0a8_0000, 16],
]

export class RebindingFilter {
  readonly #allowed: ZoneSet

  /** @param allowed zones whose names may have private addresses */
  constructor(allowed: readonly Name[]) {
    this.#allowed = new ZoneSet(allowed)
  }

  /** Takes private addresses out of the answer to a client's query, also where a search path was walked for it. */
  apply(q: Query, a: Answer): void {
    if (q.isOwn || a.answer.count === 0 || this.#allowed.match(q) >= 0) return
    const { answer } = a
    let kept = 0
    for (let i = 0; i < answer.count; i++) {
      if (isPrivate(answer, i)) continue
      answer.swap(kept++, i)
    }
    if (kept === answer.count) return
    answer.count = kept
    a.extendedError = EDE.BLOCKED
  }
}

function isPrivate({ type, data, dataAt, dataLength }: Section, i: number): boolean {
  const bytes = data[i]!
  const at = dataAt[i]!
  if (type[i] === TYPE.A && dataLength[i] === 4) return isPrivateIpv4(bytes, at)
  return type[i] === TYPE.AAAA && dataLength[i] === 16 && isPrivateIpv6(bytes, at)
}

function isPrivateIpv4(bytes: Uint8Array, at: number): boolean {
  const address = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  return PRIVATE.some(([network, bits]) => (address ^ network) >>> (32 - bits) === 0)
}

/** fc00::/7, fe80::/10, ::, ::1 and IPv4 addresses mapped into IPv6 (RFC 4193, RFC 4291). */
function isPrivateIpv6(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]!
  if ((first & 0xfe) === 0xfc || (first === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80)) return true
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false
  const mark = (bytes[at + 10]! << 8) | bytes[at + 11]!
  return (mark === 0xffff || mark === 0) && isPrivateIpv4(bytes, at + 12)
}
