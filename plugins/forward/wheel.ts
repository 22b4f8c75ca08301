/**
 * Deadlines of everything in flight, in one wheel with one interval timer: setting, moving and clearing one allocates
 * nothing. A deadline is met within one tick. The timer rests while nothing waits, and never keeps the process alive.
 */

const TICK_MS = 10
const SLOTS = 1024 // later deadlines go round again

/** Something with a deadline; lists in the wheel go through the objects themselves. */
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

const heads: (Timed | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
let waiting = 0
let turnedTo = 0
let timer: NodeJS.Timeout | undefined

/** Sets or moves the deadline of `timed`. */
export function wakeAt(timed: Timed, atMs: number): void {
  if (timed.slot >= 0) unlink(timed)
  const nowTick = timer === undefined ? start() : turnedTo
  const tick = Math.max(Math.ceil(atMs / TICK_MS), nowTick + 1)
  const slot = tick % SLOTS
  timed.wakeAtMs = atMs
  timed.slot = slot
  timed.before = undefined
  timed.after = heads[slot]
  if (timed.after !== undefined) timed.after.before = timed
  heads[slot] = timed
  waiting++
}

/** Takes the deadline of `timed` back, if it has one. */
export function forget(timed: Timed): void {
  if (timed.slot >= 0) unlink(timed)
}

/** How many deadlines are set. */
export function deadlines(): number {
  return waiting
}

function unlink(timed: Timed): void {
  if (timed.before === undefined) heads[timed.slot] = timed.after
  else timed.before.after = timed.after
  if (timed.after !== undefined) timed.after.before = timed.before
  timed.slot = -1
  timed.before = undefined
  timed.after = undefined
  waiting--
}

function start(): number {
  turnedTo = Math.floor(performance.now() / TICK_MS)
  timer = setInterval(turn, TICK_MS)
  timer.unref()
  return turnedTo
}

function turn(): void {
  const nowMs = performance.now()
  const nowTick = Math.floor(nowMs / TICK_MS)
  // After a pause of a whole round every slot is looked at once.
  const from = Math.max(turnedTo + 1, nowTick - SLOTS + 1)
  turnedTo = nowTick
  for (let tick = from; tick <= nowTick; tick++) wakeSlot(tick % SLOTS, nowMs)
  if (waiting === 0) {
    clearInterval(timer)
    timer = undefined
  }
}

function wakeSlot(slot: number, nowMs: number): void {
  let timed = heads[slot]
  if (timed === undefined) return
  const due: Timed[] = []
  for (; timed !== undefined; timed = timed.after) if (timed.wakeAtMs <= nowMs) due.push(timed)
  for (const one of due) {
    if (one.slot !== slot || one.wakeAtMs > nowMs) continue // moved or taken back by one before it
    unlink(one)
    one.wake(nowMs)
  }
}
