/**
 * How long to wait before the API server is asked again: doubling from 0.8 s, with jitter so that the servers of a
 * cluster do not all come back at once. What costs the API server next to nothing (nobody listens; it refuses before it
 * looks) is retried at least every 4 s, so that healing is seen; what costs it work, at least every 30 s.
 */
import { randomInt } from 'node:crypto'

const FIRST_MS = 800
const MAX_CHEAP_MS = 4_000
const MAX_COSTLY_MS = 30_000

export type FailureCost = 'cheap' | 'costly'

/** A fraction from 0 to 1. */
export type Jitter = () => number

export const cryptoJitter: Jitter = () => randomInt(1 << 20) / (1 << 20)

export class Backoff {
  readonly #jitter: Jitter
  #failures = 0
  #cost: FailureCost = 'cheap'

  constructor(jitter: Jitter = cryptoJitter) {
    this.#jitter = jitter
  }

  /** Milliseconds to wait after one more failure; never less than what the API server asked for. */
  next(cost: FailureCost, retryAfterMs = 0): number {
    if (cost !== this.#cost) this.#failures = 0 // an API server that answers again, even with an error, is another trouble
    this.#cost = cost
    const max = cost === 'cheap' ? MAX_CHEAP_MS : MAX_COSTLY_MS
    const fullMs = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 16), max)
    this.#failures++
    const jitteredMs = fullMs * (0.5 + this.#jitter() / 2)
    return retryAfterMs > 0 ? retryAfterMs + this.#jitter() * FIRST_MS : jitteredMs
  }

  reset(): void {
    this.#failures = 0
  }
}
