/**
 * Entries of one kind, bounded by number and octets. An entry is what entry.ts makes of an answer, in cells (cells.ts), and
 * a row of numbers here, found by hash in one flat table. What has to go is what was not asked for again (sieve.ts).
 *
 * The bound of octets is a share for each entry. Those beyond their share also stand in a queue of their own, and make room
 * for each other once they hold half of the octets: large replies, however many, leave the other half to small ones.
 */
import type { Answer, Query } from '../../server/plugin.ts'
import { CELL_BYTES, Cells, cellsFor } from './cells.ts'
import { type Draft, nameWords } from './entry.ts'
import { Links, Sieve } from './sieve.ts'

const SHARE_BYTES = 1024
const MIN_BYTES = 1 << 20
const SLOT_BYTES = 64 // of an entry beside its cells: columns, and its part of the table

const QUESTION = 1
const FLAGS = 2
const CELL = 3

/** Bits of a slot's flags, beside its variant. */
const VARIANT = 7
const WAS_HIT = 8
const WAS_HIT_LARGE = 16 // the same, for the queue of the large ones
const IS_RESOLVED = 32
const IS_ASKED = 64
const IS_LARGE = 128

/** What distinguishes answers to one name and type: DO, CD (RFC 4035 §3.2), and who may see addresses inside. */
export function variantOf(q: Query): number {
  return (q.dnssecOk ? 1 : 0) | (q.checkingDisabled ? 2 : 0) | (q.internal ? 4 : 0)
}

/** Hash of a query's key: name, type, variant. */
export function keyHash(q: Query, variant: number): number {
  const hash = Math.imul(q.suffixHash[0]! ^ (q.qtype << 3) ^ variant, 0x2c1b3c6d)
  return hash ^ (hash >>> 15)
}

export class Store {
  readonly #maxEntries: number
  readonly #maxBytes: number
  /** Open addressing, linear probing: slot + 1, 0 for none. */
  readonly #table: Int32Array
  readonly #mask: number

  /** What a look-up needs, side by side: hash, type and class, flags, first cell. */
  readonly #keys: Int32Array
  readonly #cells = new Cells()
  readonly #links: Links
  /** All entries, and those beyond their share once more. */
  readonly #all: Sieve
  readonly #large: Sieve
  #largeCells = 0
  /** Monotonic times in milliseconds. */
  readonly storedAtMs: Float64Array
  readonly expiresAtMs: Float64Array
  /** When an entry may be asked for again, after an attempt that failed. Memory is used as it is written. */
  readonly #retryAtMs: Float64Array
  readonly #lastHitAtMs: Float64Array
  /** Hits in a row. */
  readonly #hits: Int32Array

