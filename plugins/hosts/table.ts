/**
 * The names and addresses of a hosts file: parsed from text once, looked up by the query's hashes. Immutable; a changed
 * file makes a new table.
 */
import ipaddr from 'ipaddr.js'
import { QUESTION, type Query, type Section } from '../../server/plugin.ts'
import type { ZoneSet } from '../../server/route.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, hashName, type Name, nameFromText } from '../../server/wire/name.ts'

/** One line: an address and its names, as text. */
export interface HostsLine {
  readonly address: string
  readonly names: readonly string[]
}

/** What is known of one name. */
export interface Host {
  readonly name: Name
  /** Addresses one behind the other. */
  v4: Uint8Array
  v6: Uint8Array
  /** Names of the address that `name` is the reverse of. */
  readonly pointers: Name[]
  /** False for a name that only has names below it. */
  isNamed: boolean
  next: Host | undefined
}

const V4_BYTES = 4
const V6_BYTES = 16
/** More records than these fit into no message, and a query is not to cost more than they do. */
export const MAX_RECORDS = Math.ceil(65_535 / 12)

/** The lines of a hosts file; comments and lines without a name are left out. */
export function parseHosts(text: string): HostsLine[] {
  const lines: HostsLine[] = []
  for (const line of text.split('\n')) {
    const [address, ...names] = line.split('#', 1)[0]!.trim().split(/\s+/)
    if (address && names.length > 0) lines.push({ address, names })
  }
  return lines
}

/** Octets of an address, undefined if the text is none. A zone is left out; an IPv4-mapped address is IPv4. */
export function addressBytes(text: string): Uint8Array | undefined {
  const [bare = ''] = text.split('%', 1)
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return Uint8Array.from(ipaddr.parse(bare).toByteArray())
  if (!bare.includes(':') || !ipaddr.IPv6.isValid(bare)) return undefined
  return Uint8Array.from(ipaddr.process(bare).toByteArray())
}

export class HostsTable {
  readonly #hosts = new Map<number, Host>()
  /** By what follows `*.`. */
  readonly #wildcards = new Map<number, Host>()
  /** How many addresses of names and names of addresses there are. */
  entries = 0

  /** @param zones names outside of them are left out; @param reverse whether addresses are to be found by address */
  constructor(lines: readonly HostsLine[], zones: ZoneSet, reverse: boolean) {
    const found = new Map<Host, Uint8Array[]>()
    const pairs = new Set<string>()
    for (const { address, names } of lines) {
      const bytes = addressBytes(address)
      if (bytes === undefined) continue
      const key = Buffer.from(bytes).toString('latin1')
      for (const text of names) {
        const name = nameOf(text)
        if (name === undefined || !zones.encloses(name)) continue
        const { size } = pairs
        // RFC 2181 §5: a set has no record twice. Block lists give one address a hundred thousand names.
        if (pairs.add(`${key} ${Buffer.from(name).toString('latin1')}`).size === size) continue
        const host = this.#add(name, bytes, reverse, zones)
        const addresses = found.get(host)
        if (addresses === undefined) found.set(host, [bytes])
        else addresses.push(bytes)
      }
    }
    for (const [host, addresses] of found) {
      host.v4 = Buffer.concat(addresses.filter(one => one.length === V4_BYTES))
      host.v6 = Buffer.concat(addresses.filter(one => one.length === V6_BYTES))
      this.entries += addresses.length
    }
  }

  /** The query's name, if there is anything at or below it. */
  find(q: Query): Host | undefined {
    return lookup(this.#hosts, q, 0)
  }

  /** The wildcard that covers the query's name: it stands for one label. */
  findWildcard(q: Query): Host | undefined {
    return this.#wildcards.size === 0 || q.labelCount === 0 ? undefined : lookup(this.#wildcards, q, 1)
  }

  /** Makes the entries of a name, and the pointer of its address to it. Returns whose address it is. */
  #add(name: Name, address: Uint8Array, reverse: boolean, zones: ZoneSet): Host {
    const isWildcard = name[0] === 1 && name[1] === 0x2a
    const host = isWildcard ? entry(this.#wildcards, name.slice(2)) : entry(this.#hosts, name)
    if (!isWildcard) host.isNamed = true
    if (!isWildcard && reverse) {
      entry(this.#hosts, reverseName(address)).pointers.push(name)
      this.entries++
    }
    // RFC 8020: what has names below it exists.
    for (let at = name[0]! + 1; at < name.length && zones.encloses(name.subarray(at)); at += name[at]! + 1) {
      entry(this.#hosts, name.slice(at))
      if (name[at] === 0) break
    }
    return host
  }
}

/** Adds the host's addresses of a family to a section, owned by the question. Returns how many there are. */
export function addAddresses(section: Section, host: Host | undefined, type: number, ttl: number): number {
  if (host === undefined) return 0
  const [data, size] = type === TYPE.A ? [host.v4, V4_BYTES] : [host.v6, V6_BYTES]
  const end = Math.min(data.length, MAX_RECORDS * size)
  for (let at = 0; at < end; at += size) section.add(QUESTION, 0, type, ttl, data, at, size)
  return data.length
}

function lookup(hosts: Map<number, Host>, q: Query, label: number): Host | undefined {
  let host = hosts.get(q.suffixHash[label]!)
  const at = q.labelAt[label]!
  const length = q.qnameLength - at
  while (host !== undefined && !(host.name.length === length && equalOctets(host.name, 0, q.qname, at, length))) {
    host = host.next
  }
  return host
}

/** The entry for a name, made if there is none. */
function entry(hosts: Map<number, Host>, name: Name): Host {
  const hash = hashName(name)
  const first = hosts.get(hash)
  for (let host = first; host !== undefined; host = host.next) {
    if (host.name.length === name.length && equalOctets(host.name, 0, name, 0, name.length)) return host
  }
  const none = new Uint8Array(0)
  const host: Host = { name, v4: none, v6: none, pointers: [], isNamed: false, next: first }
  hosts.set(hash, host)
  return host
}

function nameOf(text: string): Name | undefined {
  try {
    return nameFromText(text)
  } catch {
    return undefined // CoreDNS: what is no name is passed over
  }
}

/** `4.3.2.1.in-addr.arpa.` of 1.2.3.4; nibbles under `ip6.arpa.` for IPv6 (RFC 3596 §2.5). */
function reverseName(address: Uint8Array): Name {
  const octets = [...address].reverse()
  if (address.length === V4_BYTES) return nameFromText(`${octets.join('.')}.in-addr.arpa`)
  const nibbles = octets.flatMap(octet => [(octet & 15).toString(16), (octet >> 4).toString(16)])
  return nameFromText(`${nibbles.join('.')}.ip6.arpa`)
}
