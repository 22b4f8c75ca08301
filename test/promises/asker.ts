/** A client that asks again and again at an easy pace, over UDP or one TCP connection, and notes what became of each question. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { framed, unframed } from '../harness/frames.ts'
import { query } from '../harness/message.ts'
import { delay } from '../harness/time.ts'

const RCODE_BITS = 15

export interface AskerOptions {
  readonly port: number
  /** Asked in turn; `NAME` or `NAME TYPE`. */
  readonly names: readonly string[]
  readonly everyMs: number
  readonly over?: 'udp' | 'tcp'
  /** The local port for UDP, if it is not to be the kernel's choice. */
  readonly from?: number
}

/** What came of the questions. Times are milliseconds of `performance.now`. */
export interface Tally {
  readonly asked: number
  readonly answered: number
  readonly lost: number
  /** Answers by the number of their rcode. */
  readonly rcodes: ReadonlyMap<number, number>
  readonly slowestMs: number
  /** When the first and the last answer came. */
  readonly firstMs: number
  readonly lastMs: number
  /** Connections that the server ended while a question was open. */
  readonly cut: number
}

export class Asker {
  readonly #options: AskerOptions
  readonly #messages: readonly Buffer[]
  readonly #askedAtMs = new Map<number, number>()
  readonly #rcodes = new Map<number, number>()
  readonly #timer: NodeJS.Timeout
  #udp: UdpSocket | undefined
  #tcp: Socket | undefined
  #asked = 0
  #answered = 0
  #slowestMs = 0
  #firstMs = 0
  #lastMs = 0
  #cut = 0

  constructor(options: AskerOptions) {
    this.#options = options
    this.#messages = options.names.map(text => {
      const [name = '', type = 'A'] = text.split(' ')
      return query(name, { type })
    })
    this.#timer = setInterval(() => this.#ask(), options.everyMs)
  }

  get answered(): number {
    return this.#answered
  }
  /** When the last answer came. */
  get lastMs(): number {
    return this.#lastMs
  }

  /** Asks nothing more. @returns how many questions are open */
  pause(): number {
    clearInterval(this.#timer)
    return this.#askedAtMs.size
  }

  /** Asks nothing more; gives the tally once every question has its answer, or after `patienceMs`. */
  async stop(patienceMs = 6000): Promise<Tally> {
    this.pause()
    for (const deadlineMs = performance.now() + patienceMs; this.#askedAtMs.size > 0; await delay(5))
      if (performance.now() > deadlineMs) break
    this.#udp?.close()
    this.#tcp?.destroy()
    return {
      asked: this.#asked,
      answered: this.#answered,
      lost: this.#asked - this.#answered,
      rcodes: this.#rcodes,
      slowestMs: this.#slowestMs,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      cut: this.#cut,
    }
  }

  #ask(): void {
    const id = this.#asked & 0xffff
    const message = this.#messages[this.#asked % this.#messages.length]!
    message.writeUInt16BE(id)
    this.#asked++
    this.#askedAtMs.set(id, performance.now())
    if (this.#options.over === 'tcp') {
      this.#connection().write(framed(message))
    } else this.#socket().send(Buffer.from(message), this.#options.port, '127.0.0.1')
  }

  #socket(): UdpSocket {
    if (this.#udp === undefined) {
      this.#udp = createSocket('udp4').bind(this.#options.from)
      this.#udp.on('message', reply => this.#take(reply))
      this.#udp.on('error', () => {}) // what could not be sent is lost
    }
    return this.#udp
  }

  #connection(): Socket {
    if (this.#tcp !== undefined && !this.#tcp.destroyed) return this.#tcp
    const socket = connect({ port: this.#options.port, host: '127.0.0.1', noDelay: true })
    socket.on(
      'data',
      unframed(reply => this.#take(reply)),
    )
    socket.on('error', () => {}) // told by 'close'
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      if (this.#askedAtMs.size > 0) this.#cut++
    })
    this.#tcp = socket
    return socket
  }

  #take(reply: Buffer): void {
    const id = reply.readUInt16BE(0)
    const askedAtMs = this.#askedAtMs.get(id)
    if (askedAtMs === undefined) return
    this.#askedAtMs.delete(id)
    const nowMs = performance.now()
    this.#answered++
    this.#slowestMs = Math.max(this.#slowestMs, nowMs - askedAtMs)
    this.#firstMs ||= nowMs
    this.#lastMs = nowMs
    const rcode = reply[3]! & RCODE_BITS
    this.#rcodes.set(rcode, (this.#rcodes.get(rcode) ?? 0) + 1)
  }
}
