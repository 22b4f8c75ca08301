/**
 * From accepted connections to encrypted ones. A handshake costs as much as hundreds of queries, so that queries of others
 * go first: handshakes begin one by one, in a quarter of the thread's time, none before its client has spoken, and whoever
 * speaks plain DNS is gone before OpenSSL hears of it. All of it is bounded: how many wait, how many are under way, and for
 * how long. Addresses take turns, and the one with the most connections makes room: no flood of one keeps the others out.
 */
import { EventEmitter } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { cells, counter } from '../metrics.ts'
import { filesForClients, shareFiles } from '../open-files.ts'
import { plainAddress } from './address.ts'
import { type Client, Clients } from './tcp-shares.ts'
import { isWelcome, type SpeechOptions, serverOptions, type TlsPolicy } from './tls-policy.ts'

/** From accepting to the last flight of the handshake. */
export const HANDSHAKE_MS = 3000
/** Connections without TLS yet, and those of them whose handshake has begun: a few KB each, and some 50. */
const MAX_PENDING = 1024
const MAX_BEGUN = 256
/** After each that begins, the thread is for others for three times as long: they get three quarters of it, whoever floods. */
const REST = 3
/** A timer is no finer. */
const LEAST_REST_MS = 1
const HANDSHAKE_RECORD = 22 // RFC 8446 §5.1: the content type of a ClientHello

/** `failed`: TLS could not agree; `plain`: no TLS; `gone`: the client left; `limit`: too many others came after it. */
type Result = 'done' | 'failed' | 'plain' | 'gone' | 'limit' | 'timeout'

const handshakes = counter('sextant_tls_handshakes_total', 'TLS handshakes with clients.', 'server', 'result')

interface Events {
  /** The handshake is done: nothing has been read yet. */
  connection: [socket: TLSSocket]
}

/** A connection that is not encrypted yet. */
interface Pending {
  readonly socket: Socket
  /** Its two ends: what finds it again when TLS, which knows its own sockets alone, is done with it. */
  readonly ends: string
  readonly timer: NodeJS.Timeout
  /** With all that its address has here. */
  readonly client: Client
}

/** Stands for a TCP server, whose connections have become encrypted ones. */
export class Handshakes extends EventEmitter<Events> {
  readonly #server: Server
  readonly #name: string
  readonly #options: SpeechOptions
  #tls: TlsServer
  readonly #clients = new Clients()
  /** By their ends, in the order of accepting; those that have begun; and those that may, whose turn it is first. */
  readonly #pending = new Map<string, Pending>()
  readonly #begun = new Set<Pending>()
  readonly #ready = new Map<Client, Pending[]>()
  #isPumping = false
  /** Rest that is due after those that have begun. */
  #restMs = 0
  #isStarted = false
  #isClosed = false

