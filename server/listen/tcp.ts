/**
 * DNS over TCP (RFC 7766): accepts connections, within their limits. All of them together are connections.ts, what happens on one
 * is tcp-connection.ts.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { warn } from '../log.ts'
import { filesForClients, shareFiles } from '../open-files.ts'
import type { Routes } from '../route.ts'
import { plainAddress, sockaddr } from './address.ts'
import { Connections } from './connections.ts'
import { divert } from './hand-over.ts'
import { ListenError, type Listener, type ListenerOptions, type TcpLimits } from './listener.ts'
import { TcpConnection } from './tcp-connection.ts'
import { limitSendBuffer } from './tcp-options.ts'
import { join, leave } from './tcp-shares.ts'

/** CoreDNS: the times are its defaults. */
export const DEFAULT_LIMITS: TcpLimits = {
  firstReadMs: 3000,
  idleMs: 10_000,
  writeMs: 5000,
  maxConnections: 10_000,
  maxHeldBytes: 32 << 20,
  maxQueries: Number.POSITIVE_INFINITY,
  maxInFlight: 1024,
  maxBufferedBytes: 1 << 20,
}
const LISTEN_BACKLOG = 1024
/** How much later than its time a connection may be closed. */
const MAX_TICK_MS = 20
/** How long a client may take to close its side once all was said. */
const LINGER_MS = 500

/** Binds; serves nothing before `start`. @throws ListenError */
export async function listenTcp(address: string, port: number, options: ListenerOptions): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  const listener = new TcpListener(server, address, options)
  await bindServer(server, address, port, options)
  return listener
}

/** Binds a server of streams. What is accepted is for its 'connection'. @throws ListenError */
export async function bindServer(
  server: Server,
  address: string,
  port: number,
  options: ListenerOptions,
): Promise<void> {
  const host = address === '' ? '::' : address
  if (sockaddr(host, port) === undefined) throw new ListenError('tcp', address, port, 'EINVAL')
  // Not `options` itself in what stays: it holds the first routes, and with them all that this configuration had.
  const { server: name, ipv6Only = false, reusePort = false } = options
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new ListenError('tcp', address, port, cause.code ?? cause.message, cause))
    })
    server.listen({ host, port, ipv6Only, reusePort, backlog: LISTEN_BACKLOG, exclusive: true }, resolve)
  })
  server.removeAllListeners('error')
  limitSendBuffer(server)
  server.on('error', cause => warn(undefined, `accepting on ${name}: ${cause.message}`))
}

/** Where connections come from. */
export interface Acceptor {
  on(event: 'connection', accept: (socket: Socket) => void): unknown
  address(): ReturnType<Server['address']>
  /** Accepts no more. `done` when all connections are closed. */
  close(done: () => void): unknown
}

export class TcpListener implements Listener {
  readonly transport = 'tcp'
  readonly address: string
  limits: TcpLimits
  /** How many sockets share these limits. */
  #sockets: number
  routes: Routes
  received = 0
  /** Connections are closed with their next answer. */
  isHandingOver = false
  readonly connections: Connections<TcpConnection>
  readonly #server: Acceptor
  #early: Socket[] | undefined = []
  #isStopped = false

  constructor(server: Acceptor, address: string, options: ListenerOptions) {
    this.#server = server
    this.address = address
    this.routes = options.routes
    this.limits = limitsOf(options.tcp)
    this.#sockets = options.sockets ?? 1
    this.connections = new Connections(options.server, this.limits, MAX_TICK_MS)
    server.on('connection', socket => this.#accept(socket))
  }

  get port(): number {
    const bound = this.#server.address()
    return typeof bound === 'object' && bound !== null ? bound.port : 0
  }

  /** Its part of `limits.maxConnections`. */
  get #maxConnections(): number {
    return Math.ceil(Math.min(this.limits.maxConnections, filesForClients(this.#sockets)) / this.#sockets)
  }

  shareWith(sockets: number): void {
    this.#sockets = sockets
    join(this.connections.all, this.limits.maxHeldBytes / sockets)
  }

  limitTo(limits: Partial<TcpLimits>): void {
    this.limits = limitsOf(limits)
  }

  start(): void {
    const early = this.#early ?? []
    if (this.#early !== undefined) shareFiles(1)
    this.#early = undefined
    this.shareWith(this.#sockets)
    for (const socket of early) this.#accept(socket)
  }

  handOver(): void {
    divert(this)
    this.isHandingOver = true
    for (const connection of this.connections.all) connection.handOver()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const socket of this.#early ?? []) socket.destroy()
    if (this.#early === undefined) shareFiles(-1)
    const isClosed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    await this.connections.end(connection => connection.finish(LINGER_MS))
    leave(this.connections.all)
    await isClosed
  }

  get localAddress(): string {
    return plainAddress(this.address)
  }

  #accept(socket: Socket): void {
    if (this.#isStopped) {
      socket.destroy()
      return
    }
    if (this.#early !== undefined) {
      socket.on('error', () => {}) // gone before we began
      if (this.#early.length < this.#maxConnections) this.#early.push(socket)
      else socket.destroy()
      return
    }
    const client = this.connections.admit(socket, this.#maxConnections)
    if (client !== undefined) this.connections.add(new TcpConnection(this, socket, client), this.limits.firstReadMs)
  }
}

function limitsOf(some: Partial<TcpLimits> | undefined): TcpLimits {
  return { ...DEFAULT_LIMITS, ...some }
}
