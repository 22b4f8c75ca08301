/**
 * Asks for entries again, with queries of the cache's own: the question as it was put, nothing else of the client that
 * put it, and no reply to anybody.
 */
import { isPromise } from '../../server/chain.ts'
import { error } from '../../server/log.ts'
import type { Answer, Next, Query } from '../../server/plugin.ts'
import { turnSoon } from '../../server/turn.ts'
import { copyQuery } from '../../server/wire/query.ts'
import { keyHash, type Store, variantOf } from './store.ts'

const MAX_RUNNING = 1024 // questions of the cache's own at one time

export class Refresher {
  readonly #recheckMs: number
  /** Keeps an answer for an entry of a store. Undefined if it does not take the place of that. */
  readonly #keep: (q: Query, a: Answer, store: Store) => Answer | undefined
  #running = 0

  constructor(recheckMs: number, keep: (q: Query, a: Answer, store: Store) => Answer | undefined) {
    this.#recheckMs = recheckMs
    this.#keep = keep
  }

  /**
   * Asks what `q` asks, for the entry in a slot. Gives the answer if it was good and kept, undefined if not, or if too many
   * ask already; never throws, never rejects.
   */
  ask(q: Query, next: Next, store: Store, slot: number): Answer | undefined | Promise<Answer | undefined> {
    if (this.#running >= MAX_RUNNING) return undefined
    this.#running++
    store.setAsked(slot, true)
    const own = copyQuery(q)
    const arrived = (a: Answer): Answer | undefined => this.#end(own, store, this.#keep(own, a, store))
    const failed = (cause: unknown): undefined => {
      const what = cause instanceof Error ? cause.message : cause
      error('cache', `exception while refreshing ${own.qnameText}: ${what}`, cause)
      this.#end(own, store, undefined)
    }
    try {
      const answer = next(own)
      if (!isPromise(answer)) return arrived(answer)
      turnSoon()
      return answer.then(arrived).catch(failed)
    } catch (cause) {
      return failed(cause)
    }
  }

  /** The slot may be another's by now: the entry is looked up again, if there is one still. */
  #end(q: Query, store: Store, fresh: Answer | undefined): Answer | undefined {
    this.#running--
    const variant = variantOf(q)
    const slot = store.find(q, keyHash(q, variant), variant)
    if (slot < 0) return fresh
    store.setAsked(slot, false)
    const nowMs = performance.now()
    if (fresh === undefined) store.retryAt(slot, nowMs + this.#recheckMs)
    // RFC 8767 §5: stale is for when there is no answer. There was one, which could not be kept.
    else if (store.expiresAtMs[slot]! <= nowMs) store.remove(slot)
    return fresh
  }
}
