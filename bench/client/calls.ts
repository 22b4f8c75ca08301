/**
 * The C functions of a client that keeps time: connected sockets with the kernel's time of arrival, clocks, and sleep without
 * slack (64-bit Linux). Messages that arrive are cut behind their header: nobody here reads on.
 */
import { sockaddr } from '../../server/listen/address.ts'
import { loadCalls } from '../../server/listen/ffi.ts'
import type { Target } from '../dnsperf.ts'

const I32 = 'i32'
const U32 = 'u32'
const POINTER = 'pointer'
const SIGNATURES = {
  socket: { arguments: [I32, I32, I32], return: I32 },
  connect: { arguments: [I32, POINTER, U32], return: I32 },
  setsockopt: { arguments: [I32, I32, I32, POINTER, U32], return: I32 },
  send: { arguments: [I32, POINTER, 'u64', I32], return: 'i64' },
  recvmmsg: { arguments: [I32, POINTER, U32, I32, POINTER], return: I32 },
  clock_gettime: { arguments: [I32, POINTER], return: I32 },
  usleep: { arguments: [U32], return: I32 },
  prctl: { arguments: [I32, 'u64'], return: I32 },
} as const

const AF_INET = 2
const SOCK_DGRAM = 2
const SOL_SOCKET = 1
const SO_RCVBUFFORCE = 33
const SO_TIMESTAMPNS = 35
const RECEIVE_BUFFER_BYTES = 8 << 20
const CLOCK_REALTIME = 0
const CLOCK_THREAD_CPUTIME_ID = 3
const PR_SET_TIMERSLACK = 29
const MSG_DONTWAIT = 0x40

const BATCH = 64
const HEADER_BYTES = 64 // of a mmsghdr: iovec at 16, count 24, control 32, its length 40, message length 56
const SLOT_BYTES = 64 // iovec 16 | DNS header 12, pad 4 | cmsghdr 16, timespec 16
const MESSAGE_AT = 16
const CONTROL_AT = 32
const CONTROL_BYTES = 32
const SLOTS_AT = BATCH * HEADER_BYTES

// The server's way to it keeps the warning quiet that node:ffi is experimental.
if (loadCalls() === undefined) throw new Error('node:ffi is not to be had, expected Node 26 on Linux')
const ffi = process.getBuiltinModule('node:ffi')
const { functions: calls } = ffi.dlopen(null, SIGNATURES)

const clock = new BigInt64Array(2)
const clockAt = ffi.getRawPointer(clock.buffer)
const clockWords = new Uint32Array(clock.buffer)
calls.clock_gettime(CLOCK_REALTIME, clockAt)
const originS = clockWords[0]!

/** Nanoseconds of the wall clock since this process began, more or less: what the kernel stamps messages with. */
export function nowNs(): number {
  calls.clock_gettime(CLOCK_REALTIME, clockAt)
  return (clockWords[0]! - originS) * 1e9 + clockWords[2]!
}

/** Nanoseconds that this thread had a processor. */
export function threadNs(): number {
  calls.clock_gettime(CLOCK_THREAD_CPUTIME_ID, clockAt)
  return clockWords[0]! * 1e9 + clockWords[2]!
}

/** Lets timers of this thread fire when they are due, not up to 50 µs later. */
export function dropTimerSlack(): void {
  calls.prctl(PR_SET_TIMERSLACK, 1n)
}

export function sleepUs(us: number): void {
  calls.usleep(us)
}

/** Memory that C reads, with its address. The object keeps it alive. */
export class Memory {
  readonly bytes: Uint8Array
  readonly address: bigint

  constructor(bytes: number) {
    const buffer = new ArrayBuffer(bytes)
    this.bytes = new Uint8Array(buffer)
    this.address = ffi.getRawPointer(buffer)
  }
}

/** A socket connected to the server, and the headers of what it received last. */
export class TimedSocket {
  readonly #fd: number
  readonly #memory = new Memory(SLOTS_AT + BATCH * SLOT_BYTES)
  readonly #words = new Uint32Array(this.#memory.bytes.buffer)

  constructor({ address, port }: Target) {
    const name = sockaddr(address, port)!
    const kept = new Memory(name.length)
    kept.bytes.set(name)
    this.#fd = calls.socket(AF_INET, SOCK_DGRAM, 0)
    if (this.#fd < 0 || calls.connect(this.#fd, kept.address, name.length) !== 0) throw new Error('no UDP socket')
    this.#set(SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    if (!this.#set(SO_TIMESTAMPNS, 1)) throw new Error('the kernel stamps no messages')
    for (let i = 0; i < BATCH; i++) this.#layOut(i)
  }

  /** True if the kernel took the message. */
  send(address: bigint, octets: bigint): boolean {
    return Number(calls.send(this.#fd, address, octets, MSG_DONTWAIT)) > 0
  }

  /** Reads up to 64 messages; how many, 0 or less if there are none. */
  receive(): number {
    return calls.recvmmsg(this.#fd, this.#memory.address, BATCH, MSG_DONTWAIT, 0n)
  }

  idOf(i: number): number {
    const at = SLOTS_AT + i * SLOT_BYTES + MESSAGE_AT
    return (this.#memory.bytes[at]! << 8) | this.#memory.bytes[at + 1]!
  }
  rcodeOf(i: number): number {
    return this.#memory.bytes[SLOTS_AT + i * SLOT_BYTES + MESSAGE_AT + 3]! & 15
  }
  /** When the kernel was given message `i`, as `nowNs` counts. Makes its slot ready again: ask last. */
  arrivedNs(i: number): number {
    const at = (SLOTS_AT + i * SLOT_BYTES + CONTROL_AT + 16) >> 2
    this.#words[(i * HEADER_BYTES + 40) >> 2] = CONTROL_BYTES
    return (this.#words[at]! - originS) * 1e9 + this.#words[at + 2]!
  }

  #layOut(i: number): void {
    const view = new DataView(this.#memory.bytes.buffer)
    const header = i * HEADER_BYTES
    const slot = SLOTS_AT + i * SLOT_BYTES
    const pointer = (at: number, target: number) => view.setBigUint64(at, this.#memory.address + BigInt(target), true)
    pointer(header + 16, slot)
    view.setUint32(header + 24, 1, true)
    pointer(header + 32, slot + CONTROL_AT)
    view.setUint32(header + 40, CONTROL_BYTES, true)
    pointer(slot, slot + MESSAGE_AT)
    view.setUint32(slot + 8, 12, true)
  }

  #set(option: number, value: number): boolean {
    const memory = new Memory(4)
    new DataView(memory.bytes.buffer).setInt32(0, value, true)
    return calls.setsockopt(this.#fd, SOL_SOCKET, option, memory.address, 4) === 0
  }
}
