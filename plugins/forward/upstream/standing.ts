/**
 * Whether one upstream answers, judged by the traffic itself:
 *
 *          silence, failure                     a check is answered
 *   GOOD ──────────────────► SUSPECT (checked) ─────────────────────► TRIAL
 *    ▲                          ▲                                       │ the next question
 *    │ an answer                │ silence, failure                      ▼
 *    └──────────────────────────┴───────────────────────────────────  TRYING
 *
 * Who is suspect is asked last, and checked. After a check was answered one question is put to it (half-open); only its
 * answer brings all the others. DOWN is not a state but a count: more failures in a row than the Corefile allows.
 */
import type { Exchange } from '../transport/exchange.ts'
import type { Latency } from './latency.ts'

const GOOD = 0
const TRIAL = 1
const TRYING = 2
const SUSPECT = 3
const NEVER = Number.POSITIVE_INFINITY

/** How willingly an upstream is asked: less is better. */
export const RANK = { first: 0, later: 1, last: 2 } as const

/** What checks an upstream that gets no traffic. */
export interface Checks {
  start(): void
  stop(): void
}

export class Standing {
  /** Failures in a row: of checks, and of queries after which nothing was heard. */
  fails = 0
  /** When a query was last sent, in `performance.now()` milliseconds. */
  triedAtMs = Number.NEGATIVE_INFINITY
  #heardAtMs = Number.NEGATIVE_INFINITY
  /** When the first query was sent that nothing was heard after. */
  #silentSinceMs = NEVER
  #state = GOOD
  readonly #latency: Latency
  readonly #checks: Checks

  constructor(latency: Latency, checks: Checks) {
    this.#latency = latency
    this.#checks = checks
  }

  /** It is asked last, and checked. */
  get isSuspect(): boolean {
    return this.#state === SUSPECT
  }

  /** A member of RANK. Silence that has become odd is noticed here. */
  rank(nowMs: number): number {
    if (this.#state !== SUSPECT && nowMs - this.#silentSinceMs > this.#latency.patienceMs) this.#suspect()
    if (this.#state === SUSPECT) return RANK.last
    return this.#state === TRYING ? RANK.later : RANK.first
  }

  sent({ isCheck, sentAtMs }: Exchange): void {
    this.triedAtMs = sentAtMs
    if (isCheck) return
    if (sentAtMs < this.#silentSinceMs) this.#silentSinceMs = sentAtMs
    if (this.#state === TRIAL) this.#state = TRYING
  }

  /** A reply came that matches, in time or late: the upstream lives. */
  heard({ isCheck, sentAtMs, heardAtMs }: Exchange): void {
    this.#heardAtMs = heardAtMs
    this.fails = 0
    this.#silentSinceMs = NEVER
    if (!isCheck) {
      this.#state = GOOD
      this.#latency.observe(heardAtMs - sentAtMs)
    } else if (this.#state === SUSPECT) this.#state = TRIAL
    this.#checks.stop()
  }

  /** A query failed, or met its read timeout. Counts if nothing was heard since it was sent. */
  failed(exchange: Exchange): void {
    if (this.#heardAtMs > exchange.sentAtMs) return
    this.fails++
    this.#suspect()
  }

  /** Takes over what another one knows of the same upstream. */
  inherit(from: Standing): void {
    this.fails = from.fails
    if (from.isSuspect) this.#suspect()
  }

  #suspect(): void {
    this.#state = SUSPECT
    this.#silentSinceMs = NEVER
    this.#checks.start()
  }
}
