/**
 * Entries of one kind, bounded by number and octets. Found by hash in one flat table; what has to go is chosen by SIEVE:
 * a hand walks from the oldest entry to the newest, spares those that were hit since it came by, takes the first that was
 * not. Names that are asked once, however many, pass through without driving out those that are asked again.
 */
import type { Query } from '../../server/plugin.ts'
import { isFor } from './entry.ts'

const MEAN_ENTRY_BYTES = 1024
const MIN_BYTES = 1 << 20
const OVERHEAD_BYTES = 256 // of an entry beside its octets, roughly
const MAX_SPARED = 1024 // entries that the hand passes in one step, so that a step has an end
const NO_ENTRY = new Uint8Array(0)

const QUESTION = 1
const VARIANT = 2
const WAS_HIT = 3

/** Places among the times of a slot. */
export const STORED_AT = 0
export const EXPIRES_AT = 1
export const LAST_HIT_AT = 2
/** When a stale entry may be tried again. */
export const RETRY_AT = 3

/** What distinguishes answers to one name and type: DO and CD (RFC 4035 §3.2). */
export function variantOf(q: Query): number {
  return (q.dnssecOk ? 1 : 0) | (q.checkingDisabled ? 2 : 0)
}

/** Hash of a query's key: name, type, variant. */
export function keyHash(q: Query, variant: number): number {
  const hash = Math.imul(q.suffixHash[0]! ^ (q.qtype << 2) ^ variant, 0x2c1b3c6d)
  return hash ^ (hash >>> 15)
}

export class Store {
  readonly #maxEntries: number
  readonly #maxBytes: number
  /** Open addressing, linear probing: slot + 1, 0 for none. */
  readonly #table: Int32Array
  readonly #mask: number

  /** What a look-up compares, side by side: hash, type and class, variant; and whether the hand may take it. */
  readonly #keys: Int32Array
  /** The queue: towards the newest, towards the oldest. `#newer` also chains free slots. */
  readonly #newer: Int32Array
  readonly #older: Int32Array
  /** The entries' octets. */
  readonly entry: Uint8Array[] = []
  /** Monotonic times in milliseconds, four for each slot: see STORED_AT and those below it. */
  readonly timesMs: Float64Array
  /** Hits in a row. */
  readonly hits: Int32Array

  #newest = -1
  #oldest = -1
  #hand = -1
  #free = -1
  #unused = 0
  #bytes = 0
  count = 0
  evictions = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = Math.max(MIN_BYTES, maxEntries * MEAN_ENTRY_BYTES)
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, maxEntries * 2)))
    this.#table = new Int32Array(size)
    this.#mask = size - 1
    this.#keys = new Int32Array(maxEntries * 4)
    this.#newer = new Int32Array(maxEntries)
    this.#older = new Int32Array(maxEntries)
    this.timesMs = new Float64Array(maxEntries * 4)
    this.hits = new Int32Array(maxEntries)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The slot of the query's entry, -1 if there is none. */
  find(q: Query, hash: number, variant: number): number {
    const question = q.qtype | (q.qclass << 16)
    const table = this.#table
    const keys = this.#keys
    const mask = this.#mask
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = table[at]! - 1
      if (slot < 0) return -1
      const key = slot << 2
      if (keys[key] !== hash || keys[key + QUESTION] !== question || keys[key + VARIANT] !== variant) continue
      if (isFor(this.entry[slot]!, q)) return slot
    }
  }

  /** Notes that the entry was of use. */
  touch(slot: number): void {
    this.#keys[(slot << 2) + WAS_HIT] = 1
  }

  /** Stores an entry, in the place of the one for the same key if there is one. */
  put(q: Query, hash: number, variant: number, entry: Uint8Array, nowMs: number, lifetimeMs: number): void {
    const size = entry.length + OVERHEAD_BYTES
    if (this.#maxEntries === 0 || size > this.#maxBytes / 4) return
    let slot = this.find(q, hash, variant)
    if (slot >= 0) this.#bytes -= this.entry[slot]!.length + OVERHEAD_BYTES
    while (this.#bytes + size > this.#maxBytes || (slot < 0 && this.count === this.#maxEntries)) {
      this.#evict(slot)
    }
    if (slot < 0) {
      slot = this.#take()
      const key = slot << 2
      this.#keys[key] = hash
      this.#keys[key + QUESTION] = q.qtype | (q.qclass << 16)
      this.#keys[key + VARIANT] = variant
      this.#keys[key + WAS_HIT] = 0
      this.hits[slot] = 0
      this.timesMs[key + LAST_HIT_AT] = 0
      this.#enter(slot)
    }
    this.#bytes += size
    this.entry[slot] = entry
    const times = slot << 2
    this.timesMs[times + STORED_AT] = nowMs
    this.timesMs[times + EXPIRES_AT] = nowMs + lifetimeMs
    this.timesMs[times + RETRY_AT] = 0
  }

  /** Forgets the entry of a slot. */
  remove(slot: number): void {
    this.#bytes -= this.entry[slot]!.length + OVERHEAD_BYTES
    this.#leaveTable(slot)
    if (this.#hand === slot) this.#hand = this.#newer[slot]!
    const newer = this.#newer[slot]!
    const older = this.#older[slot]!
    if (newer < 0) this.#newest = older
    else this.#older[newer] = older
    if (older < 0) this.#oldest = newer
    else this.#newer[older] = newer
    this.entry[slot] = NO_ENTRY
    this.#newer[slot] = this.#free
    this.#free = slot
    this.count--
  }

  #take(): number {
    const slot = this.#free
    if (slot < 0) return this.#unused++
    this.#free = this.#newer[slot]!
    return slot
  }

  /** Into the table, and in front of the queue. */
  #enter(slot: number): void {
    let at = this.#keys[slot << 2]! & this.#mask
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask
    this.#table[at] = slot + 1
    this.#newer[slot] = -1
    this.#older[slot] = this.#newest
    if (this.#newest >= 0) this.#newer[this.#newest] = slot
    this.#newest = slot
    if (this.#oldest < 0) this.#oldest = slot
    this.count++
  }

  /** Takes a slot out of the table; those behind it that it had pushed on move up. */
  #leaveTable(slot: number): void {
    const mask = this.#mask
    let hole = this.#keys[slot << 2]! & mask
    while (this.#table[hole] !== slot + 1) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#keys[(this.#table[at]! - 1) << 2]! & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      this.#table[hole] = this.#table[at]!
      hole = at
    }
    this.#table[hole] = 0
  }

  /** Makes room: the next entry that was not hit since the hand came by. `spared` stays in any case. */
  #evict(spared: number): void {
    let slot = this.#hand < 0 ? this.#oldest : this.#hand
    for (
      let passed = 0;
      slot === spared || (this.#keys[(slot << 2) + WAS_HIT] === 1 && passed < MAX_SPARED);
      passed++
    ) {
      this.#keys[(slot << 2) + WAS_HIT] = 0
      slot = this.#newer[slot]! < 0 ? this.#oldest : this.#newer[slot]!
    }
    this.#hand = this.#newer[slot]!
    this.remove(slot)
    this.evictions++
  }
}
