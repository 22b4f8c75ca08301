/** One query that waits for the answer to a question in flight: with whom it came, until when, and how it gets on. */
import type { Answer, Next, Query } from '../../server/plugin.ts'
import { type Admission, type Client, isTooLate } from './admission.ts'

export class Waiting {
  readonly q: Query
  readonly next: Next
  /** Until when it can wait, in `performance.now()` milliseconds. */
  readonly deadlineMs: number
  readonly answer: Promise<Answer>
  readonly #client: Client
  readonly #admission: Admission
  readonly #settle: (answer: Answer | Promise<Answer>) => void

  constructor(q: Query, next: Next, deadlineMs: number, client: Client, admission: Admission) {
    this.q = q
    this.next = next
    this.deadlineMs = deadlineMs
    this.#client = client
    this.#admission = admission
    let settle: (answer: Answer | Promise<Answer>) => void = () => {}
    this.answer = new Promise(resolve => {
      settle = resolve
    })
    this.#settle = settle
  }

  /** Its answer is known, or somebody else will find it. */
  end(answer: Answer | Promise<Answer>): void {
    this.q.answer.withheld = isTooLate(this.q, this.#client)
    this.#admission.leave(this.q, this.#client)
    this.#settle(answer)
  }
}
