/**
 * How long to wait before the API server is asked again: doubling from 0.8 s to 4 s, with jitter so that the servers of a
 * cluster do not all come back at once, and to the letter as long as the API server asks for. No longer, so that healing
 * is seen within 5 s; what is asked again costs the API server little (a watch, or one page of a list).
 */
import { randomInt } from 'node:crypto'

const FIRST_MS = 800
const MAX_MS = 4_000

/** A fraction from 0 to 1. */
export type Jitter = () => number

export const cryptoJitter: Jitter = () => randomInt(1 << 20) / (1 << 20)

export class Backoff {
  readonly #jitter: Jitter
  #failures = 0

  constructor(jitter: Jitter = cryptoJitter) {
    this.#jitter = jitter
  }

  /** Milliseconds from one failure to the next attempt; never less than what the API server asked for. */
  next(retryAfterMs = 0): number {
    const fullMs = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 16), MAX_MS)
    this.#failures++
    return retryAfterMs > 0 ? retryAfterMs + this.#jitter() * FIRST_MS : fullMs * (0.5 + this.#jitter() / 2)
  }

  reset(): void {
    this.#failures = 0
  }
}
