/**
 * Connected UDP sockets made through node:ffi: what is sent together is one call of C, a wake-up reads without allocating.
 * All sockets share the place to receive into, and those that have nothing to send no place to send from.
 */
import { getSystemErrorName } from 'node:util'
import { sockaddr } from '../../../server/listen/address.ts'
import { type Ffi, loadFfi, type Watch } from '../../../server/listen/ffi.ts'
import type { DatagramEvents, Datagrams, Ends } from './datagram.ts'
import { Outbox } from './outbox.ts'

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const MSG_DONTWAIT = 0x40
const MMSGHDR_BYTES = 64
const IOVEC_BYTES = 16
const SLOTS = 16 // messages read in one call
const SLOT_BYTES = 4096 // more than any upstream is told it may send
const MAX_SPARE = 4 // places to send from that are kept
const EAGAIN = 11
const EINTR = 4

/** mmsghdrs, iovecs and packets of `count` messages to receive, one behind the other. */
class Inbox {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly at: bigint
  readonly #packetsAt: number
  readonly #packetBytes: number

  constructor(ffi: Ffi, count: number, packetBytes: number) {
    const iovecsAt = count * MMSGHDR_BYTES
    this.#packetsAt = iovecsAt + count * IOVEC_BYTES
    this.#packetBytes = packetBytes
    const memory = new ArrayBuffer(this.#packetsAt + count * packetBytes)
    this.bytes = new Uint8Array(memory)
    this.words = new Uint32Array(memory)
    this.at = ffi.addressOf(memory)
    const view = new DataView(memory)
    for (let i = 0; i < count; i++) {
      const iovecAt = iovecsAt + i * IOVEC_BYTES
      view.setBigUint64(i * MMSGHDR_BYTES + 16, this.at + BigInt(iovecAt), true) // msg_iov
      view.setBigUint64(i * MMSGHDR_BYTES + 24, 1n, true) // msg_iovlen
      view.setBigUint64(iovecAt, this.at + BigInt(this.packetAt(i)), true)
      view.setBigUint64(iovecAt + 8, BigInt(packetBytes), true)
    }
  }

  packetAt(i: number): number {
    return this.#packetsAt + i * this.#packetBytes
  }

  /** How many octets of packet `i` were received. */
  received(i: number): number {
    return this.words[(i * MMSGHDR_BYTES + 56) >> 2]!
  }
}

const spare: Outbox[] = []
let inbox: Inbox | undefined
let turnAsked = false

/** The loop runs neither microtasks nor ticks behind a callback of node:ffi: a turn of its own brings answers on. */
function askForTurn(): void {
  if (turnAsked) return
  turnAsked = true
  setImmediate(() => {
    turnAsked = false
  })
}

class NativeDatagrams implements Datagrams {
  usable = true
  readonly #ffi: Ffi
  readonly #fd: number
  readonly #events: DatagramEvents
  readonly #watch: Watch
  readonly #in: Inbox
  #out: Outbox | undefined
  #closed = false

  constructor(ffi: Ffi, fd: number, events: DatagramEvents) {
    this.#ffi = ffi
    this.#fd = fd
    this.#events = events
    inbox ??= new Inbox(ffi, SLOTS, SLOT_BYTES)
    this.#in = inbox
    this.#watch = ffi.watch(fd, () => this.#read())
  }

  send(message: Uint8Array, length: number): void {
    this.#out ??= spare.pop() ?? new Outbox(this.#ffi)
    this.#out.add(message, length)
    if (this.#out.isFull) this.flush()
  }

  flush(): void {
    const out = this.#out
    if (out === undefined) return
    this.#out = undefined
    const errno = out.send(this.#fd)
    if (spare.length < MAX_SPARE) spare.push(out)
    if (errno !== 0) setImmediate(() => this.#fail(errno))
  }

  close(): void {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.usable = false
    this.#watch.stop()
    this.#ffi.close(this.#fd)
  }

  #read(): void {
    if (this.#closed) return
    const read = this.#ffi.calls.recvmmsg(this.#fd, this.#in.at, SLOTS, MSG_DONTWAIT, 0n)
    if (read < 0) {
      const errno = this.#ffi.errno()
      if (errno !== EAGAIN && errno !== EINTR) this.#fail(errno)
    } else {
      for (let i = 0; i < read; i++) this.#events.message(this.#in.bytes, this.#in.packetAt(i), this.#in.received(i))
    }
    askForTurn()
  }

  /** libuv watches a socket no more after an error: it is given up. */
  #fail(errno: number): void {
    if (this.#closed) return
    this.usable = false
    const code = getSystemErrorName(-errno)
    this.#events.failed(Object.assign(new Error(`${code} from the network`), { code }))
  }
}

/** Opens a socket; undefined where node:ffi cannot be had. */
export function openNative(ends: Ends, events: DatagramEvents): Datagrams | NodeJS.ErrnoException | undefined {
  const ffi = loadFfi()
  const local = sockaddr(ends.localAddress, ends.localPort)
  const remote = sockaddr(ends.host, ends.port)
  if (ffi === undefined || local === undefined || remote === undefined) return undefined
  const fd = ffi.socket(remote[0]!, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
  if (fd < 0) return failure(ffi, 'socket')
  if (ffi.calls.bind(fd, addressOf(ffi, local), local.length) !== 0) return failure(ffi, 'bind', fd)
  if (ffi.calls.connect(fd, addressOf(ffi, remote), remote.length) !== 0) return failure(ffi, 'connect', fd)
  try {
    return new NativeDatagrams(ffi, fd, events)
  } catch (cause) {
    ffi.close(fd) // no descriptor is left to watch it with
    return cause as Error
  }
}

/** The kernel copies an address while it is told it. */
function addressOf(ffi: Ffi, name: Uint8Array): bigint {
  return ffi.addressOf(name.buffer as ArrayBuffer)
}

function failure(ffi: Ffi, call: string, fd = -1): NodeJS.ErrnoException {
  const code = getSystemErrorName(-ffi.errno())
  if (fd >= 0) ffi.close(fd)
  return Object.assign(new Error(`${call}: ${code}`), { code })
}
