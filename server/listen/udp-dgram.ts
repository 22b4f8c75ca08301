/**
 * UDP through node:dgram, where batches cannot be had. Same interface and behaviour, except that a reply from a
 * wildcard socket names the address that the kernel's routing picks: dgram cannot say which one was asked.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { cells } from '../metrics.ts'
import type { Routes } from '../route.ts'
import { LATER, type ServedQuery, takeQuery } from '../serve.ts'
import { HEADER_BYTES, type Peer } from '../wire/query.ts'
import { IPV4_AT, IPV6_AT, isWildcard, PORT_AT, plainAddress, SOCKADDR_IN_BYTES, sockaddr } from './address.ts'
import { divert } from './hand-over.ts'
import {
  BROKEN,
  countDrops,
  ListenError,
  type Listener,
  type ListenerOptions,
  STOP_MS,
  serveMessage,
  unsentReplies,
} from './listener.ts'

const RECEIVE_BUFFER_BYTES = 4 << 20
const PACKET_BYTES = 4096
/** Messages that are kept until `start`: dgram reads from the moment it is bound. */
const MAX_EARLY = 4096
/** Octets that may wait in the socket's send queue. */
const MAX_QUEUED_BYTES = 1 << 20

/** Binds; serves nothing before `start`. @throws ListenError */
export async function listenDgram(address: string, port: number, options: ListenerOptions): Promise<Listener> {
  const host = address === '' ? '::' : address
  if (sockaddr(host, port) === undefined) throw new ListenError('udp', address, port, 'EINVAL')
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    ipv6Only: options.ipv6Only ?? false,
    reusePort: options.reusePort ?? false,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    lookup: (name, _, done) => done(null, name, isIPv6(name) ? 6 : 4), // addresses only: sent without a turn of the loop
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new ListenError('udp', address, port, cause.code ?? cause.message, cause))
    })
    socket.bind({ address: host, port, exclusive: true }, resolve)
  })
  socket.removeAllListeners('error')
  return new UdpDgram(socket, address, options)
}

class UdpDgram implements Listener {
  readonly transport = 'udp'
  readonly address: string
  readonly port: number
  routes: Routes
  received = 0
  readonly #socket: Socket
  readonly #bytes = new Uint8Array(PACKET_BYTES)
  readonly #unsent: number
  readonly #endDrops: () => void
  #early: [Buffer, RemoteInfo][] | undefined = []
  #query: ServedQuery = takeQuery()
  #isStopped = false
  #isClosed = false
  /** Queries in flight and replies that the kernel has not taken. */
  #unsettled = 0
  #onSettled: (() => void) | undefined

  constructor(socket: Socket, address: string, options: ListenerOptions) {
    this.#socket = socket
    this.address = address
    this.port = socket.address().port
    this.routes = options.routes
    this.#unsent = unsentReplies(options.server)
    // The main thread counts for all sockets of an address: which one is whose, the file does not say.
    const drops = () => (isMainThread ? kernelDrops(address === '' ? '::' : address, this.port) : 0)
    this.#endDrops = countDrops(options.server, drops)
    socket.on('message', (message, from) => this.#message(message, from))
    socket.on('error', () => this.#countUnsent()) // an error of the network, told to a later call; the socket stays
  }

  start(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const [message, from] of early) this.#message(message, from)
  }

  handOver(): void {
    divert(this)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    if (this.#unsettled > 0) {
      await new Promise<void>(resolve => {
        this.#onSettled = resolve
        setTimeout(resolve, STOP_MS).unref()
      })
    }
    this.#endDrops()
    this.#isClosed = true
    await new Promise<void>(resolve => this.#socket.close(resolve))
  }

  get localAddress(): string {
    return isWildcard(this.address) ? '' : plainAddress(this.address)
  }

  #message(message: Buffer, from: RemoteInfo): void {
    if (this.#isStopped || from.port === 0) return
    if (this.#early !== undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push([message, from])
      return
    }
    this.received++
    const q = this.#query
    const peer = new DgramPeer(this, from)
    const isCut = message.length > PACKET_BYTES
    this.#bytes.set(isCut ? message.subarray(0, HEADER_BYTES) : message)
    q.bytes = this.#bytes
    q.start = 0
    q.length = isCut ? HEADER_BYTES : message.length // of a message too long the header alone is served: FORMERR
    q.capacity = PACKET_BYTES
    q.stream = false
    q.peer = peer
    q.receivedAtMs = performance.now()
    const octets = serveMessage(this.routes, q)
    if (octets > 0) this.#transmit(from, this.#bytes, 0, octets)
    else if (octets === LATER || octets === BROKEN) {
      if (octets === LATER) this.#unsettled++
      this.#query = takeQuery()
    }
  }

  /** Sends a reply that was waited for. */
  sendLate(to: RemoteInfo, bytes: Uint8Array, at: number, length: number): void {
    this.#transmit(to, bytes, at, length)
    this.#settle()
  }

  /** Sends a copy of the reply, for dgram may hold on to what it is given. Never throws. */
  #transmit(to: RemoteInfo, bytes: Uint8Array, at: number, length: number): void {
    if (this.#isClosed || length <= 0 || this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.#countUnsent()
      return
    }
    this.#unsettled++
    try {
      this.#socket.send(Buffer.from(bytes.subarray(at, at + length)), to.port, to.address, failed => {
        if (failed) this.#countUnsent()
        this.#settle()
      })
    } catch {
      this.#countUnsent() // dgram throws on what it does not like, before it asks the kernel
      this.#settle()
    }
  }

  #settle(): void {
    if (--this.#unsettled === 0) this.#onSettled?.()
  }

  #countUnsent(): void {
    cells[this.#unsent]! += 1
  }
}

class DgramPeer implements Peer {
  readonly #listener: UdpDgram
  readonly #from: RemoteInfo

  constructor(listener: UdpDgram, from: RemoteInfo) {
    this.#listener = listener
    this.#from = from
  }

  get address(): string {
    return plainAddress(this.#from.address)
  }
  get port(): number {
    return this.#from.port
  }
  get family(): 4 | 6 {
    return this.address.includes(':') ? 6 : 4
  }
  get localAddress(): string {
    return this.#listener.localAddress
  }
  keep(): Peer {
    return this
  }
  send(bytes: Uint8Array, at: number, length: number): void {
    this.#listener.sendLate(this.#from, bytes, at, length)
  }
}

/** Drops of the sockets bound to an address, from /proc/net/udp and udp6; 0 where there is no such file. */
function kernelDrops(address: string, port: number): number {
  const local = procAddress(sockaddr(address, port)!)
  let lines: string[]
  try {
    lines = readFileSync(isIPv6(address) ? '/proc/net/udp6' : '/proc/net/udp', 'utf8').split('\n')
  } catch {
    return 0 // another system
  }
  const own = lines.map(line => line.trim().split(/\s+/)).filter(columns => columns[1] === local)
  return own.reduce((sum, columns) => sum + Number(columns.at(-1)), 0)
}

/** As /proc/net writes it: the address as words of the machine, the port, in capital hexadecimal. */
function procAddress(name: Uint8Array): string {
  const octets =
    name.length === SOCKADDR_IN_BYTES ? name.slice(IPV4_AT, IPV4_AT + 4) : name.slice(IPV6_AT, IPV6_AT + 16)
  const words = new Uint32Array(octets.buffer)
  const text = [...words].map(word => word.toString(16).padStart(8, '0')).join('')
  return `${text}:${Buffer.from(name.subarray(PORT_AT, PORT_AT + 2)).toString('hex')}`.toUpperCase()
}
