/** Waiting for a condition that nobody announces. */

/** Longer than any query may wait (`forward` gives up after 5 s). */
export const DRAIN_MS = 6000
export const DRAIN_POLL_MS = 20

/** Looks every `everyMs` whether a condition holds, at once first. True if it came to hold within `limitMs`. */
export async function poll(holds: () => boolean, everyMs: number, limitMs: number): Promise<boolean> {
  for (const deadlineMs = performance.now() + limitMs; !holds(); await sleep(everyMs)) {
    if (performance.now() >= deadlineMs) return false
  }
  return true
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
