/**
 * Listeners with a stage whose behaviour the first label of the question chooses, and clients that are not ours: plain
 * dgram and net sockets.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { buildChain } from '../../../server/chain.ts'
import { AF_INET, sockaddr } from '../../../server/listen/address.ts'
import { type Ffi, loadFfi } from '../../../server/listen/ffi.ts'
import { type Listener, type ListenerOptions, listenPair } from '../../../server/listen/listen.ts'
import { Arena } from '../../../server/listen/udp-arena.ts'
import type { Stage } from '../../../server/plugin.ts'
import { Routes } from '../../../server/route.ts'
import { turnSoon } from '../../../server/turn.ts'
import type { Answer } from '../../../server/wire/answer.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import type { Query } from '../../../server/wire/query.ts'
import { QUESTION } from '../../../server/wire/section.ts'
import { framed, unframed } from '../../harness/frames.ts'
import { readReply } from '../../harness/message.ts'

/** The ways to speak UDP that this machine has. */
export const WAYS: readonly ('batch' | 'dgram')[] = loadFfi() === undefined ? ['dgram'] : ['batch', 'dgram']
/** Ten times and more of what anything here takes. */
export const DEADLINE_MS = 5000

export class Behaviour {
  /** Told when a promise that `tick` made has settled, and process.nextTick ran. */
  onTick: (() => void) | undefined
  /** Messages of "parts" that were composed, and of replies that came to an end. */
  parts = 0
  ends = 0
  readonly #held: (() => void)[] = []
  #onHeld: (() => void) | undefined

  readonly stage: Stage = { handle: q => this.#handle(q) }
  readonly routes = new Routes(
    [
      {
        zone: nameFromText('.'),
        chain: buildChain([this.stage]),
        plugins: ['test'],
        observers: [],
        recursionAvailable: false,
        udpBytes: 4096,
      },
    ],
    false,
    undefined,
    'dns://:53',
  )

  /** Resolves once `count` queries for `hold` wait. */
  async holding(count: number): Promise<void> {
    while (this.#held.length < count) {
      await new Promise<void>(resolve => {
        this.#onHeld = resolve
      })
    }
  }

  /** Lets all queries for `hold` go on. */
  release(): void {
    for (const go of this.#held.splice(0)) go()
  }

  #handle(q: Query): Answer | Promise<Answer> {
    const label = q.qnameText.split('.')[0]!
    if (label.startsWith('later')) return new Promise(resolve => setImmediate(() => resolve(address(q))))
    if (label === 'micro') return Promise.resolve().then(() => address(q))
    if (label === 'who') return text(q, describe(q))
    if (label === 'wholater') return Promise.resolve().then(() => text(q, describe(q)))
    if (label === 'big') return big(q)
    if (label.startsWith('parts')) return Promise.resolve().then(() => this.#inParts(q, Number(label.slice(5))))
    if (label === 'broken') {
      q.answer.reset().answer.add(QUESTION, 0, 1, 1, undefined as unknown as Uint8Array, 0, 4)
      return q.answer
    }
    if (label.startsWith('hold')) {
      return new Promise(resolve => {
        this.#held.push(() => resolve(label === 'holdbig' ? big(q) : address(q)))
        this.#onHeld?.()
      })
    }
    if (label.startsWith('tick')) {
      const ticked = Promise.resolve()
        .then(() => new Promise<void>(resolve => process.nextTick(resolve)))
        .then(() => this.onTick?.())
      if (label === 'ticklater') return ticked.then(() => address(q))
      turnSoon()
    }
    return address(q)
  }

  /** A reply of that many messages of 32 KiB. */
  #inParts(q: Query, count: number): Answer {
    const compose = function* (this: Behaviour): Generator<void> {
      try {
        for (let i = 1; i <= count; i++) {
          big(q)
          this.parts++
          if (i < count) yield
        }
      } finally {
        this.ends++
        q.answer.messages = undefined
      }
    }
    q.answer.messages = compose.call(this)
    return q.answer
  }
}

function address(q: Query): Answer {
  q.answer.reset().answer.add(QUESTION, 0, 1, 30, Uint8Array.of(10, 0, 0, 1))
  return q.answer
}

function text(q: Query, content: string): Answer {
  const octets = Buffer.from(content)
  q.answer.reset().answer.add(QUESTION, 0, 16, 30, Buffer.concat([Buffer.of(octets.length), octets]))
  return q.answer
}

/** 32 KiB of addresses. */
function big(q: Query): Answer {
  q.answer.reset()
  for (let i = 0; i < 2000; i++) q.answer.answer.add(QUESTION, 0, 1, 30, Uint8Array.of(10, 0, i >> 8, i & 255))
  return q.answer
}

function describe(q: Query): string {
  return `${q.peer.address} ${q.peer.port} ${q.peer.family} ${q.peer.localAddress}`
}

/** The text of the first TXT record in a reply. */
export function firstText(octets: Uint8Array): string {
  return String((readReply(octets).answers![0] as unknown as { data: Buffer[] }).data[0])
}

export interface Served {
  udp: Listener
  tcp: Listener
  port: number
  behaviour: Behaviour
}

/** Both transports on a free port, started. */
export async function served(address: string, options: Partial<ListenerOptions> = {}): Promise<Served> {
  const behaviour = new Behaviour()
  const { udp, tcp } = await listenPair(address, 0, { routes: behaviour.routes, server: 'dns://:test', ...options })
  udp.start()
  tcp.start()
  return { udp, tcp, port: udp.port, behaviour }
}

/** Runs `body` with both transports, and stops them whatever happens. */
export async function withServed(
  address: string,
  options: Partial<ListenerOptions>,
  body: (at: Served) => Promise<void>,
): Promise<void> {
  const at = await served(address, options)
  try {
    await body(at)
  } finally {
    at.behaviour.release()
    await Promise.all([at.udp.stop(), at.tcp.stop()])
  }
}

/** A UDP socket without events, connected to `port`: what it does wakes nothing else in this process. */
export class QuietClient {
  readonly fd: number
  readonly arena: Arena
  readonly #ffi: Ffi
  readonly #to = new Uint8Array(48)

