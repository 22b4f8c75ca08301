/**
 * TCP to one upstream: connections that carry many queries at a time, answered in any order (RFC 7766 §6.2.1.1). A
 * connection that the upstream closes costs its queries nothing but one more try on another.
 */
import { connect, type Socket } from 'node:net'
import { cells } from '../../server/metrics.ts'
import { Timed, wakeAt } from '../../server/wheel.ts'
import { deliver, type Exchange, enter } from './exchange.ts'
import type { Upstream } from './upstream.ts'

const MAX_CONNECTIONS = 32 // per upstream
const MAX_PIPELINED = 64 // queries on a connection before another one is opened
const MAX_SILENCE_MS = 1000 // a connection on which nothing comes back takes no more queries
const MAX_BUFFERED_BYTES = 1 << 20
const MIN_MESSAGE_BYTES = 12

class Connection {
  readonly socket: Socket
  readonly exchanges = new Map<number, Exchange>()
  readonly openedAtMs = performance.now()
  usedAtMs = this.openedAtMs
  /** When the first query was sent that nothing was heard after. */
  #askedAtMs = Number.POSITIVE_INFINITY
  /** It has brought a reply: when it closes, it closes as idle connections do. */
  proven = false
  closed = false
  #partial: Uint8Array = new Uint8Array(0)
  readonly #upstream: Upstream

  constructor(upstream: Upstream) {
    this.#upstream = upstream
    const localAddress = upstream.options.sourceAddress(upstream.family)
    this.socket = connect({
      host: upstream.host,
      port: upstream.port,
      noDelay: true,
      ...(localAddress && { localAddress }),
    })
    this.socket.unref()
    this.socket.on('data', (chunk: Uint8Array) => this.#read(chunk))
    this.socket.on('error', cause => this.close(cause))
    this.socket.on('close', () => this.close(new Error('connection closed by the upstream')))
  }

  send(exchange: Exchange): void {
    enter(this.exchanges, exchange)
    this.usedAtMs = exchange.sentAtMs
    this.#askedAtMs = Math.min(this.#askedAtMs, exchange.sentAtMs)
    const { message } = exchange
    const framed = new Uint8Array(message.length + 2) // RFC 7766 §8: length and message in one write
    framed[0] = message.length >> 8
    framed[1] = message.length & 255
    framed.set(message, 2)
    this.socket.write(framed)
  }

  /** Ends the connection; its queries fail, those on a proven one with the right to another try. */
  close(cause: Error): void {
    if (this.closed) return
    this.closed = true
    this.socket.destroy()
    const waiting = [...this.exchanges.values()]
    this.exchanges.clear()
    for (const exchange of waiting) exchange.asker?.failed(exchange, cause, this.proven)
  }

  /** It may take a query: it is open, not choked, and not silent since a second. */
  isUsable(nowMs: number): boolean {
    return !this.closed && nowMs - this.#askedAtMs < MAX_SILENCE_MS && this.socket.writableLength < MAX_BUFFERED_BYTES
  }

  get waiting(): number {
    let waiting = 0
    for (const exchange of this.exchanges.values()) if (exchange.asker !== undefined) waiting++
    return waiting
  }

  #read(chunk: Uint8Array): void {
    this.#askedAtMs = Number.POSITIVE_INFINITY
    let bytes = chunk
    if (this.#partial.length > 0) {
      bytes = new Uint8Array(this.#partial.length + chunk.length)
      bytes.set(this.#partial)
      bytes.set(chunk, this.#partial.length)
    }
    let at = 0
    while (!this.closed && at + 2 <= bytes.length) {
      const length = (bytes[at]! << 8) | bytes[at + 1]!
      if (length < MIN_MESSAGE_BYTES) {
        this.close(new Error(`the upstream sent a message of ${length} octets`))
        return
      }
      if (at + 2 + length > bytes.length) break
      this.proven = true
      deliver(this.exchanges, bytes, at + 2, length, this.#upstream)
      at += 2 + length
    }
    this.#partial = bytes.slice(at) // less than one message: 65,537 octets at most
  }
}

export class TcpPool extends Timed {
  readonly #upstream: Upstream
  #connections: Connection[] = []
  #closed = false

  constructor(upstream: Upstream) {
    super()
    this.#upstream = upstream
  }

  /** Sends the query of the exchange; a failure is told to its asker later. `fresh`: not over a connection in use. */
  send(exchange: Exchange, fresh = false): void {
    const nowMs = performance.now()
    const connection = this.#take(fresh, nowMs)
    connection.send(exchange)
    if (this.slot < 0) wakeAt(this, nowMs + 1000)
  }

  /** Closes connections that are idle, old or surplus. */
  wake(nowMs: number): void {
    const { expireMs, maxAgeMs, maxIdleConns } = this.#upstream.options
    let idle = 0
    for (const one of this.#connections) {
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
    const free = fresh ? undefined : usable.find(one => one.exchanges.size < MAX_PIPELINED)
    if (free !== undefined) {
      cells[this.#upstream.hits.tcp]! += 1
      return free
    }
    if (usable.length > 0 && this.#connections.length >= MAX_CONNECTIONS) {
      cells[this.#upstream.hits.tcp]! += 1
      return usable.reduce((least, one) => (one.exchanges.size < least.exchanges.size ? one : least))
    }
    cells[this.#upstream.misses.tcp]! += 1
    const connection = new Connection(this.#upstream)
    this.#connections.push(connection)
    return connection
  }
}
