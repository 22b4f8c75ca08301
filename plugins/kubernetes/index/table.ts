/**
 * A hash table in the slab: hash → blocks. Open addressing with linear probing; equal hashes may stand several times, and
 * whether a block is the one that is sought only its owner can tell:
 *
 *   for (let slot = table.first(hash); slot !== 0; slot = table.next(slot, hash)) if (isIt(table.block(slot))) …
 *
 * In the slab: capacity - 1, live entries, used slots (graves included), unused; then pairs of hash and block.
 */
import { storeLast } from './seqlock.ts'
import type { Slab } from './slab.ts'

const EMPTY = 0
const GRAVE = -1
const HEAD_WORDS = 4
const MIN_CAPACITY = 16

export class Table {
  readonly #slab: Slab
  /** The root word that holds the table's place. */
  readonly #root: number
  /** How often all entries changed their places. */
  rebuilds = 0

  constructor(slab: Slab, root: number) {
    this.#slab = slab
    this.#root = root
    slab.words[root] = this.#make(MIN_CAPACITY)
  }

  get live(): number {
    const { words } = this.#slab
    return words[(words[this.#root]! >> 2) + 1]!
  }

  /** The first slot with this hash, 0 if there is none. */
  first(hash: number): number {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    return probe(words, table, (hash ^ (hash >>> 16)) & words[table]!, hash)
  }

  /** The next slot with this hash, 0 if there is none. */
  next(slot: number, hash: number): number {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    return probe(words, table, (((slot - table - HEAD_WORDS) >> 1) + 1) & words[table]!, hash)
  }

  /** The block of a slot; 0 where it was removed since by another thread. */
  block(slot: number): number {
    const block = this.#slab.words[slot + 1]!
    return Math.max(0, block)
  }

  /** Puts another block of the same hash into a slot: one store, so that a reader sees the old or the new one. */
  setBlock(slot: number, block: number): void {
    this.#slab.publish(slot + 1, block)
  }

  /** How many places for entries there are, empty ones among them. */
  get places(): number {
    const { words } = this.#slab
    return words[words[this.#root]! >> 2]! + 1
  }

  /** The block at a place, counted from 0; 0 if there is none. */
  blockAt(place: number): number {
    const { words } = this.#slab
    return Math.max(0, words[(words[this.#root]! >> 2) + HEAD_WORDS + 2 * place + 1]!)
  }

  /** All blocks for which `word` of them is not `value`, in no order. */
  unlike(word: number, value: number): number[] {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    const end = table + HEAD_WORDS + 2 * (words[table]! + 1)
    const found: number[] = []
    for (let slot = table + HEAD_WORDS; slot < end; slot += 2) {
      const block = words[slot + 1]!
      if (block > 0 && words[(block >> 2) + word] !== value) found.push(block)
    }
    return found
  }

  /** The hashes of all entries, in no order: they can be looked up again later, while blocks come and go. */
  hashes(): Int32Array {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    const end = table + HEAD_WORDS + 2 * (words[table]! + 1)
    const found = new Int32Array(this.live)
    let count = 0
    for (let slot = table + HEAD_WORDS; slot < end; slot += 2) if (words[slot + 1]! > 0) found[count++] = words[slot]!
    return found
  }

  /** Makes room for so many entries: whoever inserts them changes nothing for long. */
  reserve(entries: number): void {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    if ((words[table + 2]! + entries) * 4 > (words[table]! + 1) * 3) this.#rebuild(entries)
  }

  insert(hash: number, block: number): void {
    this.reserve(1)
    this.#slab.lock.change()
    const { words } = this.#slab
    put(words, words[this.#root]! >> 2, hash, block)
  }

  /** Removes the block, which must be there. */
  remove(hash: number, block: number): void {
    const { words } = this.#slab
    const table = words[this.#root]! >> 2
    let slot = this.first(hash)
    while (slot !== 0 && words[slot + 1] !== block) slot = this.next(slot, hash)
    if (slot === 0) return
    this.#slab.publish(slot + 1, GRAVE)
    words[table + 1]! -= 1
    const capacity = words[table]! + 1
    if (capacity > MIN_CAPACITY && words[table + 1]! * 8 < capacity) this.#rebuild(0)
  }

  /** Copies the live entries into a new table, of a capacity that fits them and as many more, and swaps it in. */
  #rebuild(entries: number): void {
    const old = this.#slab.words[this.#root]!
    let capacity = MIN_CAPACITY
    while (capacity < this.live * 2 || capacity < this.live + entries * 2) capacity *= 2
    const made = this.#make(capacity)
    const { words } = this.#slab
    const from = old >> 2
    const end = from + HEAD_WORDS + 2 * (words[from]! + 1)
    for (let slot = from + HEAD_WORDS; slot < end; slot += 2) {
      if (words[slot + 1]! > 0) put(words, made >> 2, words[slot]!, words[slot + 1]!)
    }
    this.#slab.publish(this.#root, made)
    this.rebuilds++
    this.#slab.free(old)
  }

  #make(capacity: number): number {
    const block = this.#slab.allocate((HEAD_WORDS + 2 * capacity) * 4)
    const at = block >> 2
    const { words } = this.#slab
    words.fill(0, at, at + HEAD_WORDS + 2 * capacity)
    words[at] = capacity - 1
    return block
  }
}

function probe(words: Int32Array, table: number, from: number, hash: number): number {
  const mask = words[table]!
  for (let i = from; ; i = (i + 1) & mask) {
    const slot = table + HEAD_WORDS + 2 * i
    const block = words[slot + 1]!
    if (block === EMPTY) return 0
    if (words[slot] === hash && block !== GRAVE) return slot
  }
}

function put(words: Int32Array, table: number, hash: number, block: number): void {
  const mask = words[table]!
  let i = (hash ^ (hash >>> 16)) & mask
  while (words[table + HEAD_WORDS + 2 * i + 1]! > 0) i = (i + 1) & mask
  const slot = table + HEAD_WORDS + 2 * i
  if (words[slot + 1] === EMPTY) words[table + 2]! += 1
  words[slot] = hash
  storeLast(words, slot + 1, block) // last: a slot is seen once its block is there
  words[table + 1]! += 1
}