  /** @param server bound, with `pauseOnConnect` */
  constructor(server: Server, name: string, policy: TlsPolicy, options: SpeechOptions) {
    super()
    this.#server = server
    this.#name = name
    this.#options = options
    this.#tls = this.#terminator(policy)
    server.on('connection', socket => this.#accept(socket))
  }

  /** Connections whose handshake begins from now on meet this. */
  renew(policy: TlsPolicy): void {
    this.#tls = this.#terminator(policy)
  }

  address(): AddressInfo | string | null {
    return this.#server.address()
  }

  /** Reads from what has come so far, and what will. */
  start(): void {
    if (!this.#isStarted) shareFiles(1)
    this.#isStarted = true
    for (const pending of this.#pending.values()) this.#listen(pending)
  }

  /** Accepts no more, and ends what has not become a connection yet. `done` when all connections are closed. */
  close(done: () => void): void {
    if (this.#isStarted && !this.#isClosed) shareFiles(-1)
    this.#isClosed = true
    this.#server.close(() => done())
    for (const pending of this.#pending.values()) this.#end(pending, 'gone')
  }

  /** Ends handshakes of one policy. It never listens: connections are handed to it. */
  #terminator(policy: TlsPolicy): TlsServer {
    const { createServer } = process.getBuiltinModule('node:tls') // late: only such listeners need it
    const tls = createServer(serverOptions(policy, this.#options))
    tls.on('tlsClientError', (_, socket) => socket.destroy())
    tls.on('secureConnection', socket => {
      if (isWelcome(socket, policy.clientAuth)) this.#secured(socket)
      else socket.destroy()
    })
    return tls
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {}) // 'close' follows
    const ends = endsOf(socket)
    if (this.#isClosed || this.#pending.has(ends)) {
      socket.destroy()
      return
    }
    if (this.#pending.size >= Math.min(MAX_PENDING, filesForClients())) this.#endOldest(this.#pending.values())
    const timer = setTimeout(() => this.#end(pending, 'timeout'), HANDSHAKE_MS)
    const client = this.#clients.of(plainAddress(socket.remoteAddress ?? ''))
    const pending: Pending = { socket, ends, timer, client }
    this.#clients.enter(client)
    this.#pending.set(ends, pending)
    socket.once('close', () => this.#end(pending, this.#begun.has(pending) ? 'failed' : 'gone'))
    if (this.#isStarted) this.#listen(pending)
  }

  /** Waits for the client's first octets. */
  #listen(pending: Pending): void {
    const { socket } = pending
    socket.once('readable', () => {
      const first: Buffer | null = socket.read()
      if (first === null) this.#end(pending, 'gone')
      else if (first[0] !== HANDSHAKE_RECORD) this.#end(pending, 'plain')
      else {
        socket.unshift(first)
        const queue = this.#ready.get(pending.client)
        if (queue === undefined) this.#ready.set(pending.client, [pending])
        else queue.push(pending)
        this.#pump()
      }
    })
  }

  /** Begins the next one, once there was rest enough, and then the others. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    const next = () => {
      const startMs = performance.now()
      this.#beginNext()
      // TLS takes the first flight, which is what costs, in a tick that is queued before this one.
      process.nextTick(() => {
        this.#isPumping = false
        this.#restMs += (performance.now() - startMs) * REST
        if (this.#ready.size > 0) this.#pump()
        else this.#restMs = 0
      })
    }
    if (this.#restMs < LEAST_REST_MS) setImmediate(next)
    else {
      setTimeout(next, this.#restMs)
      this.#restMs = 0
    }
  }

  #beginNext(): void {
    let pending = this.#takeReady()
    while (pending?.socket.destroyed === true) pending = this.#takeReady()
    if (pending === undefined) return
    if (this.#begun.size >= MAX_BEGUN) this.#endOldest(this.#begun.values())
    this.#begun.add(pending)
    this.#tls.emit('connection', pending.socket)
  }

  /** The oldest one of the address whose turn it is, which then is the last of all addresses. */
  #takeReady(): Pending | undefined {
    for (const [client, queue] of this.#ready) {
      const pending = queue.shift()
      this.#ready.delete(client)
      if (queue.length > 0) this.#ready.set(client, queue)
      return pending
    }
    return undefined
  }

  /** Ends the oldest one of the address that has the most. */
  #endOldest(all: Iterable<Pending>): void {
    let loser: Pending | undefined
    for (const pending of all) {
      if (loser === undefined || pending.client.connections > loser.client.connections) loser = pending
    }
    if (loser !== undefined) this.#end(loser, 'limit')
  }

  #secured(socket: TLSSocket): void {
    const pending = this.#pending.get(endsOf(socket))
    if (pending === undefined || !this.#forget(pending)) {
      socket.destroy()
      return
    }
    cells[handshakes(this.#name, 'done')]! += 1
    socket.allowHalfOpen = this.#options.allowHalfOpen === true // not before: who leaves in the middle is gone
    this.emit('connection', socket)
  }

  #end(pending: Pending, result: Result): void {
    if (!this.#forget(pending)) return
    cells[handshakes(this.#name, result)]! += 1
    pending.socket.destroy()
  }

  /** False if it was forgotten before. */
  #forget(pending: Pending): boolean {
    clearTimeout(pending.timer)
    this.#begun.delete(pending)
    if (this.#pending.get(pending.ends) !== pending) return false
    this.#clients.leave(pending.client)
    return this.#pending.delete(pending.ends)
  }
}

/** Unique among the open connections of a listener. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
