/** What a line of a hosts file says: an address and names, from text to octets. */
import ipaddr from 'ipaddr.js'
import { type Name, nameFromText } from '../../server/wire/name.ts'

export const V4_BYTES = 4
export const V6_BYTES = 16

/** One line: an address and its names, as text. */
export interface HostsLine {
  readonly address: string
  readonly names: readonly string[]
}

/** What a line says, undefined for one without a name. Comments are left out. */
export function parseLine(text: string): HostsLine | undefined {
  const [address, ...names] = text.split('#', 1)[0]!.trim().split(/\s+/)
  return address && names.length > 0 ? { address, names } : undefined
}

/** Octets of an address, undefined if the text is none. A zone is left out; an IPv4-mapped address is IPv4. */
export function addressBytes(text: string): Uint8Array | undefined {
  const [bare = ''] = text.split('%', 1)
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return Uint8Array.from(ipaddr.parse(bare).toByteArray())
  if (!bare.includes(':') || !ipaddr.IPv6.isValid(bare)) return undefined
  return Uint8Array.from(ipaddr.process(bare).toByteArray())
}

/** The name that a text stands for, undefined if it stands for none. */
export function nameOf(text: string): Name | undefined {
  try {
    return nameFromText(text)
  } catch {
    return undefined // CoreDNS: what is no name is passed over
  }
}

/** `4.3.2.1.in-addr.arpa.` of 1.2.3.4; nibbles under `ip6.arpa.` for IPv6 (RFC 3596 §2.5). */
export function reverseName(address: Uint8Array): Name {
  const octets = [...address].reverse()
  if (address.length === V4_BYTES) return nameFromText(`${octets.join('.')}.in-addr.arpa`)
  const nibbles = octets.flatMap(octet => [(octet & 15).toString(16), (octet >> 4).toString(16)])
  return nameFromText(`${nibbles.join('.')}.ip6.arpa`)
}
