/**
 * One big block of memory, cut into blocks by size class: the index lives in it, so that an endpoint costs tens of octets,
 * the garbage collector has nothing to walk, and other threads can read the same memory. Knows nothing of what it holds.
 *
 * A block is known by its offset in octets, always a multiple of 4 and never 0; the word before it holds its class.
 * Freed blocks rest until the work at hand is done (`reclaim`), here and in all threads that read along (readers.ts), for
 * an answer may still point into them. One thread writes. A block is complete before its place is stored anywhere, and seen to
 * be (`publish`): who reads the place and then the block needs no more, for a load waits for the address it needs, on any
 * processor.
 */
import type { Readers } from './readers.ts'
import { Seqlock, storeLast } from './seqlock.ts'

/** Address space, not memory: pages are resident once they are written. */
const RESERVED_BYTES = 1 << 28
const MAX_BYTES = 2 ** 31 - 8 // offsets are signed 32-bit numbers
const STEP_BYTES = 8
const FINE_BYTES = 1024 // classes in steps of 8 octets up to here, then eight classes to each doubling
const FINE_CLASSES = FINE_BYTES / STEP_BYTES
const CLASSES = FINE_CLASSES + 8 * 21
/** So much may rest for a thread that does not answer, or half of what is in use where that is more. */
const REST_BYTES = 1 << 24

/** Words at the start that belong to fixed owners, such as the places of tables. Word 0 is unused: offset 0 is "none". */
const ROOT_WORDS = 16
const FIRST_BYTE = ROOT_WORDS * 4
/** The root word of the slab itself: how often it has moved. */
const MOVES = ROOT_WORDS - 1

export class Slab {
  /** The memory in octets and in words. Replaced when it grows: not to be kept across a write. */
  bytes: Uint8Array
  words: Int32Array
  /** Keeps looks of other threads together. */
  readonly lock: Seqlock
  /** Other threads that read the memory. */
  readers: Readers | undefined
  #top = FIRST_BYTE
  #freeBytes = 0
  readonly #free = new Int32Array(CLASSES)
  /** Freed, and not gone through `retire`; then what readers have not answered for. Both in octets, too. */
  #resting: number[] = []
  #retired: number[] = []
  #restingBytes = 0
  #timer: NodeJS.Immediate | undefined

  constructor(reservedBytes = RESERVED_BYTES, lock = new Seqlock()) {
    const memory = new SharedArrayBuffer(reservedBytes)
    this.bytes = new Uint8Array(memory)
    this.words = new Int32Array(memory)
    this.lock = lock
  }

  get memory(): SharedArrayBuffer {
    return this.bytes.buffer as SharedArrayBuffer
  }

  /** Reads the memory of another thread's slab from now on. What is written there is seen here. */
  adopt(memory: SharedArrayBuffer): void {
    this.bytes = new Uint8Array(memory)
    this.words = new Int32Array(memory)
  }

  /** The same, unless what is read is newer: news of moves may come by several ports. */
  follow(memory: SharedArrayBuffer): void {
    if (new Int32Array(memory)[MOVES]! > this.words[MOVES]!) this.adopt(memory)
  }

  /** Stores the place of a block, 0 for none, or a number that readers look at, in a word that they see. */
  publish(word: number, value: number): void {
    this.lock.change()
    storeLast(this.words, word, value)
  }

  /** Octets in use, block heads, unused ends of blocks and blocks at rest included. */
  get usedBytes(): number {
    return this.#top - FIRST_BYTE - this.#freeBytes
  }

  /** Octets that were ever in use at once: what is resident. */
  get touchedBytes(): number {
    return this.#top
  }

