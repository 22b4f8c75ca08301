/**
 * A timer wheel: one timer for any number of deadlines. An entry sits in the slot of the deadline it had when it was
 * put in; that it moved since is found out when the slot comes round, so that moving one costs nothing.
 */
export interface Timed {
  /** The wheel's own: the slot the entry is in, -1 for none. */
  wheelSlot: number
  /** Closes itself if its time is up. Returns when to look again, in `performance.now()` milliseconds; 0 for never. */
  expire(nowMs: number): number
}

export class Wheel<T extends Timed> {
  readonly #tickMs: number
  readonly #slots: Set<T>[]
  #at = 0
  #count = 0
  #timer: NodeJS.Timeout | undefined

  /** `horizonMs` is the furthest deadline; those beyond are looked at early, which does no harm. */
  constructor(horizonMs: number, tickMs: number) {
    this.#tickMs = tickMs
    this.#slots = Array.from({ length: Math.ceil(horizonMs / tickMs) + 2 }, () => new Set<T>())
  }

  /** Puts the entry where `inMs` from now is looked at, taking it from where it was. */
  put(entry: T, inMs: number): void {
    this.remove(entry)
    const ticks = Math.min(Math.max(Math.ceil(inMs / this.#tickMs), 1), this.#slots.length - 1)
    entry.wheelSlot = (this.#at + ticks) % this.#slots.length
    this.#slots[entry.wheelSlot]!.add(entry)
    this.#count++
    this.#timer ??= setInterval(() => this.#tick(), this.#tickMs).unref()
  }

  remove(entry: T): void {
    if (entry.wheelSlot < 0) return
    this.#slots[entry.wheelSlot]!.delete(entry)
    entry.wheelSlot = -1
    if (--this.#count > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** The entry nearest to its deadline that `isWanted`; one whose deadline has moved may come a little late. */
  first(isWanted: (entry: T) => boolean): T | undefined {
    for (let i = 1; i < this.#slots.length; i++) {
      for (const entry of this.#slots[(this.#at + i) % this.#slots.length]!) if (isWanted(entry)) return entry
    }
    return undefined
  }

  #tick(): void {
    this.#at = (this.#at + 1) % this.#slots.length
    const nowMs = performance.now()
    for (const entry of [...this.#slots[this.#at]!]) {
      const nextMs = entry.expire(nowMs)
      if (nextMs > 0) this.put(entry, nextMs - nowMs)
      else this.remove(entry)
    }
  }
}
