/**
 * Replies of one batch that go to one client, sent as one datagram that the kernel cuts (UDP_SEGMENT, Linux 4.18): it
 * passes the network stack once, which is where the time of a reply goes. All segments have one length but the last,
 * which may be shorter: that is how the replies for A and AAAA, which resolvers ask in one breath, leave together. Headers
 * and vectors of its own point into the arena's slots; nothing is copied but control data. Layouts as in udp-arena.ts.
 */
import type { Ffi } from './ffi.ts'
import { SEGMENT_CONTROL_BYTES, writeSegmentControl } from './segments.ts'
import { type Arena, BATCH, HEADER_BYTES } from './udp-arena.ts'

const IOVEC_BYTES = 16
const CONTROL_BYTES = 64
const VECTORS_AT = BATCH * HEADER_BYTES
const CONTROLS_AT = VECTORS_AT + BATCH * IOVEC_BYTES
/** With its headers it has to fit the path: 1,280 octets are the least that IPv6 knows. */
const MAX_SEGMENT_BYTES = 1232
const MAX_GROUP_BYTES = 65_000
const MAX_SEGMENTS = 64 // UDP_MAX_SEGMENTS, later 128
const BUCKETS = 64
const NONE = -1

export class Groups {
  /** Address of the headers. */
  readonly headers: bigint
  readonly #arena: Arena
  readonly #memory = new ArrayBuffer(CONTROLS_AT + BATCH * CONTROL_BYTES)
  readonly #words = new Uint32Array(this.#memory)
  readonly #base: number
  /** The first group of each bucket: those of one client share one. */
  readonly #buckets = new Int16Array(BUCKETS)
  /** By group: its replies of one length, how many they are and how long; the shorter one behind; the bucket's next group. */
  readonly #first = new Int16Array(BATCH)
  readonly #last = new Int16Array(BATCH)
  readonly #full = new Int16Array(BATCH)
  readonly #octets = new Int16Array(BATCH)
  readonly #tail = new Int16Array(BATCH)
  readonly #nextGroup = new Int16Array(BATCH)
  /** By reply: the next one of its group and length. */
  readonly #next = new Int16Array(BATCH)
  #count = 0

  constructor(ffi: Ffi, arena: Arena) {
    this.#arena = arena
    this.headers = ffi.addressOf(this.#memory)
    this.#base = Number(this.headers)
  }

  /** Sorts the first `count` replies of the arena. Returns the number of groups: `count` if all are alone. */
  form(count: number): number {
    this.#buckets.fill(NONE)
    this.#count = 0
    for (let i = 0; i < count; i++) this.#add(i)
    if (this.#count < count) this.#lay()
    return this.#count
  }

  /** How many replies group `i` has. */
  sizeOf(i: number): number {
    return this.#full[i]! + (this.#tail[i] === NONE ? 0 : 1)
  }

  /** The address of the headers from group `i` on. */
  headersFrom(i: number): bigint {
    return this.headers + BigInt(i * HEADER_BYTES)
  }

  /** The replies of the groups from number `from` on. */
  *repliesFrom(from: number): Generator<number> {
    for (let group = from; group < this.#count; group++) {
      for (let i = this.#first[group]!; i !== NONE; i = this.#next[i]!) yield i
      if (this.#tail[group] !== NONE) yield this.#tail[group]!
    }
  }

  /** Finds reply `i` the place that costs no message of its own, if there is one. */
  #add(i: number): void {
    const arena = this.#arena
    const octets = arena.octetsOf(i)
    const bucket = Math.imul(arena.wayHash(i), 0x9e3779b1) >>> 26
    this.#next[i] = NONE
    let longer = NONE
    let shorter = NONE
    let twin = NONE
    if (octets <= MAX_SEGMENT_BYTES) {
      for (let group = this.#buckets[bucket]!; group !== NONE; group = this.#nextGroup[group]!) {
        const of = this.#octets[group]!
        if (of > MAX_SEGMENT_BYTES || !arena.goSameWay(this.#first[group]!, i)) continue
        if (of === octets && this.#hasRoom(group, octets)) {
          this.#next[this.#last[group]!] = i
          this.#last[group] = i
          this.#full[group]!++
          return
        }
        const tail = this.#tail[group]!
        if (tail !== NONE) {
          if (arena.octetsOf(tail) === octets) twin = group
        } else if (of > octets && this.#hasRoom(group, octets)) longer = group
        else if (of < octets && this.#full[group] === 1) shorter = group
      }
    }
    if (twin !== NONE) {
      const tail = this.#tail[twin]!
      this.#tail[twin] = NONE
      this.#begin(tail, octets, bucket)
      this.#next[tail] = i
      this.#last[this.#count - 1] = i
      this.#full[this.#count - 1] = 2
    } else if (longer !== NONE) this.#tail[longer] = i
    else if (shorter !== NONE) {
      this.#tail[shorter] = this.#first[shorter]!
      this.#first[shorter] = i
      this.#last[shorter] = i
      this.#octets[shorter] = octets
    } else this.#begin(i, octets, bucket)
  }

  #hasRoom(group: number, octets: number): boolean {
    const size = this.sizeOf(group) + 1
    return size <= MAX_SEGMENTS && size * Math.max(octets, this.#octets[group]!) <= MAX_GROUP_BYTES
  }

  #begin(i: number, octets: number, bucket: number): void {
    const group = this.#count++
    this.#first[group] = i
    this.#last[group] = i
    this.#full[group] = 1
    this.#octets[group] = octets
    this.#tail[group] = NONE
    this.#nextGroup[group] = this.#buckets[bucket]!
    this.#buckets[bucket] = group
  }

  #lay(): void {
    const arena = this.#arena
    const words = this.#words
    let vector = 0
    for (let group = 0; group < this.#count; group++) {
      const first = this.#first[group]!
      const header = (group * HEADER_BYTES) >> 2
      arena.copySendHeader(first, words, header)
      const size = this.sizeOf(group)
      if (size === 1) continue
      this.#point(header + 4, VECTORS_AT + vector * IOVEC_BYTES)
      words[header + 6] = size
      for (let i = first; i !== NONE; i = this.#next[i]!) {
        arena.copyVector(i, words, (VECTORS_AT + vector++ * IOVEC_BYTES) >> 2)
      }
      const tail = this.#tail[group]!
      if (tail !== NONE) arena.copyVector(tail, words, (VECTORS_AT + vector++ * IOVEC_BYTES) >> 2)
      this.#layControl(group, first, header)
    }
  }

  /** Where the reply comes from, if that is told, and how long a segment is. */
  #layControl(group: number, first: number, header: number): void {
    const at = CONTROLS_AT + group * CONTROL_BYTES
    const words = this.#words
    const infoBytes = words[header + 10]!
    this.#arena.copyControl(first, words, at >> 2, infoBytes)
    writeSegmentControl(words, (at + infoBytes) >> 2, this.#octets[group]!)
    this.#point(header + 8, at)
    words[header + 10] = infoBytes + SEGMENT_CONTROL_BYTES
  }

  #point(word: number, target: number): void {
    const address = this.#base + target // 47 bits on both machines
    this.#words[word] = address
    this.#words[word + 1] = address / 0x1_0000_0000
  }
}
