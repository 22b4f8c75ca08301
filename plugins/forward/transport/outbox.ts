/**
 * Datagrams that leave one connected socket together: one system call for all of them, and one pass through the network
 * stack for all of one length (server/listen/segments.ts). The memory and the structs that sendmmsg reads; struct layouts of
 * 64-bit Linux.
 *
 *   mmsghdr   name 8 | name length 4, pad 4 | iovec 8 | iovec count 8 | control 8 | control length 8 | flags 4, pad 4 |
 *             message length 4, pad 4
 *   iovec     base 8 | length 8
 */
import type { Ffi } from '../../../server/listen/ffi.ts'
import {
  canSegment,
  refuseSegments,
  SEGMENT_CONTROL_BYTES,
  writeSegmentControl,
} from '../../../server/listen/segments.ts'

/** Datagrams that leave together at most. */
export const GROUP = 16
const PACKET_BYTES = 512 // a query is never longer
const HEADER_BYTES = 64
const IOVEC_BYTES = 16
const CONTROLS_AT = GROUP * HEADER_BYTES
const IOVECS_AT = CONTROLS_AT + GROUP * SEGMENT_CONTROL_BYTES
const PACKETS_AT = IOVECS_AT + GROUP * IOVEC_BYTES
const MSG_DONTWAIT = 0x40
const EINTR = 4
const EAGAIN = 11

export class Outbox {
  readonly #ffi: Ffi
  readonly #memory = new ArrayBuffer(PACKETS_AT + GROUP * PACKET_BYTES)
  readonly #bytes = new Uint8Array(this.#memory)
  readonly #words = new Uint32Array(this.#memory)
  readonly #at: bigint
  readonly #lengths = new Uint16Array(GROUP)
  /** The datagrams by length. */
  readonly #order = new Uint8Array(GROUP)
  /** Which of them is the first of each header. */
  readonly #firstOf = new Uint8Array(GROUP)
  #count = 0

  constructor(ffi: Ffi) {
    this.#ffi = ffi
    this.#at = ffi.addressOf(this.#memory)
    for (let i = 0; i < GROUP; i++) {
      const control = CONTROLS_AT + i * SEGMENT_CONTROL_BYTES
      this.#point(i * HEADER_BYTES + 32, control)
    }
  }

  get isFull(): boolean {
    return this.#count === GROUP
  }

  /** Takes a datagram: the first `length` octets of a message, at most 512. */
  add(message: Uint8Array, length: number): void {
    const at = PACKETS_AT + this.#count * PACKET_BYTES
    for (let i = 0; i < length; i++) this.#bytes[at + i] = message[i]!
    this.#lengths[this.#count] = length
    let place = this.#count
    for (; place > 0 && this.#lengths[this.#order[place - 1]!]! > length; place--) {
      this.#order[place] = this.#order[place - 1]!
    }
    this.#order[place] = this.#count++
  }

  /**
   * Sends what was added, and is empty. What a full buffer does not take is lost, as on the way.
   * @returns the errno of what the network says, 0 for nothing.
   */
  send(fd: number): number {
    let from = 0
    while (from < this.#count) {
      const headers = this.#lay(from)
      const sent = this.#ffi.calls.sendmmsg(fd, this.#at, headers, MSG_DONTWAIT)
      if (sent === headers) break
      const errno = sent > 0 ? 0 : this.#ffi.errno()
      from = this.#firstOf[Math.max(sent, 0)]!
      if (errno === 0 || errno === EINTR) continue
      if (!canSegment() || !refuseSegments(errno)) {
        this.#count = 0
        return errno === EAGAIN ? 0 : errno
      }
    }
    this.#count = 0
    return 0
  }

  /** Lays out headers for the datagrams from place `from` of the order on. Returns how many. */
  #lay(from: number): number {
    let headers = 0
    for (let first = from; first < this.#count; headers++) {
      const length = this.#lengths[this.#order[first]!]!
      let next = first
      do this.#layVector(next++)
      while (canSegment() && next < this.#count && this.#lengths[this.#order[next]!] === length)
      const header = headers * HEADER_BYTES
      this.#point(header + 16, IOVECS_AT + first * IOVEC_BYTES)
      this.#words[(header + 24) >> 2] = next - first
      this.#words[(header + 40) >> 2] = next - first > 1 ? SEGMENT_CONTROL_BYTES : 0
      writeSegmentControl(this.#words, (CONTROLS_AT + headers * SEGMENT_CONTROL_BYTES) >> 2, length)
      this.#firstOf[headers] = first
      first = next
    }
    return headers
  }

  #layVector(place: number): void {
    const i = this.#order[place]!
    const at = IOVECS_AT + place * IOVEC_BYTES
    this.#point(at, PACKETS_AT + i * PACKET_BYTES)
    this.#words[(at + 8) >> 2] = this.#lengths[i]!
  }

  /** Writes the address of `to` at `at`, both places in this memory. */
  #point(at: number, to: number): void {
    const address = Number(this.#at) + to // 47 bits on both machines
    this.#words[at >> 2] = address
    this.#words[(at + 4) >> 2] = address / 0x1_0000_0000
  }
}
