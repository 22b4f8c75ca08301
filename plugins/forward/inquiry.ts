/** A question of our own to one upstream, outside of any flight: whether it answers at all, not what. */

import { forget, Timed, wakeAt } from '../../server/wheel.ts'
import { type Asker, Exchange } from './exchange.ts'
import { buildQuery } from './message.ts'
import type { Upstream } from './upstream.ts'

const TIMEOUT_MS = 2000

class Inquiry extends Timed implements Asker {
  readonly #done: (answered: boolean) => void
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
    this.#done(false)
  }
}

/** Asks for `name` (lower-case wire form), recursion desired. Resolves to true if a reply came within 2 s. */
export function inquire(upstream: Upstream, name: Uint8Array, type: number, flags: number): Promise<boolean> {
  return new Promise(resolve => {
    const inquiry = new Inquiry(resolve)
    const { forceTcp } = upstream.options
    wakeAt(inquiry, performance.now() + TIMEOUT_MS)
    const message = buildQuery(name, name.length, type, flags, false, false, false)
    upstream.send(new Exchange(upstream, message, forceTcp, inquiry, true))
  })
}
