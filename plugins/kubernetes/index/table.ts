/**
 * A hash table in the slab: hash → blocks. Equal hashes may stand several times, and whether a block is the one that is
 * sought only its owner can tell:
 *
 *   for (let slot = table.first(hash); slot !== 0; slot = table.next(slot, hash)) if (isIt(table.block(slot))) …
 *
 * It grows by parts, so that no change takes long (extendible hashing): a part has the entries whose hashes begin with the same
 * bits, of which there is at least one, and where it is full it becomes two. The directory leads from these bits to the part; where two of its
 * words lead to one part, that begins with fewer bits. A part is a table of its own, with open addressing and linear
 * probing. Parts are never joined again, but each becomes smaller as it empties.
 *
 *   directory  32 - bits, then the place of a part for each combination of the bits
 *   part       capacity - 1, live entries, used slots (graves included), bits that it begins with; then pairs of hash and block
 */
import { storeLast } from './seqlock.ts'
import type { Slab } from './slab.ts'

const EMPTY = 0
const GRAVE = -1
const HEAD_WORDS = 4
const MIN_CAPACITY = 16
/** To divide such a part takes some 20 µs. */
const MAX_CAPACITY = 2048
/** Parts that begin with so many bits grow instead. */
const MAX_BITS = 20
/** Of hashes as numbers without a sign. */
const END = 2 ** 32

export class Table {
  readonly #slab: Slab
  /** The root word that holds the directory's place. */
  readonly #root: number
  readonly #maxCapacity: number
  /** How many entries there are; known to who writes alone. */
  live = 0

