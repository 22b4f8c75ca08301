/**
 * Work between queries: long work of the control plane (a list of 150,000 objects) asks after each small step whether
 * its share of this turn of the event loop is used up, and then waits for a later one. One share per turn for all that
 * goes on in the process, so that four lists at once delay a query no longer than one. A leaf.
 */

/** A query that comes in meanwhile waits for this long, plus one object. */
const SHARE_MS = 1

export class WorkSlices {
  readonly #shareMs: number
  readonly #waiting: (() => void)[] = []
  #armed = false
  #startedAtMs = 0

  constructor(shareMs = SHARE_MS) {
    this.#shareMs = shareMs
  }

  /** True if this turn's share is used up: the caller should `await pause()`. */
  get spent(): boolean {
    if (!this.#armed) {
      this.#arm()
      return false
    }
    return performance.now() - this.#startedAtMs >= this.#shareMs
  }

  /** Resolves in a turn of its own, after those who wait already had theirs. */
  pause(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      if (!this.#armed) this.#arm()
    })
  }

  #arm(): void {
    this.#armed = true
    this.#startedAtMs = performance.now()
    setImmediate(() => {
      this.#armed = false
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#arm()
      next()
    })
  }
}

/** The one of this process. */
export const workSlices = new WorkSlices()
