/**
 * One request and its response: the query out of it, the reply into it. HTTP/1.1 and HTTP/2 look the same here, as Node's
 * servers show them. Whatever a client does to a request, its query is answered once and forgotten once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { LATER, takeQuery } from '../serve.ts'
import { freshness } from '../wire/freshness.ts'
import type { Peer } from '../wire/query.ts'
import type { CloseReason } from './connections.ts'
import type { HttpsConnection } from './https-connection.ts'
import { MAX_MESSAGE_BYTES, MEDIA_TYPE, METHODS, readHead, STATUS } from './https-request.ts'
import { serveMessage } from './listener.ts'

export type HttpRequest = IncomingMessage | Http2ServerRequest
export type HttpResponse = ServerResponse | Http2ServerResponse

/** What messages of all exchanges are read into, and replies made in: one at a time is served. */
const out = new Uint8Array(MAX_MESSAGE_BYTES)
let query = takeQuery()

export class HttpsExchange implements Peer {
  readonly isEncrypted = true
  readonly #connection: HttpsConnection
  readonly #request: HttpRequest
  readonly #response: HttpResponse
  #body: Buffer[] = []
  /** Octets of the body so far, or of the response that the client has not taken. */
  #heldBytes = 0
  #isAnswered = false
  /** The query is in somebody's hands, who will bring its reply. */
  #isServed = false
  #isClosed = false
  /** Until when the body has to be there, then the response taken; 0 while the answer is what is waited for. */
  dueMs: number

  constructor(connection: HttpsConnection, request: HttpRequest, response: HttpResponse) {
    this.#connection = connection
    this.#request = request
    this.#response = response
    this.dueMs = performance.now() + connection.limits.firstReadMs
    request.on('error', () => {}) // 'close' follows
    response.on('error', () => {})
    response.on('close', () => this.#close())
  }

  get address(): string {
    return this.#connection.address
  }
  get port(): number {
    return this.#connection.port
  }
  get family(): 4 | 6 {
    return this.#connection.family
  }
  get localAddress(): string {
    return this.#connection.localAddress
  }

  /** What its client is late with. */
  get lateWith(): CloseReason {
    return this.#isAnswered ? 'write' : 'first-read'
  }

  begin(): void {
    const { method, url, headers } = this.#request
    const head = { method, url, contentType: headers['content-type'], contentLength: headers['content-length'] }
    const read = readHead(head)
    if (typeof read === 'number') this.#refuse(read)
    else if (read !== undefined) this.#ask(read)
    else this.#readBody()
  }

  #readBody(): void {
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#response.writableEnded) return
      this.#body.push(chunk)
      this.#hold(this.#heldBytes + chunk.length)
      if (this.#heldBytes > MAX_MESSAGE_BYTES) this.#refuse(STATUS.CONTENT_TOO_LARGE)
    })
    this.#request.on('end', () => {
      // The end of a stream that was cut off is not that of its message.
      if (this.#response.writableEnded || this.#isCut) return
      const [first] = this.#body
      const message = this.#body.length === 1 ? first! : Buffer.concat(this.#body)
      this.#ask(message)
    })
  }

  /** Serves the query, or has it wait: the client asks for more than it takes. */
  #ask(message: Buffer): void {
    this.#body = []
    this.#hold(0)
    this.dueMs = 0
    if (!this.#connection.isBlocked) this.#serve(message)
    else {
      this.#body = [message]
      this.#hold(message.length)
      this.#connection.wait(this)
    }
  }

  /** There is room for the response to the query that waits. */
  goOn(): void {
    const [message] = this.#body
    if (this.#isClosed || message === undefined) return
    this.#body = []
    this.#hold(0)
    this.#serve(message)
  }

  get #isCut(): boolean {
    const request = this.#request
    return request.aborted || ('stream' in request && (request.stream.aborted || request.stream.rstCode !== 0))
  }

  #hold(bytes: number): void {
    const more = bytes - this.#heldBytes
    this.#heldBytes = bytes
    this.#connection.hold(more, this.#isAnswered)
  }

  #serve(message: Buffer): void {
    const q = query
    out.set(message)
    q.bytes = out
    q.start = 0
    q.length = message.length
    q.capacity = MAX_MESSAGE_BYTES
    q.stream = true
    q.peer = this
    q.receivedAtMs = performance.now()
    this.#connection.countReceived()
    this.#isServed = true
    const octets = serveMessage(this.#connection.routes, q)
    if (octets !== LATER) this.#isServed = false
    if (octets > 0) this.#respond(out, 0, octets)
    else if (octets === 0)
      this.#refuse(STATUS.BAD_REQUEST) // no message, or a response
    else {
      query = takeQuery()
      if (octets !== LATER) this.#refuse(STATUS.INTERNAL_SERVER_ERROR)
    }
  }

  keep(): Peer {
    return this
  }

  send(bytes: Uint8Array, at: number, length: number): void {
    this.#isServed = false
    if (length > 0) this.#respond(bytes, at, length)
    else this.#refuse(STATUS.INTERNAL_SERVER_ERROR)
    if (this.#isClosed) this.#connection.forget(this)
  }

  /** RFC 8484 §4.2.1: whatever the rcode, a DNS reply is a success of HTTP. */
  #respond(bytes: Uint8Array, at: number, length: number): void {
    const body = Buffer.from(bytes.subarray(at, at + length))
    this.#end(STATUS.OK, body, {
      'content-type': MEDIA_TYPE,
      'content-length': String(length),
      'cache-control': `max-age=${freshness(bytes, at, length)}`,
    })
  }

  #refuse(status: number): void {
    const allow: Record<string, string> = status === STATUS.METHOD_NOT_ALLOWED ? { allow: METHODS } : {}
    this.#end(status, undefined, { ...allow, 'content-length': '0' })
  }

  #end(status: number, body: Buffer | undefined, headers: Record<string, string>): void {
    const response = this.#response
    this.#body = []
    if (this.#isClosed || response.writableEnded || response.destroyed) return
    this.#connection.countResponse(status)
    this.#hold(0)
    const isBody = body !== undefined && this.#request.method !== 'HEAD'
    this.#isAnswered = true
    this.dueMs = performance.now() + this.#connection.limits.writeMs
    // What is left of a body that nobody wants is read by nobody: the connection cannot go on with what is behind it.
    const isLast = this.#connection.endsWith(this) || (this.#request.method === 'POST' && !this.#request.complete)
    if ('stream' in response) response.writeHead(status, headers)
    else response.writeHead(status, isLast ? { ...headers, connection: 'close' } : headers)
    if (isBody) response.end(body)
    else response.end()
    this.#connection.lookAt(this.dueMs)
    this.#hold(isBody ? body.length : 0)
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#body = []
    this.#hold(0)
    if (!this.#isServed) this.#connection.forget(this)
  }
}
