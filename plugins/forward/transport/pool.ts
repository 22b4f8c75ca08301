/**
 * Connections to one upstream, each of which carries many queries at a time: which one takes the next query, when another
 * is opened, and when one is given up. What runs over a connection is tcp.ts and https.ts.
 */
import { cells } from '../../../server/metrics.ts'
import { Timed, wakeAt } from '../../../server/wheel.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Exchange } from './exchange.ts'

const MAX_CONNECTIONS = 32 // per upstream
const MAX_SILENCE_MS = 1000 // a connection on which nothing comes back takes no more queries

/** How its connections are counted, and opened. */
export interface Transport {
  /** Label of conn_cache_{hits,misses}. */
  readonly proto: 'tcp' | 'tcp-tls' | 'https'
  /**
   * Connections that are opened rather than a query put behind another one. A server that sends small replies one by one
   * waits for each to be acknowledged (Nagle), which the kernel here puts off for 40 ms: A and AAAA had better go apart.
   */
  readonly spread: number
  /** `again` sends a query elsewhere that the connection turns out not to take. */
  open(again: (exchange: Exchange) => void): Connection
}

export abstract class Connection {
  readonly openedAtMs = performance.now()
  usedAtMs = this.openedAtMs
  closed = false
  /** It has brought a reply: when it closes, it closes as idle connections do. */
  proven = false
  /** When the first query was sent that nothing was heard after. */
  #askedAtMs = Number.POSITIVE_INFINITY

  /** Queries on it, those included that nobody waits for any more. */
  abstract readonly load: number
  /** Queries that somebody waits for. */
  abstract readonly waiting: number
  /** Queries that it takes before another connection is opened. */
  abstract readonly room: number
  /** It must not take more: the upstream says so, or does not read. */
  abstract readonly choked: boolean
  abstract send(exchange: Exchange): void
  /** Ends the connection; its queries fail, those on a proven one with the right to another try. */
  abstract close(cause: Error): void
  /** Once a second: forgets what nobody waits for. */
  tidy(_nowMs: number): void {}

  /** It may take a query: it is open, not choked, and not silent since a second. */
  isUsable(nowMs: number): boolean {
    return !this.closed && nowMs - this.#askedAtMs < MAX_SILENCE_MS && !this.choked
  }

  protected asked(nowMs: number): void {
    this.usedAtMs = nowMs
    this.#askedAtMs = Math.min(this.#askedAtMs, nowMs)
  }

  protected heard(): void {
    this.#askedAtMs = Number.POSITIVE_INFINITY
  }
}

export class ConnectionPool extends Timed {
  readonly #upstream: Upstream
  readonly #transport: Transport
  readonly #hits: number
  readonly #misses: number
  #connections: Connection[] = []
  #closed = false

  constructor(upstream: Upstream, transport: Transport) {
    super()
    this.#upstream = upstream
    this.#transport = transport
    const { hits, misses } = upstream.cellsOf(transport.proto)
    this.#hits = hits
    this.#misses = misses
  }

  /** Sends the query of the exchange; a failure is told to its asker later. `fresh`: not over a connection in use. */
  send(exchange: Exchange, fresh = false): void {
    const nowMs = exchange.sentAtMs
    const connection = this.#take(fresh, nowMs)
    connection.send(exchange)
    if (this.slot < 0) wakeAt(this, nowMs + 1000)
  }

  /** Closes connections that are idle, old or surplus. */
  wake(nowMs: number): void {
    const { expireMs, maxAgeMs, maxIdleConns } = this.#upstream.options
    let idle = 0
    for (const one of this.#connections) {
      if (!one.closed) one.tidy(nowMs)
      if (one.closed || one.waiting > 0) continue
      idle++
      const old = nowMs - one.usedAtMs >= expireMs || (maxAgeMs > 0 && nowMs - one.openedAtMs >= maxAgeMs)
      const surplus = maxIdleConns > 0 && idle > maxIdleConns
      if (old || surplus || this.#closed) one.close(new Error('connection given up'))
    }
    this.#connections = this.#connections.filter(one => !one.closed)
    if (this.#connections.length > 0) wakeAt(this, nowMs + 1000)
  }

  /** Closes the connections as soon as nobody waits for a reply. */
  close(): void {
    this.#closed = true
    this.wake(performance.now())
  }

  #take(fresh: boolean, nowMs: number): Connection {
    const { maxAgeMs } = this.#upstream.options
    const usable = this.#connections.filter(
      one => one.isUsable(nowMs) && !(maxAgeMs > 0 && nowMs - one.openedAtMs >= maxAgeMs),
    )
    const free = fresh ? undefined : this.#freeOf(usable)
    if (free !== undefined) {
      cells[this.#hits]! += 1
      return free
    }
    if (usable.length > 0 && this.#connections.length >= MAX_CONNECTIONS) {
      cells[this.#hits]! += 1
      return leastOf(usable)
    }
    cells[this.#misses]! += 1
    const connection = this.#transport.open(exchange => this.send(exchange))
    this.#connections.push(connection)
    return connection
  }

  /** One without a query; else, where there are enough of them, the one with the fewest. */
  #freeOf(usable: readonly Connection[]): Connection | undefined {
    if (usable.length === 0) return undefined
    const least = leastOf(usable)
    const isIdle = least.load === 0
    return isIdle || (usable.length >= this.#transport.spread && least.load < least.room) ? least : undefined
  }
}

function leastOf(connections: readonly Connection[]): Connection {
  return connections.reduce((least, one) => (one.load < least.load ? one : least))
}
