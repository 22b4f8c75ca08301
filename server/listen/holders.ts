/**
 * Who holds a port in this network namespace, as /proc/net tells, and which of the sockets are this process's own. Linux
 * only: elsewhere nobody is found.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { AF_INET, IPV4_AT, IPV6_AT, isMapped, sockaddr } from './address.ts'
import type { Transport } from './listener.ts'

const TCP_LISTENING = '0A'
const ADDRESS_COLUMN = 1
const STATE_COLUMN = 3
const INODE_COLUMN = 9

/** A socket on the port. */
export interface Holder {
  /** 4 octets, or 16; IPv4-mapped ones as 4. */
  readonly octets: Uint8Array
  /** The descriptor in this process; undefined if it belongs to another. */
  readonly fd: number | undefined
  /** Names the socket for as long as it is open. */
  readonly inode: string
}

/** Every socket that is bound to the port, as far as it stands in the way of another. */
export function holdersOf(transport: Transport, port: number): Holder[] {
  const descriptors = descriptorsByInode()
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return [`/proc/net/${transport}`, `/proc/net/${transport}6`].flatMap(file =>
    linesOf(file)
      .map(line => line.trim().split(/\s+/))
      .filter(columns => columns[ADDRESS_COLUMN]?.endsWith(suffix))
      .filter(columns => transport === 'udp' || columns[STATE_COLUMN] === TCP_LISTENING)
      .map(columns => ({
        octets: procOctets(columns[ADDRESS_COLUMN]!.slice(0, -suffix.length)),
        fd: descriptors.get(columns[INODE_COLUMN]!),
        inode: columns[INODE_COLUMN]!,
      })),
  )
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return [] // no /proc, or a kernel without IPv6
  }
}

/** Descriptors of this process by the inode of their socket. */
function descriptorsByInode(): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? []
      if (inode !== undefined) found.set(inode, Number(fd))
    } catch {
      // closed meanwhile: the descriptor of the folder itself
    }
  }
  return found
}

/** As /proc/net writes addresses: words of the machine in hexadecimal. */
function procOctets(text: string): Uint8Array {
  const words = (text.match(/.{8}/g) ?? []).map(word => Number.parseInt(word, 16))
  return unmapped(new Uint8Array(Uint32Array.from(words).buffer))
}

/** The octets of an address as it is asked for; '' is the wildcard of both families. */
export function addressOctets(address: string): Uint8Array {
  const name = sockaddr(address === '' ? '::' : address, 0)
  if (name === undefined) return new Uint8Array(0)
  return unmapped(name[0] === AF_INET ? name.slice(IPV4_AT, IPV4_AT + 4) : name.slice(IPV6_AT, IPV6_AT + 16))
}

function unmapped(octets: Uint8Array): Uint8Array {
  return octets.length === 16 && isMapped(octets, 0) ? octets.slice(12) : octets
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}

/** `::` is taken for the wildcard of both families: /proc does not tell. */
export function overlap(a: Uint8Array, b: Uint8Array): boolean {
  const isZero = (octets: Uint8Array) => octets.every(octet => octet === 0)
  const covers = (wide: Uint8Array, other: Uint8Array) =>
    isZero(wide) && (wide.length === 16 || wide.length === other.length)
  return equal(a, b) || covers(a, b) || covers(b, a)
}