  constructor(slab: Slab, root: number, maxCapacity = MAX_CAPACITY) {
    this.#slab = slab
    this.#root = root
    this.#maxCapacity = maxCapacity
    const directory = slab.allocate(12)
    const parts = [this.#make(MIN_CAPACITY, 1), this.#make(MIN_CAPACITY, 1)]
    slab.words.set([31, ...parts], directory >> 2)
    slab.words[root] = directory
  }

  /** The first slot with this hash, 0 if there is none. */
  first(hash: number): number {
    const { words } = this.#slab
    const part = this.#partOf(words, hash)
    return probe(words, part, (hash ^ (hash >>> 16)) & words[part]!, hash)
  }

  /** The next slot with this hash, 0 if there is none. */
  next(slot: number, hash: number): number {
    const { words } = this.#slab
    const part = this.#partOf(words, hash)
    return probe(words, part, (((slot - part - HEAD_WORDS) >> 1) + 1) & words[part]!, hash)
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

  /** All blocks for which `word` of them is not `value`, in no order. */
  unlike(word: number, value: number): number[] {
    const { words } = this.#slab
    const found: number[] = []
    for (let from = 0; from < END; from = this.#after(from)) {
      const part = this.#partAt(from)
      const end = part + HEAD_WORDS + 2 * (words[part]! + 1)
      for (let slot = part + HEAD_WORDS; slot < end; slot += 2) {
        const block = words[slot + 1]!
        if (block > 0 && words[(block >> 2) + word] !== value) found.push(block)
      }
    }
    return found
  }

  /**
   * The hash of each entry, some hundreds at a time, in no order: they can be looked up while blocks come and go. An entry that
   * comes meanwhile may be missing, one that stays is not.
   */
  *hashes(): Generator<Int32Array> {
    for (let from = 0; from < END; ) {
      const { words } = this.#slab
      const part = this.#partAt(from)
      from = this.#after(from) // who takes the next ones may come late: what begins there does so for ever
      const end = part + HEAD_WORDS + 2 * (words[part]! + 1)
      const found = new Int32Array(words[part + 1]!)
      let count = 0
      for (let slot = part + HEAD_WORDS; slot < end; slot += 2) if (words[slot + 1]! > 0) found[count++] = words[slot]!
      yield found
    }
  }

  /** Makes room for an entry: whoever inserts it changes nothing for long, and memory is not full by then. */
  reserve(hash: number): void {
    let part = this.#partOf(this.#slab.words, hash)
    while (!hasRoom(this.#slab.words, part)) {
      this.#makeRoom(hash, part)
      part = this.#partOf(this.#slab.words, hash)
    }
  }

  insert(hash: number, block: number): void {
    this.reserve(hash)
    this.#slab.lock.change()
    const { words } = this.#slab
    put(words, this.#partOf(words, hash), hash, block)
    this.live++
  }

  /** Removes the block, which must be there. */
  remove(hash: number, block: number): void {
    const { words } = this.#slab
    let slot = this.first(hash)
    while (slot !== 0 && words[slot + 1] !== block) slot = this.next(slot, hash)
    if (slot === 0) return
    const part = this.#partOf(words, hash)
    this.#slab.publish(slot + 1, GRAVE)
    words[part + 1]! -= 1
    this.live--
    const capacity = words[part]! + 1
    if (capacity > MIN_CAPACITY && words[part + 1]! * 8 < capacity) this.#rebuild(hash, part)
  }

  /** Where a part begins, in words. */
  #partOf(words: Int32Array, hash: number): number {
    const directory = words[this.#root]! >> 2
    return words[directory + 1 + (hash >>> words[directory]!)]! >> 2
  }

  /** The part whose hashes begin at `from`. */
  #partAt(from: number): number {
    const { words } = this.#slab
    const directory = words[this.#root]! >> 2
    return words[directory + 1 + (from >>> words[directory]!)]! >> 2
  }

  /** Where the next one begins: nothing that is between two parts ever ceases to be. */
  #after(from: number): number {
    return from + 2 ** (32 - this.#slab.words[this.#partAt(from) + 3]!)
  }

  /** Makes a full part larger, or two of it; or one of the same size without graves. */
  #makeRoom(hash: number, part: number): void {
    const { words } = this.#slab
    const bits = words[part + 3]!
    if (capacityFor(words[part + 1]! + 1) <= this.#maxCapacity || bits === MAX_BITS) this.#rebuild(hash, part)
    else this.#divide(hash, part, bits)
  }

  /** Copies the live entries of a part into a new one, of a capacity that fits them and as many more, and swaps it in. */
  #rebuild(hash: number, part: number): void {
    const bits = this.#slab.words[part + 3]!
    const made = this.#make(capacityFor(this.#slab.words[part + 1]! + 1), bits)
    const { words } = this.#slab
    const end = part + HEAD_WORDS + 2 * (words[part]! + 1)
    for (let slot = part + HEAD_WORDS; slot < end; slot += 2) {
      if (words[slot + 1]! > 0) put(words, made >> 2, words[slot]!, words[slot + 1]!)
    }
    this.#enter(hash, bits, made)
    this.#slab.free(part << 2)
  }

  #divide(hash: number, part: number, bits: number): void {
    if (32 - this.#slab.words[this.#slab.words[this.#root]! >> 2]! === bits) this.#growDirectory()
    let ones = 0
    const shift = 31 - bits
    const isOne = (words: Int32Array, slot: number) => ((words[slot]! >>> shift) & 1) === 1
    const end = part + HEAD_WORDS + 2 * (this.#slab.words[part]! + 1)
    for (let slot = part + HEAD_WORDS; slot < end; slot += 2) {
      if (this.#slab.words[slot + 1]! > 0 && isOne(this.#slab.words, slot)) ones++
    }
    const zero = this.#make(capacityFor(this.#slab.words[part + 1]! - ones + 1), bits + 1)
    const one = this.#make(capacityFor(ones + 1), bits + 1)
    const { words } = this.#slab
    for (let slot = part + HEAD_WORDS; slot < end; slot += 2) {
      const block = words[slot + 1]!
      if (block > 0) put(words, (isOne(words, slot) ? one : zero) >> 2, words[slot]!, block)
    }
    const bit = 1 << shift
    this.#enter(hash & ~bit, bits + 1, zero)
    this.#enter(hash | bit, bits + 1, one)
    this.#slab.free(part << 2)
  }

  /** Leads all hashes that begin as this one does, with so many bits, to a part. */
  #enter(hash: number, bits: number, part: number): void {
    const { words } = this.#slab
    const directory = words[this.#root]! >> 2
    const count = 1 << (32 - words[directory]! - bits)
    const first = (hash >>> words[directory]!) & -count
    for (let i = 0; i < count; i++) this.#slab.publish(directory + 1 + first + i, part)
  }

  /** By one bit. */
  #growDirectory(): void {
    const old = this.#slab.words[this.#root]!
    const shift = this.#slab.words[old >> 2]!
    const places = 1 << (32 - shift)
    const made = this.#slab.allocate((1 + 2 * places) * 4)
    const { words } = this.#slab
    words[made >> 2] = shift - 1
    for (let i = 0; i < 2 * places; i++) words[(made >> 2) + 1 + i] = words[(old >> 2) + 1 + (i >> 1)]!
    this.#slab.publish(this.#root, made)
    this.#slab.free(old)
  }

  #make(capacity: number, bits: number): number {
    const block = this.#slab.allocate((HEAD_WORDS + 2 * capacity) * 4)
    const at = block >> 2
    const { words } = this.#slab
    words.fill(0, at, at + HEAD_WORDS + 2 * capacity)
    words[at] = capacity - 1
    words[at + 3] = bits
    return block
  }
}

function capacityFor(entries: number): number {
  let capacity = MIN_CAPACITY
  while (capacity < entries * 2) capacity *= 2
  return capacity
}

function hasRoom(words: Int32Array, part: number): boolean {
  return (words[part + 2]! + 1) * 4 <= (words[part]! + 1) * 3
}

function probe(words: Int32Array, part: number, from: number, hash: number): number {
  const mask = words[part]!
  for (let i = from; ; i = (i + 1) & mask) {
    const slot = part + HEAD_WORDS + 2 * i
    const block = words[slot + 1]!
    if (block === EMPTY) return 0
    if (words[slot] === hash && block !== GRAVE) return slot
  }
}

function put(words: Int32Array, part: number, hash: number, block: number): void {
  const mask = words[part]!
  let i = (hash ^ (hash >>> 16)) & mask
  while (words[part + HEAD_WORDS + 2 * i + 1]! > 0) i = (i + 1) & mask
  const slot = part + HEAD_WORDS + 2 * i
  if (words[slot + 1] === EMPTY) words[part + 2]! += 1
  words[slot] = hash
  storeLast(words, slot + 1, block) // last: a slot is seen once its block is there
  words[part + 1]! += 1
}