  /** Free slots, chained through `#links.newer`. */
  #free = -1
  #unused = 0
  count = 0
  evictions = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = Math.max(MIN_BYTES, maxEntries * SHARE_BYTES)
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, maxEntries * 2)))
    this.#table = new Int32Array(size)
    this.#mask = size - 1
    this.#keys = new Int32Array(maxEntries * 4)
    this.#links = new Links(maxEntries)
    this.#all = new Sieve(this.#links, { numbers: this.#keys, offset: FLAGS, bit: WAS_HIT })
    this.#large = new Sieve(new Links(maxEntries), { numbers: this.#keys, offset: FLAGS, bit: WAS_HIT_LARGE })
    this.storedAtMs = new Float64Array(maxEntries)
    this.expiresAtMs = new Float64Array(maxEntries)
    this.#retryAtMs = new Float64Array(maxEntries)
    this.#lastHitAtMs = new Float64Array(maxEntries)
    this.#hits = new Int32Array(maxEntries)
  }

  /** What the entries take. */
  get bytes(): number {
    return this.#cells.used * CELL_BYTES + this.count * SLOT_BYTES
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
      if (keys[key] !== hash || keys[key + QUESTION] !== question || (keys[key + FLAGS]! & VARIANT) !== variant)
        continue
      if (this.#cells.hasAfterFirst(keys[key + CELL]!, q.qnameWords, nameWords(q))) return slot
    }
  }

  /** Makes the entry in a slot, found for `q`, the answer to it: its image is a copy, which nothing here changes. */
  load(slot: number, q: Query): Answer {
    const cell = this.#keys[(slot << 2) + CELL]!
    const a = q.answer.reset()
    const octets = this.#cells.firstWord(cell)
    this.#cells.read(cell, 1 + nameWords(q), a.image.room(octets), (octets + 3) >> 2)
    return a.openImage(q, octets)
  }

  /** Notes that the entry was of use. */
  touch(slot: number): void {
    this.#keys[(slot << 2) + FLAGS]! |= WAS_HIT | WAS_HIT_LARGE
  }

  /** True if the entry says something about its name. */
  isResolved(slot: number): boolean {
    return (this.#keys[(slot << 2) + FLAGS]! & IS_RESOLVED) !== 0
  }

  /** True while an entry is being asked for again. */
  isAsked(slot: number): boolean {
    return (this.#keys[(slot << 2) + FLAGS]! & IS_ASKED) !== 0
  }

  setAsked(slot: number, isAsked: boolean): void {
    if (isAsked) this.#keys[(slot << 2) + FLAGS]! |= IS_ASKED
    else this.#keys[(slot << 2) + FLAGS]! &= ~IS_ASKED
  }

  mayRetry(slot: number, nowMs: number): boolean {
    return nowMs >= this.#retryAtMs[slot]!
  }

  retryAt(slot: number, atMs: number): void {
    this.#retryAtMs[slot] = atMs
  }

  /** Counts a hit. Returns how many there were in a row, with no more than `gapMs` between two. */
  countHit(slot: number, nowMs: number, gapMs: number): number {
    const isInRow = nowMs - this.#lastHitAtMs[slot]! < gapMs
    this.#lastHitAtMs[slot] = nowMs
    this.#hits[slot] = isInRow ? this.#hits[slot]! + 1 : 1
    return this.#hits[slot]!
  }

  /** Stores an entry, in the place of the one for the same key if there is one. Hits are counted on. */
  put(q: Query, hash: number, variant: number, draft: Draft, nowMs: number, lifetimeMs: number): void {
    let slot = this.find(q, hash, variant)
    const bytes = cellsFor(draft.wordCount) * CELL_BYTES
    if (this.#maxEntries === 0 || bytes > this.#maxBytes / 4) {
      if (slot >= 0) this.remove(slot)
      return
    }
    if (slot >= 0) this.#empty(slot)
    this.#makeRoom(slot, bytes)
    if (slot < 0) slot = this.#add(q, hash)
    const key = slot << 2
    const wasHit = this.#keys[key + FLAGS]! & (WAS_HIT | WAS_HIT_LARGE)
    this.#keys[key + FLAGS] = variant | wasHit | (draft.isResolved ? IS_RESOLVED : 0)
    if (bytes + SLOT_BYTES > SHARE_BYTES) {
      this.#keys[key + FLAGS]! |= IS_LARGE
      this.#large.enter(slot)
      this.#largeCells += bytes / CELL_BYTES
    }
    this.#keys[key + CELL] = this.#cells.write(draft.words, draft.wordCount)
    this.storedAtMs[slot] = nowMs
    this.expiresAtMs[slot] = nowMs + lifetimeMs
    if (this.#retryAtMs[slot] !== 0) this.#retryAtMs[slot] = 0
  }

  /** Forgets the entry of a slot. */
  remove(slot: number): void {
    this.#empty(slot)
    this.#leaveTable(slot)
    this.#all.leave(slot)
    this.#links.newer[slot] = this.#free
    this.#free = slot
    this.count--
  }

  /** Gives back the cells of a slot's entry. */
  #empty(slot: number): void {
    const freed = this.#cells.free(this.#keys[(slot << 2) + CELL]!)
    if ((this.#keys[(slot << 2) + FLAGS]! & IS_LARGE) === 0) return
    this.#large.leave(slot)
    this.#largeCells -= freed
  }

  /** Makes room for so many octets in a slot, whose entry is gone, or in a new one if it is -1. */
  #makeRoom(slot: number, bytes: number): void {
    const whole = slot < 0 ? bytes + SLOT_BYTES : bytes
    while (this.bytes + whole > this.#maxBytes) {
      const isLarge = this.#largeCells * CELL_BYTES > this.#maxBytes / 2
      this.#evict(isLarge ? this.#large.next(-1) : this.#all.next(slot))
    }
    if (slot < 0 && this.count >= this.#maxEntries) this.#evict(this.#all.next(-1))
  }

  #evict(slot: number): void {
    this.remove(slot)
    this.evictions++
  }

  /** A slot for a key that has none yet, in the table and in the queue. */
  #add(q: Query, hash: number): number {
    let slot = this.#free
    if (slot < 0) slot = this.#unused++
    else this.#free = this.#links.newer[slot]!
    const key = slot << 2
    this.#keys[key] = hash
    this.#keys[key + QUESTION] = q.qtype | (q.qclass << 16)
    this.#keys[key + FLAGS] = 0
    if (this.#hits[slot] !== 0) this.#hits[slot] = 0
    let at = hash & this.#mask
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask
    this.#table[at] = slot + 1
    this.#all.enter(slot)
    this.count++
    return slot
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
}
