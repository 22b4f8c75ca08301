/**
 * The memory of batched UDP: messages, addresses and control data in slots, and the mmsghdr arrays that recvmmsg and
 * sendmmsg read (struct layouts of 64-bit Linux, the same on x86-64 and arm64). Knows layouts, makes no call.
 *
 *   mmsghdr   name 8 | name length 4, pad 4 | iovec 8 | iovec count 8 | control 8 | control length 8 | flags 4, pad 4 |
 *             message length 4, pad 4
 *   iovec     base 8 | length 8
 *   cmsghdr   length 8 | level 4 | type 4 | data: in_pktinfo  interface 4 | source 4 | destination 4
 *                                                in6_pktinfo address 16 | interface 4
 */
import { isLinkLocal, PORT_AT } from './address.ts'
import type { Ffi } from './ffi.ts'

/**
 * Messages per system call: the more, the more go one way (udp-groups.ts). At saturation 128 cost a quarter less than 64,
 * 256 another 7 %.
 */
export const BATCH = 256
/** Largest query that is read, and most octets of a reply that is written in its place. */
export const PACKET_BYTES = 4096
/** Octets of a mmsghdr. */
export const HEADER_BYTES = 64
// A slot: sockaddr 32 | control 64 | iovec to send 16 | iovec to receive 16 | message 4,096 | pad 64. An odd number of
// cache lines, so that the beginnings of messages do not compete for the same lines of the cache.
const CONTROL_AT = 32
const SEND_IOVEC_AT = 96
const RECEIVE_IOVEC_AT = 112
const PACKET_AT = 128
const SLOT_BYTES = PACKET_AT + PACKET_BYTES + 64

/** Where what `keep` copies has the pktinfo, behind the sockaddr. */
export const INFO_IN_KEPT = 28
export const KEPT_BYTES = 48 // few enough to live in V8's own heap

const CONTROL_DATA_AT = 16
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const IPPROTO_IPV6 = 41
const IPV6_PKTINFO = 50
const MSG_TRUNC = 0x20

/** Octets of pktinfo by family, and of a control buffer that holds it. */
const infoBytes = (family: 4 | 6) => (family === 4 ? 12 : 20)
const controlBytes = (family: 4 | 6) => (family === 4 ? 32 : 40)

export class Arena {
  readonly bytes: Uint8Array
  /** Address of the headers to receive with; those to send with follow. */
  readonly receiveHeaders: bigint
  readonly sendHeaders: bigint
  readonly family: 4 | 6
  readonly #withInfo: boolean
  readonly #words: Uint32Array
  readonly #halves: Uint16Array
  readonly #base: bigint
  readonly #sendAt = BATCH * HEADER_BYTES
  readonly #slotsAt = BATCH * HEADER_BYTES * 2
  /** Whose slot the send header points to. */
  readonly #slotOf = new Int32Array(BATCH).fill(-1)
  /** Addresses of the slots' iovecs to send, lower word first. */
  readonly #sendIovecs = new Uint32Array(BATCH * 2)

