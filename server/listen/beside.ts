/**
 * One address beside every address on a port. The kernel allows that among sockets that all have SO_REUSEPORT, which it
 * reads from both when one is bound. So the flag is on for that moment alone: before and after it, nobody else can share
 * the port, not even with the flag. Where several sockets have one address it stays on, for it also has the kernel pick one
 * of them by the client's address. With SEXTANT_SHARE_ADDRESSES it is on for good (share.ts). Linux only.
 */
import { type Ffi, loadCalls } from './ffi.ts'
import { addressOctets, equal, type Holder, holdersOf, overlap } from './holders.ts'
import { ListenError, type Transport } from './listener.ts'
import { sharesAddresses } from './share.ts'
import { SO_REUSEPORT, SOL_SOCKET, setOption } from './socket-options.ts'

/** True where a socket can be opened beside one that is bound already; elsewhere both must be planned from the start. */
export function canJoin(): boolean {
  return loadCalls() !== undefined
}

/**
 * Binds beside what this process has on the port. `bind` is told whether to set SO_REUSEPORT before it binds.
 * @throws ListenError, EADDRINUSE, also if a socket of another process that has the flag would be shared with and sharing is
 * not wanted
 */
export async function bindBeside<T>(
  transport: Transport,
  address: string,
  port: number,
  bind: (reusePort: boolean) => T | Promise<T>,
): Promise<T> {
  if (process.platform !== 'linux' || port === 0) return bind(sharesAddresses())
  const wanted = addressOctets(address)
  const holders = holdersOf(transport, port)
  if (sharesAddresses()) {
    if (holders.some(({ octets, fd }) => fd !== undefined && equal(octets, wanted)))
      throw new ListenError(transport, address, port, 'EADDRINUSE')
    return bind(true)
  }
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
    setFlag(calls, holdersOf(transport, port), isShared || sharesAddresses() ? 1 : 0)
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
  for (const { fd } of holders) if (fd !== undefined) setOption(ffi, fd, SOL_SOCKET, SO_REUSEPORT, value)
}
