/**
 * Deadlines. Nothing here sleeps for luck: `eventually` asks again until the answer is right or the time is up.
 */
import { setTimeout as delay } from 'node:timers/promises'

/** The value, or an error once `ms` have passed. */
export async function within<T>(ms: number, what: string, value: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: not within ${ms} ms`)
  })
  try {
    return await Promise.race([value, late])
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}

/**
 * Calls `attempt` until it returns without an error; the last error is the cause when `ms` have passed.
 * Resolves to the time it took in ms, counted from the call.
 */
export async function eventually(ms: number, what: string, attempt: () => Promise<void>, everyMs = 2): Promise<number> {
  const start = performance.now()
  for (;;) {
    try {
      await attempt()
      return performance.now() - start
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      if (performance.now() - start > ms) throw new Error(`${what}: not within ${ms} ms: ${message}`, { cause })
    }
    await delay(everyMs)
  }
}

export { delay }
