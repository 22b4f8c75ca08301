/**
 * Replies of one batch that go to one client and have one length, sent as one datagram that the kernel cuts (UDP_SEGMENT,
 * Linux 4.18): it passes the network stack once, which is where the time of a reply goes. Headers and vectors of its own
 * point into the arena's slots; nothing is copied but control data. Layouts as in udp-arena.ts.
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
const BUCKETS = 64
const NONE = -1

export class Groups {
  /** Address of the headers. */
  readonly headers: bigint
  readonly #arena: Arena
  readonly #memory = new ArrayBuffer(CONTROLS_AT + BATCH * CONTROL_BYTES)
  readonly #words = new Uint32Array(this.#memory)
  readonly #base: number
  readonly #buckets = new Int8Array(BUCKETS)
  /** By group: its first and last reply, the number of them; the next group of the bucket. */
  readonly #first = new Int8Array(BATCH)
  readonly #last = new Int8Array(BATCH)
  readonly #size = new Int8Array(BATCH)
  readonly #nextGroup = new Int8Array(BATCH)
  /** By reply: the next one of its group. */
  readonly #next = new Int8Array(BATCH)
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
    return this.#size[i]!
  }

  /** The address of the headers from group `i` on. */
  headersFrom(i: number): bigint {
    return this.headers + BigInt(i * HEADER_BYTES)
  }

  /** The replies of the groups from number `from` on. */
  *repliesFrom(from: number): Generator<number> {
    for (let group = from; group < this.#count; group++) {
      for (let i = this.#first[group]!; i !== NONE; i = this.#next[i]!) yield i
    }
  }

  #add(i: number): void {
    const arena = this.#arena
    const octets = arena.octetsOf(i)
    const bucket = hash(arena, i, octets)
    this.#next[i] = NONE
    if (octets <= MAX_SEGMENT_BYTES) {
      for (let group = this.#buckets[bucket]!; group !== NONE; group = this.#nextGroup[group]!) {
        const first = this.#first[group]!
        const isFull = (this.#size[group]! + 1) * octets > MAX_GROUP_BYTES
        if (isFull || arena.octetsOf(first) !== octets || !arena.goSameWay(first, i)) continue
        this.#next[this.#last[group]!] = i
        this.#last[group] = i
        this.#size[group]!++
        return
      }
    }
    const group = this.#count++
    this.#first[group] = i
    this.#last[group] = i
    this.#size[group] = 1
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
      if (this.#size[group]! === 1) continue
      this.#point(header + 4, VECTORS_AT + vector * IOVEC_BYTES)
      words[header + 6] = this.#size[group]!
      for (let i = first; i !== NONE; i = this.#next[i]!) {
        arena.copyVector(i, words, (VECTORS_AT + vector++ * IOVEC_BYTES) >> 2)
      }
      this.#layControl(group, first, header)
    }
  }

  /** Where the reply comes from, if that is told, and how long a segment is. */
  #layControl(group: number, first: number, header: number): void {
    const at = CONTROLS_AT + group * CONTROL_BYTES
    const words = this.#words
    const infoBytes = words[header + 10]!
    this.#arena.copyControl(first, words, at >> 2, infoBytes)
    writeSegmentControl(words, (at + infoBytes) >> 2, this.#arena.octetsOf(first))
    this.#point(header + 8, at)
    words[header + 10] = infoBytes + SEGMENT_CONTROL_BYTES
  }

  #point(word: number, target: number): void {
    const address = this.#base + target // 47 bits on both machines
    this.#words[word] = address
    this.#words[word + 1] = address / 0x1_0000_0000
  }
}

function hash(arena: Arena, i: number, octets: number): number {
  return Math.imul(arena.wayHash(i) ^ octets, 0x9e3779b1) >>> 26
}