  constructor(ffi: Ffi, port: number) {
    this.#ffi = ffi
    this.fd = ffi.calls.socket(AF_INET, 2 | 0x800, 0) // SOCK_DGRAM, SOCK_NONBLOCK
    this.arena = new Arena(ffi, 4, false)
    const name = sockaddr('127.0.0.1', port)!
    const memory = new ArrayBuffer(name.length)
    new Uint8Array(memory).set(name)
    this.#to.set(name)
    if (ffi.calls.connect(this.fd, ffi.addressOf(memory), name.length) !== 0) throw new Error(`errno ${ffi.errno()}`)
  }

  send(message: Uint8Array): number {
    this.arena.fill(0, this.#to, message, 0, message.length)
    this.arena.reply(0, 0, message.length)
    return this.#ffi.calls.sendmmsg(this.fd, this.arena.sendHeaders, 1, 0)
  }

  close(): void {
    this.#ffi.calls.close(this.fd)
  }
}

/** Rejects when `promise` takes too long. */
export async function soon<T>(promise: Promise<T>, what: string, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves once `check` is true, for what no event tells. */
export async function eventually(check: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + DEADLINE_MS; !check(); ) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${DEADLINE_MS} ms`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** A UDP client. Replies are kept in order of arrival. */
export class UdpClient {
  readonly socket: UdpSocket
  readonly replies: { octets: Buffer; from: RemoteInfo }[] = []
  #onReply: (() => void) | undefined

  constructor(family: 4 | 6 = 4) {
    this.socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 })
    this.socket.on('message', (octets, from) => {
      this.replies.push({ octets, from })
      this.#onReply?.()
    })
  }

  send(message: Uint8Array, port: number, to = '127.0.0.1'): void {
    this.socket.send(message, port, to)
  }

  /** Resolves once there are `count` replies. */
  async until(count: number): Promise<void> {
    const all = new Promise<void>(resolve => {
      this.#onReply = () => this.replies.length >= count && resolve()
      this.#onReply()
    })
    await soon(all, `${this.replies.length} of ${count} replies`)
  }

  /** Sends one message and gives the next reply. */
  async ask(message: Uint8Array, port: number, to?: string): Promise<{ octets: Buffer; from: RemoteInfo }> {
    const count = this.replies.length + 1
    this.send(message, port, to)
    await this.until(count)
    return this.replies[count - 1]!
  }

  close(): void {
    this.socket.close()
  }
}

/** A TCP client. Splits what comes into messages. */
export class TcpClient {
  readonly socket: Socket
  readonly replies: Buffer[] = []
  hasEnded = false
  readonly ended: Promise<void>
  #onReply: (() => void) | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    this.ended = new Promise(resolve => {
      socket.once('close', () => {
        this.hasEnded = true
        resolve()
      })
    })
    socket.on('end', () => socket.end())
    const read = unframed(message => this.replies.push(message))
    socket.on('data', chunk => {
      read(chunk)
      this.#onReply?.()
    })
  }

  static async to(port: number, host = '127.0.0.1'): Promise<TcpClient> {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true })
    await once(socket, 'connect')
    return new TcpClient(socket)
  }

  /** On a connection that is there already, such as an encrypted one. */
  static on(socket: Socket): TcpClient {
    return new TcpClient(socket)
  }

  send(...messages: Uint8Array[]): void {
    this.socket.write(framed(...messages))
  }

  async until(count: number): Promise<void> {
    const all = new Promise<void>(resolve => {
      this.#onReply = () => this.replies.length >= count && resolve()
      this.#onReply()
    })
    await soon(all, `${count} replies over TCP`, 4 * DEADLINE_MS)
  }

  async ask(message: Uint8Array): Promise<Buffer> {
    const count = this.replies.length + 1
    this.send(message)
    await this.until(count)
    return this.replies[count - 1]!
  }

  close(): void {
    this.socket.destroy()
  }
}
