/**
 * Memory for entries, in cells of 64 octets, chained: whatever sizes come and go, every free cell is of use for the next
 * entry, and nothing is left for the collector to walk. Memory is taken in chunks as it is needed, and given back with the
 * whole.
 *
 *   +----------+----------------------------+
 *   | next (4) | 60 octets of the entry     |  next: -1 behind the last
 *   +----------+----------------------------+
 */

export const CELL_BYTES = 64
const CELL_BITS = 4 // words of a cell: 16
const CELL_WORDS = 15 // of them an entry's
/** 4,096 cells, 256 KiB: large enough to come from the kernel page by page, as they are written. */
const CHUNK_BITS = 12
const CHUNK_CELLS = 1 << CHUNK_BITS
const IN_CHUNK = CHUNK_CELLS - 1
const NONE = -1

/** Cells for so many words of four octets. */
export function cellsFor(words: number): number {
  return Math.ceil(words / CELL_WORDS)
}

export class Cells {
  readonly #chunks: Int32Array[] = []
  /** The first of the free cells, chained as those of entries are. */
  #free = NONE
  /** Cells that were in use at some time: those behind them are untouched. */
  #touched = 0
  /** Cells in use. */
  used = 0

  /** Stores the first `count` words of `words`. Returns the first cell. */
  write(words: Int32Array, count: number): number {
    const first = this.#take()
    let cell = first
    for (let from = 0; ; ) {
      const chunk = this.#chunks[cell >> CHUNK_BITS]!
      const at = (cell & IN_CHUNK) << CELL_BITS
      const end = Math.min(count, from + CELL_WORDS)
      for (let i = from, to = at + 1; i < end; i++, to++) chunk[to] = words[i]!
      if (end === count) {
        chunk[at] = NONE
        return first
      }
      from = end
      cell = chunk[at] = this.#take()
    }
  }

  /** The first word of what is stored from a cell on. */
  firstWord(cell: number): number {
    return this.#chunks[cell >> CHUNK_BITS]![((cell & IN_CHUNK) << CELL_BITS) + 1]!
  }

  /** True if what is stored from a cell on goes on, behind its first word, with the first `count` words of `words`. */
  hasAfterFirst(cell: number, words: Int32Array, count: number): boolean {
    let chunk = this.#chunks[cell >> CHUNK_BITS]!
    let at = (cell & IN_CHUNK) << CELL_BITS
    let place = 2
    for (let i = 0; i < count; i++, place++) {
      if (place > CELL_WORDS) {
        const next = chunk[at]!
        chunk = this.#chunks[next >> CHUNK_BITS]!
        at = (next & IN_CHUNK) << CELL_BITS
        place = 1
      }
      if (chunk[at + place] !== words[i]) return false
    }
    return true
  }

  /** Copies `count` words, of what is stored from a cell on those behind the first `skipped`, to the beginning of `to`. */
  read(cell: number, skipped: number, to: Int32Array, count: number): void {
    let at = cell
    let skip = skipped
    while (skip >= CELL_WORDS) {
      at = this.#chunks[at >> CHUNK_BITS]![(at & IN_CHUNK) << CELL_BITS]!
      skip -= CELL_WORDS
    }
    for (let done = 0; ; skip = 0) {
      const chunk = this.#chunks[at >> CHUNK_BITS]!
      const begin = (at & IN_CHUNK) << CELL_BITS
      const end = Math.min(count, done + CELL_WORDS - skip)
      for (let from = begin + 1 + skip; done < end; done++, from++) to[done] = chunk[from]!
      if (done === count) return
      at = chunk[begin]!
    }
  }

  /** Frees what is stored from a cell on. Returns how many cells that was. */
  free(first: number): number {
    let last = first
    for (let freed = 1; ; freed++) {
      this.used--
      const chunk = this.#chunks[last >> CHUNK_BITS]!
      const at = (last & IN_CHUNK) << CELL_BITS
      const next = chunk[at]!
      if (next === NONE) {
        chunk[at] = this.#free
        this.#free = first
        return freed
      }
      last = next
    }
  }

  #take(): number {
    this.used++
    const cell = this.#free
    if (cell === NONE) {
      if (this.#touched >> CHUNK_BITS === this.#chunks.length) {
        this.#chunks.push(new Int32Array(CHUNK_CELLS << CELL_BITS))
      }
      return this.#touched++
    }
    this.#free = this.#chunks[cell >> CHUNK_BITS]![(cell & IN_CHUNK) << CELL_BITS]!
    return cell
  }
}
