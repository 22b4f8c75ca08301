/**
 * How old a view of a resource is: the time since the API server last told that it is current. An event, a bookmark, the
 * end of a list or of a watch that ended in order tell that; so does a watch that was accepted, unless the API server
 * takes that back at once.
 */
import type { Clock } from './clock.ts'

/** An API server that cannot serve a version says so right after it accepted the watch. */
const ACCEPTED_MS = 1_000

export class Trust {
  readonly #clock: Clock
  #provenAtMs = Number.NEGATIVE_INFINITY
  #openedAtMs: number | undefined
  #isProof = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something was told, just now. */
  prove(): void {
    this.#provenAtMs = this.#clock.nowMs()
  }

  /** A watch was accepted; `isProof`: it goes on from what is known, rather than with a list. */
  open(isProof: boolean): void {
    this.#openedAtMs = this.#clock.nowMs()
    this.#isProof = isProof
  }

  /** It ended, in whichever way. */
  close(): void {
    this.#provenAtMs = this.#lastMs()
    this.#openedAtMs = undefined
  }

  get isOpen(): boolean {
    return this.#openedAtMs !== undefined
  }

  /** Milliseconds since the watch was accepted; 0 without one. */
  get openMs(): number {
    return this.#openedAtMs === undefined ? 0 : this.#clock.nowMs() - this.#openedAtMs
  }

  /** Infinity if nothing was ever told. */
  get ageMs(): number {
    return this.#clock.nowMs() - this.#lastMs()
  }

  #lastMs(): number {
    const isProof = this.#isProof && this.openMs >= ACCEPTED_MS
    return isProof ? Math.max(this.#provenAtMs, this.#openedAtMs!) : this.#provenAtMs
  }
}
