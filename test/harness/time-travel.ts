/**
 * The process's monotonic clock, which a test can move ahead while it runs: what is kept for an hour is an hour older at
 * once, and timers that the time has passed over fire within some milliseconds.
 */
const runningMs = performance.now.bind(performance)
const LOOK_EVERY_MS = 5
let skippedMs = 0

/** Takes the place of the clock, and of timers, for the whole test file. */
export function makeTheClockMovable(): void {
  performance.now = () => runningMs() + skippedMs
  const later = (task: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const dueMs = performance.now() + ms
    const timer = setInterval(
      () => {
        if (performance.now() < dueMs) return
        clearInterval(timer)
        task(...args)
      },
      Math.min(ms, LOOK_EVERY_MS),
    )
    return timer
  }
  globalThis.setTimeout = later as unknown as typeof setTimeout
}

export function skip(seconds: number): void {
  skippedMs += seconds * 1000
}

/** So long that every wheel has turned. */
export function nextTick(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 40))
}
