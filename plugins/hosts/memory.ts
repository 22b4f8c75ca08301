/** Memory that grows by chunks, so that growing copies nothing: octets, and rows of numbers. Nothing of it is given back. */

const OCTETS_CHUNK = 1 << 16
const ROWS_SHIFT = 12
const ROWS_CHUNK = 1 << ROWS_SHIFT

/** Octets that are known by their place. What was added together stands in one chunk, and its parts have places too. */
export class Octets {
  readonly #chunks: Uint8Array[] = []
  /** Of the last chunk. */
  #used = OCTETS_CHUNK

  /** Copies at most 64 KiB. Returns the place, never 0. */
  add(bytes: Uint8Array, from: number, length: number): number {
    if (this.#used + length > OCTETS_CHUNK) {
      this.#used = this.#chunks.length === 0 ? 1 : 0
      this.#chunks.push(new Uint8Array(OCTETS_CHUNK))
    }
    const chunk = this.#chunks.length - 1
    const at = this.#used
    this.#chunks[chunk]!.set(bytes.subarray(from, from + length), at)
    this.#used += length
    return chunk * OCTETS_CHUNK + at
  }

  memory(place: number): Uint8Array {
    return this.#chunks[place >>> 16]!
  }

  /** Where in that memory. */
  at(place: number): number {
    return place & (OCTETS_CHUNK - 1)
  }
}

/** Rows of signed 32-bit numbers, known by their number; row 0 is none. */
export class Rows {
  readonly #words: number
  readonly #chunks: Int32Array[] = []
  #count = 1

  constructor(words: number) {
    this.#words = words
  }

  /** A row of zeros. */
  add(): number {
    const row = this.#count++
    if (row >> ROWS_SHIFT >= this.#chunks.length) this.#chunks.push(new Int32Array(ROWS_CHUNK * this.#words))
    return row
  }

  get(row: number, word: number): number {
    return this.#chunks[row >> ROWS_SHIFT]![(row & (ROWS_CHUNK - 1)) * this.#words + word]!
  }

  set(row: number, word: number, value: number): void {
    this.#chunks[row >> ROWS_SHIFT]![(row & (ROWS_CHUNK - 1)) * this.#words + word] = value
  }
}
