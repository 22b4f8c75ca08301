/**
 * The process's monotonic clock, which a test can move ahead while it runs: what is kept for an hour is an hour older at
 * once, and deadlines of the timer wheels come due within their next tick.
 */
const runningMs = performance.now.bind(performance)
let skippedMs = 0

/** Takes the place of the clock for the whole test file. */
export function makeTheClockMovable(): void {
  performance.now = () => runningMs() + skippedMs
}

export function skip(seconds: number): void {
  skippedMs += seconds * 1000
}

/** So long that every wheel has turned. */
export function nextTick(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 40))
}