  constructor(ffi: Ffi, family: 4 | 6, withInfo: boolean) {
    const memory = new ArrayBuffer(this.#slotsAt + BATCH * SLOT_BYTES)
    this.family = family
    this.#withInfo = withInfo
    this.bytes = new Uint8Array(memory)
    this.#words = new Uint32Array(memory)
    this.#halves = new Uint16Array(memory)
    this.#base = ffi.addressOf(memory)
    this.receiveHeaders = this.#base
    this.sendHeaders = this.#base + BigInt(this.#sendAt)
    for (let i = 0; i < BATCH; i++) {
      this.#writeReceiveHeader(i)
      this.#point(i, i)
    }
  }

  /** Where slot `i` has its message. */
  packetAt(i: number): number {
    return this.#slotsAt + i * SLOT_BYTES + PACKET_AT
  }

  /** Where slot `i` has its sockaddr, and its pktinfo. */
  nameAt(i: number): number {
    return this.#slotsAt + i * SLOT_BYTES
  }
  infoAt(i: number): number {
    return this.#slotsAt + i * SLOT_BYTES + CONTROL_AT + CONTROL_DATA_AT
  }

  /** Makes the first `count` receive headers ready again: the kernel wrote into them. */
  rearm(count: number): void {
    if (!this.#withInfo) return // all else that it writes is what stood there
    const length = controlBytes(this.family)
    for (let i = 0; i < count; i++) this.#words[(i * HEADER_BYTES + 40) >> 2] = length
  }

  /** Octets of the message that slot `i` received; -1 if it was longer than the slot. */
  receivedLength(i: number): number {
    const header = i * HEADER_BYTES
    const length = this.#words[(header + 56) >> 2]!
    return length === PACKET_BYTES && (this.#words[(header + 48) >> 2]! & MSG_TRUNC) !== 0 ? -1 : length
  }

  /** False for port 0, which nobody can be answered at. */
  hasPort(i: number): boolean {
    return this.#halves[(this.nameAt(i) + PORT_AT) >> 1] !== 0
  }

  /** Makes send header `to` send the first `octets` of slot `i` back to where it came from. */
  reply(to: number, i: number, octets: number): void {
    if (this.#slotOf[to] !== i) this.#point(to, i)
    this.#words[(this.nameAt(i) + SEND_IOVEC_AT + 8) >> 2] = octets
    if (this.#withInfo) this.#words[(this.#sendAt + to * HEADER_BYTES + 40) >> 2] = this.#sourceFromInfo(i)
  }

  /**
   * Turns the pktinfo that came with a message into the one that names the reply's source: the interface is left to
   * routing, except for link-local addresses. Returns the octets of control data, 0 where there is nothing to name.
   */
  #sourceFromInfo(i: number): number {
    const at = this.infoAt(i)
    const words = this.#words
    const level = words[(at - 8) >> 2]
    const type = words[(at - 4) >> 2]
    if (this.family === 4) {
      if (level !== IPPROTO_IP || type !== IP_PKTINFO) return 0
      words[at >> 2] = 0
      return controlBytes(4)
    }
    if (level !== IPPROTO_IPV6 || type !== IPV6_PKTINFO || this.bytes[at] === 0xff) return 0 // nor a multicast group
    if (!isLinkLocal(this.bytes, at)) words[(at + 16) >> 2] = 0
    return controlBytes(6)
  }

  /** Octets of reply `to`, as `reply` set them. */
  octetsOf(to: number): number {
    return this.#words[(this.nameAt(this.#slotOf[to]!) + SEND_IOVEC_AT + 8) >> 2]!
  }

  /** True if two replies go to one address and port, and come from one address. */
  goSameWay(one: number, other: number): boolean {
    const words = this.#words
    const a = this.nameAt(this.#slotOf[one]!) >> 2
    const b = this.nameAt(this.#slotOf[other]!) >> 2
    const nameWords = this.family === 4 ? 2 : 7
    for (let i = 0; i < nameWords; i++) if (words[a + i] !== words[b + i]) return false
    if (!this.#withInfo) return true
    const end = (CONTROL_AT + controlBytes(this.family)) >> 2
    for (let i = CONTROL_AT >> 2; i < end; i++) if (words[a + i] !== words[b + i]) return false
    return true
  }

  /** A hash of where reply `to` goes. */
  wayHash(to: number): number {
    const at = this.nameAt(this.#slotOf[to]!) >> 2
    const words = this.#words
    return Math.imul(words[at]! ^ words[at + (this.family === 4 ? 1 : 5)]!, 0x85ebca6b)
  }

  /** Copies the send header of reply `to`, as `reply` made it, to word `at` of `into`. */
  copySendHeader(to: number, into: Uint32Array, at: number): void {
    const from = (this.#sendAt + to * HEADER_BYTES) >> 2
    for (let i = 0; i < HEADER_BYTES >> 2; i++) into[at + i] = this.#words[from + i]!
  }

  /** Copies the iovec of reply `to`. */
  copyVector(to: number, into: Uint32Array, at: number): void {
    const from = (this.nameAt(this.#slotOf[to]!) + SEND_IOVEC_AT) >> 2
    for (let i = 0; i < 4; i++) into[at + i] = this.#words[from + i]!
  }

  /** Copies the first `octets` of the control data of reply `to`. */
  copyControl(to: number, into: Uint32Array, at: number, octets: number): void {
    const from = (this.nameAt(this.#slotOf[to]!) + CONTROL_AT) >> 2
    for (let i = 0; i < octets >> 2; i++) into[at + i] = this.#words[from + i]!
  }

  /** Writes a message into slot `i` for whom `kept` was copied; it goes out with `reply`. */
  fill(i: number, kept: Uint8Array, message: Uint8Array, at: number, length: number): void {
    const { bytes, family } = this
    const slot = this.nameAt(i)
    const info = this.infoAt(i)
    for (let octet = 0; octet < INFO_IN_KEPT; octet++) bytes[slot + octet] = kept[octet]!
    const infoEnd = infoBytes(family)
    for (let octet = 0; octet < infoEnd; octet++) bytes[info + octet] = kept[INFO_IN_KEPT + octet]!
    this.#words[(info - 16) >> 2] = CONTROL_DATA_AT + infoBytes(family)
    this.#words[(info - 8) >> 2] = family === 4 ? IPPROTO_IP : IPPROTO_IPV6
    this.#words[(info - 4) >> 2] = family === 4 ? IP_PKTINFO : IPV6_PKTINFO
    const packet = slot + PACKET_AT
    for (let octet = 0; octet < length; octet++) bytes[packet + octet] = message[at + octet]!
  }

  /** Copies what must be remembered of slot `i` to answer later: sockaddr and pktinfo. */
  keep(i: number, kept: Uint8Array = new Uint8Array(KEPT_BYTES)): Uint8Array {
    const name = this.nameAt(i)
    for (let at = 0; at < INFO_IN_KEPT; at++) kept[at] = this.bytes[name + at]!
    if (!this.#withInfo) return kept
    const info = this.infoAt(i) - INFO_IN_KEPT
    for (let at = INFO_IN_KEPT; at < KEPT_BYTES; at++) kept[at] = this.bytes[info + at]!
    return kept
  }

  /** The send headers from number `i` on. */
  sendHeadersFrom(i: number): bigint {
    return this.sendHeaders + BigInt(i * HEADER_BYTES)
  }

  #writeReceiveHeader(i: number): void {
    const header = i * HEADER_BYTES
    const slot = this.nameAt(i)
    this.#pointer(header, slot)
    this.#words[(header + 8) >> 2] = this.family === 4 ? 16 : 28
    this.#pointer(header + 16, slot + RECEIVE_IOVEC_AT)
    this.#words[(header + 24) >> 2] = 1
    this.#pointer(slot + RECEIVE_IOVEC_AT, slot + PACKET_AT)
    this.#words[(slot + RECEIVE_IOVEC_AT + 8) >> 2] = PACKET_BYTES
    this.#pointer(slot + SEND_IOVEC_AT, slot + PACKET_AT)
    this.#sendIovecs.set(this.#address(slot + SEND_IOVEC_AT), i * 2)
    if (!this.#withInfo) return
    this.#pointer(header + 32, slot + CONTROL_AT)
    this.#words[(header + 40) >> 2] = controlBytes(this.family)
  }

  /** Makes send header `to` that of slot `i`: address and control as in its receive header, and its own iovec. */
  #point(to: number, i: number): void {
    const words = this.#words
    const from = (i * HEADER_BYTES) >> 2
    const header = (this.#sendAt + to * HEADER_BYTES) >> 2
    words[header] = words[from]!
    words[header + 1] = words[from + 1]!
    words[header + 2] = words[from + 2]!
    words[header + 4] = this.#sendIovecs[i * 2]!
    words[header + 5] = this.#sendIovecs[i * 2 + 1]!
    words[header + 6] = 1
    words[header + 8] = words[from + 8]!
    words[header + 9] = words[from + 9]!
    this.#slotOf[to] = i
  }

  #pointer(at: number, target: number): void {
    this.#words.set(this.#address(target), at >> 2)
  }

  /** The address of octet `at`, lower word first. */
  #address(at: number): [number, number] {
    const address = this.#base + BigInt(at)
    return [Number(address & 0xffffffffn), Number(address >> 32n)]
  }
}
