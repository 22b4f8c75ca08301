/**
 * Timer wheels: deadlines of everything in flight, with one timer per wheel, set for the nearest of them. Setting, moving
 * and clearing one allocates nothing while another is nearer. A deadline is met within one tick. The loop is woken for
 * deadlines alone (a wheel that ticked was a quarter of the CPU at 1,000 queries/s), and never kept alive. A leaf.
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
  /** Slots up to this tick have been looked at. */
  #turnedTo = 0
  /** The tick that the timer is set for. */
  #timedFor = Number.POSITIVE_INFINITY
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
    if (this.#waiting === 0) this.#turnedTo = this.#nowTick()
    const tick = Math.max(Math.ceil(atMs / this.#tickMs), this.#turnedTo + 1)
    const slot = tick % SLOTS
    timed.wakeAtMs = atMs
    timed.slot = slot
    timed.before = undefined
    timed.after = this.#heads[slot]
    if (timed.after !== undefined) timed.after.before = timed
    this.#heads[slot] = timed
    this.#waiting++
    if (tick < this.#timedFor) this.#setTimer(tick)
  }

  /** Takes the deadline of `timed` back, if it has one. */
  forget(timed: T): void {
    if (timed.slot >= 0) this.#unlink(timed)
  }

  /** The one nearest to its deadline that `isWanted`, to a tick; deadlines beyond a whole round count as if within. */
  first(isWanted: (timed: T) => boolean): T | undefined {
    this.#catchUp()
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

  #nowTick(): number {
    return Math.floor(performance.now() / this.#tickMs)
  }

  #setTimer(tick: number): void {
    clearTimeout(this.#timer)
    this.#timedFor = tick
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, Math.ceil(tick * this.#tickMs - performance.now())))
    this.#timer.unref()
  }

  #turn(): void {
    this.#timedFor = Number.POSITIVE_INFINITY
    const nowMs = performance.now()
    const nowTick = Math.floor(nowMs / this.#tickMs)
    // After a pause of a whole round every slot is looked at once.
    const from = Math.max(this.#turnedTo + 1, nowTick - SLOTS + 1)
    this.#turnedTo = Math.max(this.#turnedTo, nowTick)
    for (let tick = from; tick <= nowTick; tick++) this.#wakeSlot(tick % SLOTS, nowMs)
    if (this.#waiting > 0) this.#setTimerForNext()
  }

  /** Nobody turns while no deadline is near: counted from far back, one of the next round would come first. */
  #catchUp(): void {
    const nowTick = this.#nowTick()
    if (nowTick < this.#timedFor) this.#turnedTo = Math.max(this.#turnedTo, nowTick)
  }

  /** Sets the timer for the nearest slot that has a deadline: it may be that of a later round, and is looked at again then. */
  #setTimerForNext(): void {
    let tick = this.#turnedTo + 1
    while (this.#heads[tick % SLOTS] === undefined) tick++
    if (tick < this.#timedFor) this.#setTimer(tick)
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
