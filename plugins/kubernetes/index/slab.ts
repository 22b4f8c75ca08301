/**
 * One big block of memory, cut into blocks by size class: the index lives in it, so that an endpoint costs tens of octets,
 * the garbage collector has nothing to walk, and other threads can read the same memory. Knows nothing of what it holds.
 *
 * A block is known by its offset in octets, always a multiple of 4 and never 0; the word before it holds its class.
 * Freed blocks rest until the work at hand is done (`reclaim`), for an answer may still point into them.
 */

/** Address space, not memory: pages are resident once they are written. */
const RESERVED_BYTES = 1 << 28
const MAX_BYTES = 2 ** 31 - 8 // offsets are signed 32-bit numbers
const STEP_BYTES = 8
const FINE_BYTES = 1024 // classes in steps of 8 octets up to here, then eight classes to each doubling
const FINE_CLASSES = FINE_BYTES / STEP_BYTES
const CLASSES = FINE_CLASSES + 8 * 21

/** Words at the start that belong to fixed owners, such as the places of tables. Word 0 is unused: offset 0 is "none". */
const ROOT_WORDS = 16
const FIRST_BYTE = ROOT_WORDS * 4

export class Slab {
  /** The memory in octets and in words. Replaced when it grows: not to be kept across a write. */
  bytes: Uint8Array
  words: Int32Array
  #top = FIRST_BYTE
  #freeBytes = 0
  readonly #free = new Int32Array(CLASSES)
  #resting: number[] = []
  #timer: NodeJS.Immediate | undefined

  constructor(reservedBytes = RESERVED_BYTES) {
    const memory = new SharedArrayBuffer(reservedBytes)
    this.bytes = new Uint8Array(memory)
    this.words = new Int32Array(memory)
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

  /** Makes all that was freed available again. */
  reclaim(): void {
    if (this.#timer !== undefined) clearImmediate(this.#timer)
    this.#timer = undefined
    const resting = this.#resting
    this.#resting = []
    for (let i = 0; i < resting.length; i++) this.freeNow(resting[i]!)
  }

  #grow(neededBytes: number): void {
    if (neededBytes > MAX_BYTES) throw new RangeError(`index of ${neededBytes} octets, expected at most ${MAX_BYTES}`)
    const memory = new SharedArrayBuffer(Math.min(MAX_BYTES, Math.max(neededBytes, this.bytes.length * 2)))
    const bytes = new Uint8Array(memory)
    bytes.set(this.bytes.subarray(0, this.#top))
    this.bytes = bytes
    this.words = new Int32Array(memory)
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