  /**
   * A block of at least `sizeBytes`; what is in it is undefined.
   * @throws RangeError where 2 GiB are full.
   */
  allocate(sizeBytes: number): number {
    const sizeClass = classOf(sizeBytes + 4)
    const wholeBytes = classBytes(sizeClass)
    const known = this.#free[sizeClass]!
    if (known !== 0) {
      this.#free[sizeClass] = this.words[known >> 2]!
      this.#freeBytes -= wholeBytes
      return known
    }
    if (this.#top + wholeBytes > this.bytes.length) this.#grow(this.#top + wholeBytes)
    const block = this.#top + 4
    this.words[this.#top >> 2] = sizeClass
    this.#top += wholeBytes
    return block
  }

  /** Gives a block back. Its octets stay as they are until `reclaim`. */
  free(block: number): void {
    this.#resting.push(block)
    this.#restingBytes += classBytes(this.words[(block - 4) >> 2]!)
    // What waits is answered in microtasks: by the next turn of the loop nobody points into the block any more.
    this.#timer ??= setImmediate(() => this.reclaim()).unref()
  }

  /** Gives back a block that nobody has seen. */
  freeNow(block: number): void {
    const { words } = this
    const sizeClass = words[(block - 4) >> 2]!
    words[block >> 2] = this.#free[sizeClass]!
    this.#free[sizeClass] = block
    this.#freeBytes += classBytes(sizeClass)
  }

  /** This thread is done with all that was freed: makes it available again, once other threads are, too. */
  reclaim(): void {
    if (this.#timer !== undefined) clearImmediate(this.#timer)
    this.#timer = undefined
    const { readers } = this
    if (readers !== undefined && readers.count > 0) {
      readers.pass()
      const inUse = this.usedBytes - this.#restingBytes
      if (!readers.isWaiting || this.#restingBytes <= Math.max(REST_BYTES, inUse / 2)) return
      this.#move(this.bytes.length)
    }
    this.retire()
    this.release()
  }

  /** What was freed so far is available after the next `release`. False if nothing is. */
  retire(): boolean {
    const resting = this.#resting
    this.#resting = []
    if (this.#retired.length === 0) this.#retired = resting
    else for (let i = 0; i < resting.length; i++) this.#retired.push(resting[i]!)
    return this.#retired.length > 0
  }

  /** No thread points into what was retired. */
  release(): void {
    const retired = this.#retired
    this.#retired = []
    for (let i = 0; i < retired.length; i++) {
      this.#restingBytes -= classBytes(this.words[(retired[i]! - 4) >> 2]!)
      this.freeNow(retired[i]!)
    }
  }

  /**
   * Grows while nothing is half changed, well before that must be, where other threads read along: until they hear of the new
   * memory they answer from the old one.
   */
  growAhead(): void {
    if (this.readers === undefined || this.#top < this.bytes.length - this.bytes.length / 8) return
    if (this.bytes.length < MAX_BYTES) this.#grow(this.bytes.length)
  }

  #grow(neededBytes: number): void {
    if (neededBytes > MAX_BYTES) throw new RangeError(`index of ${neededBytes} octets, expected at most ${MAX_BYTES}`)
    this.#move(Math.min(MAX_BYTES, Math.max(neededBytes, this.bytes.length * 2)))
  }

  /** Into new memory, of which nobody else knows: what was retired before is free there. */
  #move(reservedBytes: number): void {
    const memory = new SharedArrayBuffer(reservedBytes)
    const bytes = new Uint8Array(memory)
    bytes.set(this.bytes.subarray(0, this.#top))
    this.bytes = bytes
    this.words = new Int32Array(memory)
    this.words[MOVES]! += 1
    this.release()
    this.readers?.move()
  }
}

/** The smallest class whose blocks hold `wholeBytes`, head included. */
function classOf(wholeBytes: number): number {
  if (wholeBytes <= FINE_BYTES) return ((wholeBytes + STEP_BYTES - 1) >> 3) - 1
  const doubling = 21 - Math.clz32(wholeBytes - 1) // 0 for 1025 to 2048 octets
  const stepBytes = 128 * 2 ** doubling
  const steps = Math.ceil((wholeBytes - FINE_BYTES * 2 ** doubling) / stepBytes)
  return FINE_CLASSES + doubling * 8 + steps - 1
}

function classBytes(sizeClass: number): number {
  if (sizeClass < FINE_CLASSES) return (sizeClass + 1) * STEP_BYTES
  const coarse = sizeClass - FINE_CLASSES
  return (128 << (coarse >> 3)) * (8 + (coarse & 7) + 1)
}
