/** A question of our own to one upstream, outside of any flight: whether it answers at all, not what. */

import { forget, Timed, wakeAt } from '../../../server/wheel.ts'
import { writeQuery } from '../message/query.ts'
import { type Asker, type Exchange, takeExchange } from '../transport/exchange.ts'
import type { Upstream } from './upstream.ts'

const TIMEOUT_MS = 2000

class Inquiry extends Timed implements Asker {
  readonly #done: (answered: boolean) => void
  exchange: Exchange | undefined
  constructor(done: (answered: boolean) => void) {
    super()
    this.#done = done
  }
  reply(): boolean {
    forget(this)
    this.#done(true)
    return true
  }
  junk(): void {}
  failed(): void {
    forget(this)
    this.#done(false)
  }
  wake(): void {
    if (this.exchange !== undefined) this.exchange.asker = undefined // a connection waits for what somebody waits for
    this.#done(false)
  }
}

/** Asks for `name` (lower-case wire form), recursion desired. Resolves to true if a reply came within 2 s. */
export function inquire(upstream: Upstream, name: Uint8Array, type: number, flags: number): Promise<boolean> {
  return new Promise(resolve => {
    const inquiry = new Inquiry(resolve)
    const { forceTcp } = upstream.options
    const nowMs = performance.now()
    wakeAt(inquiry, nowMs + TIMEOUT_MS)
    const exchange = takeExchange(upstream, forceTcp, inquiry, nowMs, true)
    inquiry.exchange = exchange
    exchange.length = writeQuery(exchange.message, name, name.length, type, flags, false, false, false)
    upstream.send(exchange)
  })
}
