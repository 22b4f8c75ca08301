/**
 * Timer wheels: deadlines of everything in flight, with one interval timer per wheel. Setting, moving and clearing one
 * allocates nothing. A deadline is met within one tick. The timer rests while nothing waits, and never keeps the process
 * alive. A leaf.
 */

const SLOTS = 1024 // later deadlines go round again
const SHARED_TICK_MS = 10

/** Something with a deadline, in one wheel at most; lists in the wheel go through the objects themselves. */
export abstract class Timed {
  /** In `performance.now()` milliseconds. */
  wakeAtMs = 0
  /** Place in the wheel, -1 outside; belongs to the wheel, as do the links. */
  slot = -1
  before: Timed | undefined = undefined
  after: Timed | undefined = undefined
  /** The deadline has come; it is no longer set. */
  abstract wake(nowMs: number): void
}

export class Wheel<T extends Timed = Timed> {
  readonly #tickMs: number
  readonly #heads: (Timed | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  #waiting = 0
  #turnedTo = 0
  #timer: NodeJS.Timeout | undefined

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#waiting
  }

  /** Sets or moves the deadline of `timed`. */
  wakeAt(timed: T, atMs: number): void {
    if (timed.slot >= 0) this.#unlink(timed)
    const nowTick = this.#timer === undefined ? this.#start() : this.#turnedTo
    const tick = Math.max(Math.ceil(atMs / this.#tickMs), nowTick + 1)
    const slot = tick % SLOTS
    timed.wakeAtMs = atMs
    timed.slot = slot
    timed.before = undefined
    timed.after = this.#heads[slot]
    if (timed.after !== undefined) timed.after.before = timed
    this.#heads[slot] = timed
    this.#waiting++
  }

  /** Takes the deadline of `timed` back, if it has one. */
  forget(timed: T): void {
    if (timed.slot >= 0) this.#unlink(timed)
  }

  /** The one nearest to its deadline that `isWanted`, to a tick; deadlines beyond a whole round count as if within. */
  first(isWanted: (timed: T) => boolean): T | undefined {
    for (let i = 1; i <= SLOTS; i++) {
      let earliest: T | undefined
      for (let timed = this.#heads[(this.#turnedTo + i) % SLOTS]; timed !== undefined; timed = timed.after) {
        if (isWanted(timed as T)) earliest = timed as T // the last of a slot was put in first
      }
      if (earliest !== undefined) return earliest
    }
    return undefined
  }

  #unlink(timed: Timed): void {
    if (timed.before === undefined) this.#heads[timed.slot] = timed.after
    else timed.before.after = timed.after
    if (timed.after !== undefined) timed.after.before = timed.before
    timed.slot = -1
    timed.before = undefined
    timed.after = undefined
    this.#waiting--
  }

  #start(): number {
    this.#turnedTo = Math.floor(performance.now() / this.#tickMs)
    this.#timer = setInterval(() => this.#turn(), this.#tickMs)
    this.#timer.unref()
    return this.#turnedTo
  }

  #turn(): void {
    const nowMs = performance.now()
    const nowTick = Math.floor(nowMs / this.#tickMs)
    // After a pause of a whole round every slot is looked at once.
    const from = Math.max(this.#turnedTo + 1, nowTick - SLOTS + 1)
    this.#turnedTo = nowTick
    for (let tick = from; tick <= nowTick; tick++) this.#wakeSlot(tick % SLOTS, nowMs)
    if (this.#waiting === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #wakeSlot(slot: number, nowMs: number): void {
    let timed = this.#heads[slot]
    if (timed === undefined) return
    const due: Timed[] = []
    for (; timed !== undefined; timed = timed.after) if (timed.wakeAtMs <= nowMs) due.push(timed)
    for (const one of due) {
      if (one.slot !== slot || one.wakeAtMs > nowMs) continue // moved or taken back by one before it
      this.#unlink(one)
      one.wake(nowMs)
    }
  }
}

const shared = new Wheel(SHARED_TICK_MS)

/** Sets or moves a deadline in the wheel that all share who need no wheel of their own. */
export function wakeAt(timed: Timed, atMs: number): void {
  shared.wakeAt(timed, atMs)
}

/** Takes a deadline in the shared wheel back, if it is set. */
export function forget(timed: Timed): void {
  shared.forget(timed)
}

/** How many deadlines are set in the shared wheel. */
export function deadlines(): number {
  return shared.size
}
