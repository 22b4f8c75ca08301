/**
 * Health checks of one upstream: while it is suspect, one question every interval until it says anything at all. An
 * upstream that answers queries is never asked.
 */

import { info, warn } from '../../../server/log.ts'
import { cells } from '../../../server/metrics.ts'
import { forget, Timed, wakeAt } from '../../../server/wheel.ts'
import { FLAG, TYPE } from '../../../server/wire/codes.ts'
import { writeQuery } from '../message/query.ts'
import { type Asker, type Exchange, takeExchange } from '../transport/exchange.ts'
import type { Checks } from './standing.ts'
import type { Upstream } from './upstream.ts'

const TIMEOUT_MS = 1000

export class HealthCheck extends Timed implements Asker, Checks {
  readonly #upstream: Upstream
  #exchange: Exchange | undefined
  #running = false
  #ended = false
  #toldDown = false

  constructor(upstream: Upstream) {
    super()
    this.#upstream = upstream
  }

  /** Begins to check, at once, unless that is being done, checks are off or they have ended. */
  start(): void {
    if (this.#running || this.#ended || this.#upstream.options.maxFails === 0) return
    this.#running = true
    this.#ask(performance.now())
  }

  stop(): void {
    if (!this.#running) return
    this.#running = false
    forget(this)
    if (this.#exchange !== undefined) this.#exchange.asker = undefined
    this.#exchange = undefined
    if (this.#toldDown && this.#upstream.standing.fails === 0) {
      this.#toldDown = false
      info('forward', `upstream ${this.#upstream.text} answers again`)
    }
  }

  /** Checks no more, whatever becomes of the questions that are still in flight. */
  end(): void {
    this.#ended = true
    this.stop()
  }

  wake(nowMs: number): void {
    const due = this.#exchange
    if (due === undefined) this.#ask(nowMs)
    else if (nowMs >= due.sentAtMs + TIMEOUT_MS) this.#miss(nowMs)
    else wakeAt(this, due.sentAtMs + TIMEOUT_MS)
  }

  /** Whatever it says, it lives; `heard` has stopped the check. */
  reply(): boolean {
    return true
  }

  junk(): void {}

  failed(exchange: Exchange): void {
    if (exchange === this.#exchange) this.#miss(performance.now())
  }

  #ask(nowMs: number): void {
    const { options } = this.#upstream
    const { domain, recursionDesired } = options.healthCheck
    const exchange = takeExchange(this.#upstream, options.forceTcp, this, nowMs, true)
    const flags = recursionDesired ? FLAG.RD : 0
    exchange.length = writeQuery(exchange.message, domain, domain.length, TYPE.NS, flags, false, false, false)
    this.#exchange = exchange
    wakeAt(this, nowMs + TIMEOUT_MS)
    this.#upstream.send(exchange, options.forceTcp)
  }

  #miss(nowMs: number): void {
    const upstream = this.#upstream
    if (this.#exchange !== undefined) this.#exchange.asker = undefined
    const sentAtMs = this.#exchange?.sentAtMs ?? nowMs
    this.#exchange = undefined
    cells[upstream.healthFailures]! += 1
    upstream.standing.fails++
    if (upstream.down && !this.#toldDown) {
      this.#toldDown = true
      warn('forward', `upstream ${upstream.text} is down, ${upstream.standing.fails} failures in a row`)
    }
    wakeAt(this, Math.max(nowMs + 1, sentAtMs + upstream.options.healthCheck.intervalMs))
  }
}
