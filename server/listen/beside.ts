/**
 * One address beside every address on a port. The kernel allows that among sockets that all have SO_REUSEPORT, which it
 * reads from both when one is bound. So the flag is on for that moment alone: before and after it, nobody else can share
 * the port, not even with the flag. Where several sockets have one address it stays on, for it also has the kernel pick one
 * of them by the client's address. Linux only; who holds a port is read from /proc/net.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { AF_INET, IPV4_AT, IPV6_AT, isMapped, sockaddr } from './address.ts'
import { type Ffi, loadCalls } from './ffi.ts'
import { ListenError, type Transport } from './listener.ts'

const SOL_SOCKET = 1
const SO_REUSEPORT = 15
const TCP_LISTENING = '0A'
const ADDRESS_COLUMN = 1
const STATE_COLUMN = 3
const INODE_COLUMN = 9

/** A socket on the port. */
interface Holder {
  /** 4 octets, or 16; IPv4-mapped ones as 4. */
  readonly octets: Uint8Array
  /** The descriptor in this process; undefined if it belongs to another. */
  readonly fd: number | undefined
}

/** True where a socket can be opened beside one that is bound already; elsewhere both must be planned from the start. */
export function canJoin(): boolean {
  return loadCalls() !== undefined
}

/**
 * Binds beside what this process has on the port. `bind` is told whether to set SO_REUSEPORT before it binds.
 * @throws ListenError, EADDRINUSE, also if a socket of another process that has the flag would be shared with
 */
export async function bindBeside<T>(
  transport: Transport,
  address: string,
  port: number,
  bind: (reusePort: boolean) => T | Promise<T>,
): Promise<T> {
  if (process.platform !== 'linux' || port === 0) return bind(false)
  const wanted = addressOctets(address)
  const holders = holdersOf(transport, port)
  const own = holders.filter(({ fd }) => fd !== undefined)
  const calls = loadCalls()
  if (own.length === 0 && calls !== undefined) return bind(false)
  const isRefused = ({ octets, fd }: Holder) => (fd === undefined ? overlap(octets, wanted) : equal(octets, wanted))
  if (holders.some(isRefused)) throw new ListenError(transport, address, port, 'EADDRINUSE')
  if (calls === undefined) return bind(true)
  const before = own.map(({ fd }) => getFlag(calls, fd!))
  try {
    setFlag(calls, own, 1)
    return await bind(true)
  } finally {
    setFlag(calls, holdersOf(transport, port), Math.max(...before))
  }
}

/**
 * Lets the sockets that this process has on a port share their addresses with others of it, or no more. False where that
 * cannot be said of sockets that are bound.
 */
export function shareAddresses(transport: Transport, port: number, isShared: boolean): boolean {
  const calls = loadCalls()
  if (calls === undefined) return false
  try {
    setFlag(calls, holdersOf(transport, port), isShared ? 1 : 0)
    return true
  } catch {
    return false // no descriptor is left to look with
  }
}

function getFlag(ffi: Ffi, fd: number): number {
  const memory = Int32Array.of(0)
  const size = Uint32Array.of(memory.byteLength)
  ffi.calls.getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, ffi.addressOf(memory.buffer), ffi.addressOf(size.buffer))
  return memory[0]!
}

function setFlag(ffi: Ffi, holders: readonly Holder[], value: number): void {
  const memory = Int32Array.of(value)
  for (const { fd } of holders) {
    if (fd !== undefined) ffi.calls.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, ffi.addressOf(memory.buffer), 4)
  }
}

/** Every socket that is bound to the port, as far as it stands in the way of another. */
function holdersOf(transport: Transport, port: number): Holder[] {
  const descriptors = ownDescriptors()
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return [`/proc/net/${transport}`, `/proc/net/${transport}6`].flatMap(file =>
    linesOf(file)
      .map(line => line.trim().split(/\s+/))
      .filter(columns => columns[ADDRESS_COLUMN]?.endsWith(suffix))
      .filter(columns => transport === 'udp' || columns[STATE_COLUMN] === TCP_LISTENING)
      .map(columns => ({
        octets: procOctets(columns[ADDRESS_COLUMN]!.slice(0, -suffix.length)),
        fd: descriptors.get(columns[INODE_COLUMN]!),
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
function ownDescriptors(): ReadonlyMap<string, number> {
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
function addressOctets(address: string): Uint8Array {
  const name = sockaddr(address === '' ? '::' : address, 0)
  if (name === undefined) return new Uint8Array(0)
  return unmapped(name[0] === AF_INET ? name.slice(IPV4_AT, IPV4_AT + 4) : name.slice(IPV6_AT, IPV6_AT + 16))
}

function unmapped(octets: Uint8Array): Uint8Array {
  return octets.length === 16 && isMapped(octets, 0) ? octets.slice(12) : octets
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}

/** `::` is taken for the wildcard of both families: /proc does not tell. */
function overlap(a: Uint8Array, b: Uint8Array): boolean {
  const isZero = (octets: Uint8Array) => octets.every(octet => octet === 0)
  const covers = (wide: Uint8Array, other: Uint8Array) =>
    isZero(wide) && (wide.length === 16 || wide.length === other.length)
  return equal(a, b) || covers(a, b) || covers(b, a)
}
