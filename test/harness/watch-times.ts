/** What an API server does by itself with a watch that is open: a bookmark each minute, one before its end, and the end. */
import type { Clock } from '../../plugins/kubernetes/informer/clock.ts'

/** Gives what takes it all back. */
export function timeWatch(clock: Clock, timeoutMs: number, bookmark: () => void, end: () => void): () => void {
  const timers = [clock.after(timeoutMs - 2_000, bookmark), clock.after(timeoutMs, end)]
  for (let atMs = 60_000; atMs < timeoutMs; atMs += 60_000) timers.push(clock.after(atMs, bookmark))
  return () => {
    for (const cancel of timers) cancel()
  }
}
