/**
 * One HTTPS connection: its requests, what they hold, and its time. A client that stalls, floods with frames, or leaves
 * what it asked for lying, is let go.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Routes } from '../route.ts'
import { Timed } from '../wheel.ts'
import { plainAddress } from './address.ts'
import type { CloseReason } from './connections.ts'
import type { HttpsListener } from './https.ts'
import { type HttpRequest, type HttpResponse, HttpsExchange } from './https-exchange.ts'
import type { TcpLimits } from './listener.ts'
import type { Client, Guest } from './tcp-shares.ts'

/** SETTINGS and PING frames that no request follows: each has to be acknowledged (CVE-2019-9512, CVE-2019-9515). */
const MAX_CONTROL_FRAMES = 100
/** While responses hold more than this part of what a connection may, further queries wait until the client has taken some. */
const BLOCKED_PART = 2
const REFUSED_STREAM = 7 // RFC 9113 §7: nothing was done about it

export class HttpsConnection extends Timed implements Guest {
  readonly client: Client
  readonly #listener: HttpsListener
  readonly #socket: TLSSocket
  readonly #maxRequests: number
  readonly #exchanges = new Set<HttpsExchange>()
  #latest: HttpsExchange | undefined
  #session: ServerHttp2Session | undefined
  /** Requests so far. */
  #asked = 0
  #quietSinceMs = performance.now()
  #controlFrames = 0
  /** Octets that the exchanges hold, and those of them that are responses. */
  #heldBytes = 0
  #responseBytes = 0
  /** Their queries wait for room. */
  readonly #waiting: HttpsExchange[] = []
  #isFinishing = false
  /** The last request that it may have has come. */
  #hasAskedAll = false

  /** @param maxRequests that may be open at a time */
  constructor(listener: HttpsListener, socket: TLSSocket, client: Client, maxRequests: number) {
    super()
    this.client = client
    this.#listener = listener
    this.#socket = socket
    this.#maxRequests = maxRequests
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => listener.connections.forget(this))
  }

  get limits(): TcpLimits {
    return this.#listener.limits
  }
  get routes(): Routes {
    return this.#listener.routes
  }
  get address(): string {
    return this.client.address
  }
  get port(): number {
    return this.#socket.remotePort ?? 0
  }
  get family(): 4 | 6 {
    return this.address.includes(':') ? 6 : 4
  }
  get localAddress(): string {
    return plainAddress(this.#socket.localAddress ?? this.#listener.address)
  }

  /** Nothing is waited for on either side. */
  get isIdle(): boolean {
    return this.#exchanges.size === 0
  }

  /** It takes no more requests, and this one came last. */
  endsWith(exchange: HttpsExchange): boolean {
    return this.#isFinishing && exchange === this.#latest
  }

  /** True while no further query may be served. */
  get isBlocked(): boolean {
    return this.#responseBytes > this.limits.maxBufferedBytes / BLOCKED_PART
  }

  /** Has an exchange served once there is room. */
  wait(exchange: HttpsExchange): void {
    this.#waiting.push(exchange)
  }

  /** An exchange holds so many octets more, or less, of its response or of its query. */
  hold(bytes: number, isResponse: boolean): void {
    this.#heldBytes += bytes
    if (isResponse) this.#responseBytes += bytes
    if (this.#heldBytes > this.limits.maxBufferedBytes) this.close('buffer')
  }

  /** It speaks HTTP/2. */
  over(session: ServerHttp2Session): void {
    this.#session = session
    const control = () => {
      if (++this.#controlFrames > MAX_CONTROL_FRAMES) this.close('garbage')
    }
    session.on('remoteSettings', control)
    session.on('ping', control)
  }

  take(request: HttpRequest, response: HttpResponse): void {
    if (this.#hasAskedAll) {
      // Over HTTP/1.1 the response to the last one that counts ends the connection.
      if ('stream' in response) response.stream.close(REFUSED_STREAM)
      return
    }
    this.#asked++
    this.#controlFrames = 0
    const exchange = new HttpsExchange(this, request, response)
    this.#exchanges.add(exchange)
    this.#latest = exchange
    // Streams that were reset count until their queries are answered: a client cannot ask without end (CVE-2023-44487).
    if (this.#exchanges.size > this.#maxRequests) this.close('limit')
    else {
      this.lookAt(exchange.dueMs)
      if (this.#asked >= this.limits.maxQueries) this.#takeNoMore()
      exchange.begin()
    }
  }

  countReceived(): void {
    this.#listener.received++
  }

  countResponse(status: number): void {
    this.#listener.countResponse(status)
  }

  /** Has itself looked at by then at the latest. */
  lookAt(dueMs: number): void {
    if (this.#socket.destroyed || (this.slot >= 0 && this.wakeAtMs <= dueMs)) return
    this.#listener.connections.watch(this, dueMs - performance.now())
  }

  /** An exchange is over. */
  forget(exchange: HttpsExchange): void {
    if (!this.#exchanges.delete(exchange)) return
    while (this.#waiting.length > 0 && !this.isBlocked && !this.#socket.destroyed) this.#waiting.shift()!.goOn()
    if (!this.isIdle) return
    this.#quietSinceMs = performance.now()
    if (this.#isFinishing) this.#goodbye()
  }

  /** Takes no more, answers what is in flight, then closes. */
  finish(): void {
    this.#isFinishing = true
    if (this.isIdle) this.#goodbye()
  }

  #takeNoMore(): void {
    this.#hasAskedAll = true
    if (this.#isFinishing) return
    this.#isFinishing = true
    this.#listener.connections.countClosed('queries')
    this.#session?.close() // GOAWAY: what is open is answered
  }

  #goodbye(): void {
    if (this.#session === undefined) this.#socket.destroySoon()
    else this.#session.close(() => this.#socket.destroySoon())
  }

  close(reason: CloseReason): void {
    if (this.#socket.destroyed) return
    this.#listener.connections.countClosed(reason)
    this.#listener.connections.forget(this)
    this.#session?.destroy()
    this.#socket.destroy()
  }

  /** Closes the connection if its time, or that of one of its exchanges, is up. */
  wake(nowMs: number): void {
    const { firstReadMs, idleMs } = this.limits
    let dueMs = nowMs + idleMs
    let late: CloseReason = this.#asked > 0 ? 'idle' : 'first-read'
    if (this.isIdle) dueMs = this.#quietSinceMs + (this.#asked > 0 ? idleMs : firstReadMs)
    for (const exchange of this.#exchanges) {
      if (exchange.dueMs === 0 || exchange.dueMs >= dueMs) continue
      dueMs = exchange.dueMs
      late = exchange.lateWith
    }
    if (dueMs > nowMs) this.#listener.connections.watch(this, dueMs - nowMs)
    else this.close(late)
  }
}
