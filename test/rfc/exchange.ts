/** One message to the server and what comes back, over UDP and over TCP; silence is told by what is answered after it. */
import { createSocket } from 'node:dgram'
import { on, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { framed, unframed } from '../harness/frames.ts'
import { within } from '../harness/time.ts'
import { octetsOf } from './message.ts'

/** What came back: a message, or none (over TCP the connection was closed instead). */
export type Returned = Buffer | undefined

const ANSWER_MS = 5000
const LOOPBACK = '127.0.0.1'
const SENTINEL_ID = 0xfffe
const SENTINEL = octetsOf({ id: SENTINEL_ID, name: 'dns-version.cluster.local', type: 'TXT' })

/**
 * Sends a datagram. Where there may be no reply (`mayBeSilent`), a second one goes behind it, and a third one once that was
 * answered: what the server had to say to the first has come by then, if it did not have to wait for it.
 */
export async function overUdp(
  message: Uint8Array,
  port: number,
  mayBeSilent: boolean,
  host = LOOPBACK,
): Promise<Returned> {
  const socket = createSocket('udp4')
  try {
    const replies = on(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
    socket.send(message, port, host)
    if (mayBeSilent) socket.send(SENTINEL, port, host)
    let sentinels = 0
    for await (const [octets] of replies as AsyncIterable<[Buffer]>) {
      if (!mayBeSilent || octets.readUInt16BE(0) !== SENTINEL_ID) return octets
      if (++sentinels === 2) break
      socket.send(SENTINEL, port, host)
    }
    return undefined
  } finally {
    socket.close()
  }
}

/** Sends a message on a connection of its own. */
export async function overTcp(message: Uint8Array, port: number): Promise<Returned> {
  const stream = await Stream.open(port)
  try {
    stream.write(framed(message))
    return await stream.next()
  } finally {
    stream.close()
  }
}

/** A TCP connection: what is written goes out as it is, what comes back is taken apart into messages. */
export class Stream {
  readonly socket: Socket
  readonly #arrived: Buffer[] = []
  #isOver = false
  #wake = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    const read = unframed(message => this.#arrived.push(message))
    socket.on('data', chunk => {
      read(chunk)
      this.#wake()
    })
    socket.on('error', () => {}) // a reset is an end as well
    socket.on('close', () => this.#end())
    socket.on('end', () => this.#end())
  }

  static async open(port: number, host = LOOPBACK): Promise<Stream> {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true })
    await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_MS) })
    return new Stream(socket)
  }

  write(octets: Uint8Array): void {
    this.socket.write(octets)
  }

  /** The next message; undefined once the server has closed its side. */
  async next(): Promise<Returned> {
    const arrived = async () => {
      while (this.#arrived.length === 0 && !this.#isOver) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
      return this.#arrived.shift()
    }
    return within(ANSWER_MS, 'a message or the end', arrived())
  }

  close(): void {
    this.socket.destroy()
  }

  #end(): void {
    this.#isOver = true
    this.#wake()
  }
}
