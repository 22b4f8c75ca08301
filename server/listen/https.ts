/**
 * DNS over HTTPS (RFC 8484), HTTP/2 and HTTP/1.1, on connections whose handshake is done (handshakes.ts). Node's own servers
 * do the protocols; they never listen, connections are handed to them. What bounds a connection is https-connection.ts.
 */
import type { Server as Http1Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import { createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { cells, counter } from '../metrics.ts'
import { filesForClients, shareFiles } from '../open-files.ts'
import type { Routes } from '../route.ts'
import { Connections } from './connections.ts'
import { divert } from './hand-over.ts'
import { Handshakes } from './handshakes.ts'
import { HttpsConnection } from './https-connection.ts'
import type { HttpRequest, HttpResponse } from './https-exchange.ts'
import type { Listener, ListenerOptions, TcpLimits } from './listener.ts'
import { bindServer, DEFAULT_LIMITS } from './tcp.ts'
import type { HttpsLimits, Secure } from './tls-policy.ts'

const PROTOCOLS = ['h2', 'http/1.1']
/** CoreDNS: the same two. */
const MAX_CONNECTIONS = 200
const MAX_STREAMS = 250
/** Requests that an HTTP/1.1 client may send without waiting. */
const MAX_PIPELINED = 100
/** What a connection may hold: bodies on their way in, responses on their way out. */
const MAX_BUFFERED_BYTES = 256 * 1024
/** A GET of 4,096 octets, and what browsers say beside it. */
const MAX_HEADER_BYTES = 16 * 1024
const MAX_HEADERS = 64
/** What Node may hold of an HTTP/2 connection, in MB: 250 streams are 2.5. */
const SESSION_MEMORY_MB = 4
/** Streams that a client may reset at once, and per second after that (CVE-2023-44487). */
const RESET_BURST = 250
const RESETS_PER_SECOND = 33
/** How much later than its time a connection may be closed. */
const MAX_TICK_MS = 100

const responses = counter('coredns_dns_https_responses_total', 'HTTP responses of DNS over HTTPS.', 'server', 'status')

/** Binds; serves nothing before `start`. @throws ListenError */
export async function listenHttps(address: string, port: number, options: ListenerOptions): Promise<Listener> {
  const { secure } = options
  if (secure === undefined) throw new TypeError(`no certificate for ${options.server}, expected one`)
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  const handshakes = new Handshakes(server, options.server, secure.policy, { protocols: PROTOCOLS })
  const listener = new HttpsListener(handshakes, address, options, secure)
  await bindServer(server, address, port, options)
  return listener
}

export class HttpsListener implements Listener {
  readonly transport = 'tcp'
  readonly scheme = 'https'
  readonly address: string
  limits: TcpLimits
  routes: Routes
  received = 0
  readonly connections: Connections<HttpsConnection>
  readonly #handshakes: Handshakes
  readonly #name: string
  readonly #bySocket = new WeakMap<Socket, HttpsConnection>()
  readonly #bySession = new WeakMap<object, HttpsConnection>()
  readonly #http1: Http1Server
  #http2: Http2Server
  #https: HttpsLimits
  #sockets: number
  /** The connection that is being handed to HTTP/2. */
  #arriving: HttpsConnection | undefined
  #isStarted = false
  #isStopped = false

  constructor(handshakes: Handshakes, address: string, options: ListenerOptions, secure: Secure) {
    this.#handshakes = handshakes
    this.address = address
    this.routes = options.routes
    this.#name = options.server
    this.#https = secure.https ?? {}
    this.#sockets = options.sockets ?? 1
    this.limits = { ...DEFAULT_LIMITS, maxBufferedBytes: MAX_BUFFERED_BYTES, ...options.tcp }
    this.connections = new Connections(options.server, this.limits, MAX_TICK_MS)
    this.#http1 = this.#makeHttp1()
    this.#http2 = this.#makeHttp2()
    handshakes.on('connection', socket => this.#accept(socket))
  }

  get port(): number {
    const bound = this.#handshakes.address()
    return typeof bound === 'object' && bound !== null ? bound.port : 0
  }

  shareWith(sockets: number): void {
    this.#sockets = sockets
  }

  limitTo(limits: Partial<TcpLimits>): void {
    this.limits = { ...DEFAULT_LIMITS, maxBufferedBytes: MAX_BUFFERED_BYTES, ...limits }
  }

  secure({ policy, https }: Secure): void {
    this.#handshakes.renew(policy)
    this.#https = https ?? {}
    this.#http2 = this.#makeHttp2()
  }

  start(): void {
    if (!this.#isStarted) shareFiles(1)
    this.#isStarted = true
    this.#handshakes.start()
  }

  handOver(): void {
    divert(this)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    if (this.#isStarted) shareFiles(-1)
    const isClosed = new Promise<void>(resolve => this.#handshakes.close(resolve))
    await this.connections.end(connection => connection.finish())
    await isClosed
  }

  countResponse(status: number): void {
    cells[responses(this.#name, String(status))]! += 1
  }

  get #maxConnections(): number {
    const { maxConnections = MAX_CONNECTIONS } = this.#https
    const most = maxConnections === 0 ? this.limits.maxConnections : maxConnections
    return Math.ceil(Math.min(most, filesForClients(this.#sockets)) / this.#sockets)
  }

  get #maxStreams(): number {
    return this.#https.maxStreams || MAX_STREAMS
  }

  #accept(socket: TLSSocket): void {
    if (this.#isStopped) {
      socket.destroy()
      return
    }
    const client = this.connections.admit(socket, this.#maxConnections)
    if (client === undefined) return
    const isHttp2 = socket.alpnProtocol === 'h2'
    const connection = new HttpsConnection(this, socket, client, isHttp2 ? this.#maxStreams : MAX_PIPELINED)
    this.connections.add(connection, this.limits.firstReadMs)
    this.#bySocket.set(socket, connection)
    this.#arriving = connection
    if (isHttp2) this.#http2.emit('connection', socket)
    else this.#http1.emit('connection', socket)
    this.#arriving = undefined
  }

  #makeHttp1(): Http1Server {
    const http = process.getBuiltinModule('node:http') // late, as HTTP/2 below
    const server = http.createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 0, // the wheel watches
      requireHostHeader: false,
    })
    server.maxHeadersCount = MAX_HEADERS
    server.on('request', (request, response) => this.#take(this.#bySocket.get(request.socket), request, response))
    server.on('clientError', (_, socket) => this.#refuse(socket as Socket))
    return server
  }

  #makeHttp2(): Http2Server {
    const http2 = process.getBuiltinModule('node:http2') // late: 5 MB that only such listeners need
    const server = http2.createServer({
      settings: { maxConcurrentStreams: this.#maxStreams, maxHeaderListSize: MAX_HEADER_BYTES, enablePush: false },
      maxSessionMemory: SESSION_MEMORY_MB,
      maxHeaderListPairs: MAX_HEADERS,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
    })
    server.on('session', session => {
      const connection = this.#arriving!
      this.#bySession.set(session, connection)
      session.on('error', () => {}) // 'close' of the socket follows
      connection.over(session)
    })
    server.on('request', (request, response) => {
      const { session } = request.stream
      this.#take(session && this.#bySession.get(session), request, response)
    })
    return server
  }

  #take(connection: HttpsConnection | undefined, request: HttpRequest, response: HttpResponse): void {
    if (connection === undefined) response.destroy()
    else connection.take(request, response)
  }

  /** What is no HTTP, or has more headers than a query needs. */
  #refuse(socket: Socket): void {
    if (socket.writable && this.#bySocket.get(socket)?.isIdle === true) {
      this.countResponse(400)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    } else socket.destroy()
  }
}
