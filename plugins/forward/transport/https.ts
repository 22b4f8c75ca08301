/**
 * DNS over HTTPS (RFC 8484) to one upstream: many queries at a time on one HTTP/2 connection, or one on each connection
 * where the upstream has HTTP/1.1 only. The protocol itself is http.ts, what a response must be https-reply.ts.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { hostPortText } from '../address.ts'
import { padded } from '../message/padding.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Exchange } from './exchange.ts'
import { type HttpOptions, type HttpSession, overSocket } from './http.ts'
import { HttpsReply } from './https-reply.ts'
import { Outstanding } from './outstanding.ts'
import { Connection, type Transport } from './pool.ts'
import { TlsDialer } from './tls.ts'

const HTTPS_PORT = 443
const LATE_MS = 5000 // a reply that nobody waits for may still tell that the upstream lives
const PRESUMED_ROOM = 100

/** What all connections to one upstream share. */
interface Shared {
  readonly upstream: Upstream
  readonly http: HttpOptions
  readonly dialer: TlsDialer
  /** Queries that a connection may be expected to take, before its own upstream says so. */
  presumedRoom: number
}

export function overHttps(upstream: Upstream): Transport {
  const { serverName, host, port, options } = upstream
  const name = serverName ?? host.replace(/%.*/, '')
  const bare = hostPortText({ host: name, port })
  const authority = port === HTTPS_PORT ? bare.replace(/:443$/, '') : bare // RFC 9110 §4.2.2
  const shared: Shared = {
    upstream,
    http: { authority, method: options.dohMethod },
    dialer: new TlsDialer(upstream, ['h2', 'http/1.1']),
    presumedRoom: PRESUMED_ROOM,
  }
  return { proto: 'https', spread: 1, open: again => new HttpsConnection(shared, again) }
}

/** A query on its way. */
interface Request {
  readonly exchange: Exchange
  readonly reply: HttpsReply
  /** Ends it early, once it was sent. */
  cancel: (() => void) | undefined
}

class HttpsConnection extends Connection {
  readonly #shared: Shared
  readonly #again: (exchange: Exchange) => void
  readonly #socket: Socket
  readonly #requests = new Set<Request>()
  /** After the handshake. */
  #session: HttpSession | undefined
  /** It brought something that is no reply: it ends when the others have theirs. */
  #suspect = false

  /** `again`: finds another connection for a query that was not sent. */
  constructor(shared: Shared, again: (exchange: Exchange) => void) {
    super()
    this.#shared = shared
    this.#again = again
    this.#socket = shared.dialer.dial(
      cause => this.close(cause),
      socket => this.#ready(socket),
    )
    this.#socket.unref()
  }

  get load(): number {
    return this.#requests.size
  }

  get waiting(): number {
    let waiting = 0
    for (const { exchange } of this.#requests) if (exchange.asker !== undefined) waiting++
    return waiting
  }

  get room(): number {
    return this.#session?.room ?? this.#shared.presumedRoom
  }

  get choked(): boolean {
    return this.#suspect || this.#session?.leaving === true
  }

  send(exchange: Exchange): void {
    const nowMs = performance.now()
    this.asked(nowMs)
    const request: Request = { exchange, reply: new HttpsReply(), cancel: undefined }
    this.#requests.add(request)
    if (this.#session !== undefined) this.#begin(request, this.#session)
  }

  close(cause: Error): void {
    if (this.closed) return
    this.closed = true
    const waiting = [...this.#requests]
    this.#requests.clear()
    for (const { cancel } of waiting) cancel?.()
    this.#session?.close()
    this.#socket.destroy()
    for (const { exchange } of waiting) exchange.asker?.failed(exchange, cause, this.proven)
  }

  override tidy(nowMs: number): void {
    for (const request of this.#requests) {
      const { asker, sentAtMs } = request.exchange
      if (asker === undefined && nowMs - sentAtMs > LATE_MS) this.#drop(request, true)
    }
  }

  #ready(socket: TLSSocket): void {
    this.heard()
    const session = overSocket(socket, this.#shared.http)
    this.#session = session
    this.#shared.presumedRoom = session.room
    const waiting = [...this.#requests]
    for (const request of waiting.slice(0, session.room)) this.#begin(request, session)
    for (const request of waiting.slice(session.room)) {
      this.#drop(request, false)
      this.#again(request.exchange)
    }
  }

  #begin(request: Request, session: HttpSession): void {
    const { exchange, reply } = request
    request.cancel = session.request(padded(exchange.message, exchange.length), {
      head: (status, headers) => this.#check(request, reply.head(status, headers)),
      data: chunk => this.#check(request, reply.data(chunk)),
      end: () => this.#finish(request),
      failed: (cause, retry) => this.#fail(request, cause, retry),
    })
  }

  #check(request: Request, wrong: Error | undefined): void {
    this.heard()
    if (wrong !== undefined) this.#fail(request, wrong, false)
  }

  #finish(request: Request): void {
    if (!this.#requests.has(request)) return
    const message = request.reply.message()
    if (message instanceof Error) {
      this.#fail(request, message, false)
      return
    }
    const { exchange } = request
    const one = new Outstanding(this.#shared.upstream)
    one.addAs(exchange, 0) // RFC 8484 §4.1
    if (one.deliver(message, 0, message.length) !== undefined) {
      this.proven = true
      this.#shared.presumedRoom = this.room
      this.#drop(request, false)
    } else {
      this.#suspect = true
      this.#fail(request, new Error('the upstream sent a message that is no reply'), false)
    }
  }

  #fail(request: Request, cause: Error, retry: boolean): void {
    if (!this.#requests.has(request)) return
    const { exchange } = request
    this.#drop(request, true)
    exchange.asker?.failed(exchange, cause, retry)
  }

  #drop(request: Request, cancel: boolean): void {
    this.#requests.delete(request)
    if (cancel) request.cancel?.()
    if (this.#suspect && this.#requests.size === 0) this.close(new Error('connection given up'))
  }
}
