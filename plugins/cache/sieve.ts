/**
 * SIEVE (Zhang et al., NSDI 2024): a queue in which nothing moves. A hand walks from the oldest slot to the newest, spares
 * those that were hit since it came by, and points at the first that was not. Slots that are asked for once, however many,
 * pass through without driving out those that are asked for again.
 */

const MAX_SPARED = 1024 // slots that the hand passes in one step, so that a step has an end

/** Whether slots were hit is a bit of a number that each of them has. */
export interface Marks {
  readonly numbers: Int32Array
  /** The number of slot i is `numbers[(i << 2) + offset]`. */
  readonly offset: number
  readonly bit: number
}

/** Neighbours of slots in a queue. */
export class Links {
  readonly newer: Int32Array
  readonly older: Int32Array

  constructor(slots: number) {
    this.newer = new Int32Array(slots)
    this.older = new Int32Array(slots)
  }
}

export class Sieve {
  readonly #links: Links
  readonly #marks: Marks
  #newest = -1
  #oldest = -1
  #hand = -1
  #count = 0

  constructor(links: Links, marks: Marks) {
    this.#links = links
    this.#marks = marks
  }

  enter(slot: number): void {
    const { newer, older } = this.#links
    newer[slot] = -1
    older[slot] = this.#newest
    if (this.#newest >= 0) newer[this.#newest] = slot
    this.#newest = slot
    if (this.#oldest < 0) this.#oldest = slot
    this.#count++
  }

  leave(slot: number): void {
    const newer = this.#links.newer[slot]!
    const older = this.#links.older[slot]!
    if (this.#hand === slot) this.#hand = newer
    if (newer < 0) this.#newest = older
    else this.#links.older[newer] = older
    if (older < 0) this.#oldest = newer
    else this.#links.newer[older] = newer
    this.#count--
  }

  /** The slot that should go next, but `spared`: -1 if there is none. The hand stays there. */
  next(spared: number): number {
    if (this.#count === 0 || (this.#count === 1 && this.#oldest === spared)) return -1
    const { newer } = this.#links
    const { numbers, offset, bit } = this.#marks
    let slot = this.#hand < 0 ? this.#oldest : this.#hand
    for (let passed = 0; ; passed++) {
      const mark = (slot << 2) + offset
      if (slot !== spared && ((numbers[mark]! & bit) === 0 || passed >= MAX_SPARED)) break
      numbers[mark]! &= ~bit
      slot = newer[slot]! < 0 ? this.#oldest : newer[slot]!
    }
    this.#hand = slot
    return slot
  }
}
