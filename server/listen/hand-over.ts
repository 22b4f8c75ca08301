/**
 * Addresses that processes share (share.ts): who else has one, and how the kernel is told to give what is new to the others.
 *
 * Sockets of one address that have SO_REUSEPORT are a list, in the order of binding, of which the kernel picks one for a
 * datagram or a connection. A filter that is attached to any of them says which (SO_ATTACH_REUSEPORT_CBPF, Linux 4.6; it needs
 * no privilege). When a socket is closed, the last of the list takes its place. Whoever joins has all that is new from then on: one
 * that was there may be replaced because it hangs.
 */
import { isMainThread } from 'node:worker_threads'
import { type Ffi, loadCalls } from './ffi.ts'
import { addressOctets, equal, type Holder, holdersOf } from './holders.ts'
import type { Transport } from './listener.ts'
import { sharesAddresses } from './share.ts'
import { SOL_SOCKET, setOption } from './socket-options.ts'

const SO_ATTACH_REUSEPORT_CBPF = 51
const SO_DETACH_REUSEPORT_BPF = 68
/** linux/filter.h, bpf_common.h: classic BPF, whose one register is A. */
const LOAD = 0x20
const RANDOM = 0xfffff038
const MODULO = 0x94
const ADD = 0x04
const RETURN_A = 0x16
const INSTRUCTION_BYTES = 8
/** struct sock_fprog: how many instructions, and behind six octets of padding where they are. */
const PROGRAM_BYTES = 16
/** Between two looks whether the others are gone. */
const ALONE_EVERY_MS = 1000

export interface SharedAddress {
  readonly transport: Transport
  /** As it was asked for; '' is the wildcard. */
  readonly address: string
  readonly port: number
}

/** Inodes of the others' sockets that were there when ours was bound: they come before ours. */
const before = new Map<string, ReadonlySet<string>>()

/** Where a filter of ours gives us all, as others have the address too. */
const taken = new Map<string, SharedAddress>()
let looks: NodeJS.Timeout | undefined

/** A socket of ours has been bound there: what is new comes to this process, if it came last. */
export function joined(shared: SharedAddress): void {
  if (!sharesAddresses()) return
  const { own, others } = socketsAt(shared)
  const key = keyOf(shared)
  if (!before.has(key) || own.length === 1) before.set(key, new Set(others.map(({ inode }) => inode)))
  const ffi = loadCalls()
  const fd = own[0]?.fd
  if (ffi === undefined || fd === undefined) return
  if (others.length === 0) {
    detach(ffi, fd) // of one that has left, if there is any
    return
  }
  const earlier = before.get(key)!
  if (!others.every(({ inode }) => earlier.has(inode))) return // somebody came after us
  pick(ffi, fd, others.length, own.length)
  taken.set(key, shared)
  looks ??= setInterval(shareOutAlone, ALONE_EVERY_MS).unref()
}

/** Takes our filters away where the others have gone: the kernel then picks among all our sockets. */
function shareOutAlone(): void {
  const ffi = loadCalls()!
  for (const [key, shared] of taken) {
    const { own, others } = socketsAt(shared)
    if (others.length > 0) continue
    if (own.length > 0) detach(ffi, own[0]!.fd!)
    taken.delete(key)
  }
  if (taken.size > 0) return
  clearInterval(looks)
  looks = undefined
}

/** True where another process has the address too, and gets what comes once this one has let go of it. */
export function hasSuccessor(shared: SharedAddress): boolean {
  return sharesAddresses() && socketsAt(shared).others.length > 0
}

/**
 * Has the kernel give what comes from now on to the other processes that have the address, if there are any. What waits in
 * our sockets stays there. Without node:ffi it cannot be, and the kernel goes on sharing out. The main thread does it for all:
 * it knows who came first.
 */
export function divert(shared: SharedAddress): void {
  if (!sharesAddresses() || !isMainThread) return
  const ffi = loadCalls()
  const { own, others } = socketsAt(shared)
  const fd = own[0]?.fd
  if (ffi === undefined || fd === undefined || others.length === 0) return
  const earlier = before.get(keyOf(shared)) ?? new Set()
  // The filter outlives our sockets. Those before ours stay where they are as ours are closed; of those behind, each that is closed
  // takes one to the front, and a place that is no more is any one's: as long as one of ours is open, there must be none.
  const first = others.filter(({ inode }) => earlier.has(inode)).length
  if (first > 0) pick(ffi, fd, 0, first)
  else pick(ffi, fd, own.length, Math.max(1, others.length - own.length + 1))
}

/** Attaches a filter that picks one of `count` sockets of the list, from this place on. `fd`: any of them. */
function pick(ffi: Ffi, fd: number, place: number, count: number): void {
  const instructions = [
    [LOAD, RANDOM],
    [MODULO, count],
    [ADD, place],
    [RETURN_A, 0],
  ] as const
  // The program, and the instructions that it points to behind it.
  const memory = new ArrayBuffer(PROGRAM_BYTES + instructions.length * INSTRUCTION_BYTES)
  const address = ffi.addressOf(memory)
  const view = new DataView(memory)
  view.setUint16(0, instructions.length, true)
  view.setBigUint64(8, address + BigInt(PROGRAM_BYTES), true)
  for (const [i, [code, operand]] of instructions.entries()) {
    view.setUint16(PROGRAM_BYTES + i * INSTRUCTION_BYTES, code, true)
    view.setUint32(PROGRAM_BYTES + i * INSTRUCTION_BYTES + 4, operand, true)
  }
  ffi.calls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, address, PROGRAM_BYTES)
}

function detach(ffi: Ffi, fd: number): void {
  setOption(ffi, fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
}

function socketsAt({ transport, address, port }: SharedAddress): { own: Holder[]; others: Holder[] } {
  const wanted = addressOctets(address)
  const all = holdersOf(transport, port).filter(({ octets }) => equal(octets, wanted))
  return { own: all.filter(({ fd }) => fd !== undefined), others: all.filter(({ fd }) => fd === undefined) }
}

function keyOf({ transport, address, port }: SharedAddress): string {
  return `${transport} ${address} ${port}`
}
