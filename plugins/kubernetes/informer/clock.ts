/**
 * Time as the informers see it: monotonic, so that a stepped wall clock neither stalls nor hurries anything, and
 * replaceable, so that tests let half an hour pass at once.
 */
export interface Clock {
  /** Milliseconds since some fixed point. */
  nowMs(): number
  /** Calls `then` once, after `delayMs`; the result takes it back. Does not keep the process alive. */
  after(delayMs: number, then: () => void): () => void
}

/** What a timer can hold: with more it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const monotonicClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, then) {
    const timer = setTimeout(then, Math.min(delayMs, MAX_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `delayMs`, or as soon as `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    signal.addEventListener('abort', done)
  })
}
