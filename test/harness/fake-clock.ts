/** A clock that stands until it is told to go on: half an hour of retries takes no time. */
import type { Clock } from '../../plugins/kubernetes/informer/clock.ts'

interface Timer {
  readonly dueMs: number
  readonly delayMs: number
  readonly then: () => void
}

export class FakeClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<Timer>()
  readonly #waiting = new Set<() => void>()

  /** How often a timer was set or taken back. */
  changes = 0

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, then: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, delayMs, then }
    this.#timers.add(timer)
    this.changes++
    for (const check of this.#waiting) check()
    return () => {
      if (this.#timers.delete(timer)) this.changes++
    }
  }

  /** Milliseconds until the next timer is due; Infinity without one. */
  get nextMs(): number {
    return Math.min(...[...this.#timers].map(({ dueMs }) => dueMs - this.#nowMs))
  }

  /** Lets time pass; what is due runs, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(timer => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (!due) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.then()
    }
    this.#nowMs = untilMs
  }

  /** Resolves once `count` timers of such delays are set, and gives the longest of the delays. */
  waiting(isWanted: (delayMs: number) => boolean, count = 1): Promise<number> {
    return new Promise(resolve => {
      const check = () => {
        const found = [...this.#timers].filter(timer => isWanted(timer.delayMs))
        if (found.length < count) return
        this.#waiting.delete(check)
        resolve(Math.max(...found.map(timer => timer.delayMs)))
      }
      this.#waiting.add(check)
      check()
    })
  }
}
