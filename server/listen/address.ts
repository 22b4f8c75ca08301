/**
 * Socket addresses as the kernel lays them out (Linux, little endian) and as text. Pure.
 *
 *   sockaddr_in   family 2 | port 2 | address 4  | zeros 8
 *   sockaddr_in6  family 2 | port 2 | flow 4     | address 16 | scope 4
 */
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCKADDR_IN_BYTES = 16
export const SOCKADDR_IN6_BYTES = 28
/** Where a port, and an address of either family, lie in a sockaddr. */
export const PORT_AT = 2
export const IPV4_AT = 4
export const IPV6_AT = 8

/** The 4 octets at `at` as text. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** True for ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
export function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false
  return bytes[at + 10] === 255 && bytes[at + 11] === 255
}

/** The 16 octets at `at` as text (RFC 5952); a mapped address as IPv4. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  if (isMapped(bytes, at)) return ipv4Text(bytes, at + 12)
  return new ipaddr.IPv6(Array.from(bytes.subarray(at, at + 16))).toRFC5952String()
}

/** fe80::/10: an address that means something only together with its interface. */
export function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80
}

/** Text of an address as sockets of both families give it: IPv4-mapped as IPv4, without a zone. */
export function plainAddress(text: string): string {
  const bare = text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text
  const zone = bare.indexOf('%')
  return zone < 0 ? bare : bare.slice(0, zone)
}

/** Copies the address of a sockaddr to `to` of `into`, a mapped one as IPv4. Returns its octets, 4 or 16. */
export function copyAddress(sockaddr: Uint8Array, at: number, family: 4 | 6, into: Uint8Array, to: number): number {
  let from = at + IPV4_AT
  let octets = 4
  if (family === 6) {
    from = at + IPV6_AT
    if (isMapped(sockaddr, from)) from += 12
    else octets = 16
  }
  for (let i = 0; i < octets; i++) into[to + i] = sockaddr[from + i]!
  return octets
}

/** True for the addresses that stand for all of a machine's. */
export function isWildcard(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::'
}

/** The sockaddr of an address; undefined where the text is none. A zone is an interface's name or index. */
export function sockaddr(address: string, port: number): Uint8Array | undefined {
  const [host = '', zone] = address.split('%')
  if (!ipaddr.isValid(host)) return undefined
  const parsed = ipaddr.parse(host)
  const octets = parsed.toByteArray()
  const isIpv6 = parsed.kind() === 'ipv6'
  const made = new Uint8Array(isIpv6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES)
  made[0] = isIpv6 ? AF_INET6 : AF_INET
  made[PORT_AT] = port >> 8
  made[PORT_AT + 1] = port & 255
  made.set(octets, isIpv6 ? IPV6_AT : IPV4_AT)
  if (zone !== undefined) new DataView(made.buffer).setUint32(24, scopeOf(zone), true)
  return made
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone)
  for (const entry of networkInterfaces()[zone] ?? []) {
    if (entry.family === 'IPv6' && entry.scopeid) return entry.scopeid
  }
  return 0
}
