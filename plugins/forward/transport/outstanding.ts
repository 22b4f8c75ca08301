/**
 * The queries that one socket or connection waits for replies to, and the last ones that nobody waits for any more, so
 * that late replies are told from junk. There are few: they are looked through one by one.
 */
import { cells } from '../../../server/metrics.ts'
import { BARE_ERROR, compare, isMixed, JUNK, MATCH } from '../message/query.ts'
import { random16 } from '../random.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Exchange } from './exchange.ts'

const LATE_IDS = 64 // so many queries of one socket, given up ones included, are kept apart from junk

export class Outstanding {
  readonly #upstream: Upstream
  #exchanges: Exchange[] = []

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  get size(): number {
    return this.#exchanges.length
  }

  /** How many of them somebody waits for. */
  get waiting(): number {
    let waiting = 0
    for (const { asker } of this.#exchanges) if (asker !== undefined) waiting++
    return waiting
  }

  /** True if a query with this id is among them. */
  has(id: number): boolean {
    return this.#find(id) !== undefined
  }

  /** Adds a query under an id that is free, and writes that into it. Forgets those that nobody waits for, if there are many. */
  add(exchange: Exchange): void {
    if (this.#exchanges.length >= LATE_IDS) this.#exchanges = this.#exchanges.filter(one => one.asker !== undefined)
    let id = random16()
    while (this.has(id)) id = random16()
    this.addAs(exchange, id)
  }

  /** Adds a query under an id that the caller knows to be free. */
  addAs(exchange: Exchange, id: number): void {
    exchange.id = id
    exchange.message[0] = id >> 8
    exchange.message[1] = id & 255
    this.#exchanges.push(exchange)
  }

  /** Takes all out. */
  clear(): readonly Exchange[] {
    const all = this.#exchanges
    this.#exchanges = []
    return all
  }

  /** Hands a message that came to the query it is the reply to. Returns that, which is done with; undefined for none. */
  deliver(bytes: Uint8Array, at: number, length: number): Exchange | undefined {
    const exchange = length < 2 ? undefined : this.#find((bytes[at]! << 8) | bytes[at + 1]!)
    const verdict = exchange === undefined ? JUNK : compare(exchange.message, exchange.length, bytes, at, length)
    const isReply = exchange !== undefined && verdict !== JUNK
    if (isReply && isBelieved(exchange, verdict)) {
      exchange.heardAtMs = performance.now()
      this.#upstream.standing.heard(exchange)
      const { asker } = exchange
      if (asker === undefined || asker.reply(exchange, bytes, at, length, verdict === BARE_ERROR)) {
        exchange.asker = undefined
        this.#remove(exchange)
        return exchange
      }
    }
    cells[this.#upstream.discarded]! += 1
    for (const one of this.#exchanges) one.asker?.junk(one, isReply && one === exchange)
    return undefined
  }

  #find(id: number): Exchange | undefined {
    const exchanges = this.#exchanges
    for (let i = 0; i < exchanges.length; i++) if (exchanges[i]!.id === id) return exchanges[i]
    return undefined
  }

  #remove(exchange: Exchange): void {
    const exchanges = this.#exchanges
    const at = exchanges.indexOf(exchange)
    if (at < 0) return // all were taken out meanwhile
    const last = exchanges.pop()!
    if (at < exchanges.length) exchanges[at] = last
  }
}

function isBelieved({ upstream, message, length, stream }: Exchange, verdict: number): boolean {
  return verdict === BARE_ERROR || upstream.spelling.judge(verdict === MATCH, isMixed(message, length), stream)
}
