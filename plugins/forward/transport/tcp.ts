/**
 * Queries over TCP or TLS: messages behind their length, answered in any order (RFC 7766 §6.2.1.1, RFC 7858 §3.3). A
 * connection that the upstream closes costs its queries nothing but one more try on another.
 *
 *   +----------------+------------------ - -
 *   | length, 2 oct. | message             |      RFC 1035 §4.2.2
 *   +----------------+------------------ - -
 */
import { connect, type Socket } from 'node:net'
import { padded } from '../message/padding.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Exchange } from './exchange.ts'
import { Outstanding } from './outstanding.ts'
import { Connection, type Transport } from './pool.ts'
import { TlsDialer } from './tls.ts'

const SPREAD = 8
const MAX_PIPELINED = 64 // queries on a connection before another one is opened
const MAX_BUFFERED_BYTES = 1 << 20
const MIN_MESSAGE_BYTES = 12

/** Opens a socket that carries messages; `closed` is told why it ends, once or more often. */
type Dial = (closed: (cause: Error) => void) => Socket

export function overTcp(upstream: Upstream): Transport {
  const { host, port, family, options } = upstream
  const localAddress = options.sourceAddress(family)
  const dial: Dial = closed => {
    const socket = connect({ host, port, noDelay: true, ...(localAddress && { localAddress }) })
    socket.on('error', closed)
    socket.on('close', () => closed(new Error('connection closed by the upstream')))
    return socket
  }
  return { proto: 'tcp', spread: SPREAD, open: () => new FramedConnection(upstream, dial) }
}

/** DNS over TLS (RFC 7858). No ALPN: CoreDNS sends none, and a server may refuse a name that it does not know. */
export function overTls(upstream: Upstream): Transport {
  const dialer = new TlsDialer(upstream)
  return { proto: 'tcp-tls', spread: SPREAD, open: () => new FramedConnection(upstream, closed => dialer.dial(closed)) }
}

class FramedConnection extends Connection {
  readonly #socket: Socket
  readonly #exchanges: Outstanding
  #partial: Uint8Array = new Uint8Array(0)
  readonly #upstream: Upstream
  /** Ids may have been forgotten that replies still come for: so many are kept apart. */
  #forgetful = false

  constructor(upstream: Upstream, dial: Dial) {
    super()
    this.#upstream = upstream
    this.#exchanges = new Outstanding(upstream)
    this.#socket = dial(cause => this.close(cause))
    this.#socket.unref()
    this.#socket.on('data', (chunk: Uint8Array) => this.#read(chunk))
  }

  get load(): number {
    return this.#exchanges.size
  }

  get waiting(): number {
    return this.#exchanges.waiting
  }

  get room(): number {
    return MAX_PIPELINED
  }

  get choked(): boolean {
    return this.#socket.writableLength >= MAX_BUFFERED_BYTES
  }

  send(exchange: Exchange): void {
    if (this.#exchanges.size >= MAX_PIPELINED) this.#forgetful = true
    this.#exchanges.add(exchange)
    this.asked(exchange.sentAtMs)
    const { message, length } = exchange
    this.#socket.write(framed(this.#upstream.encrypted ? padded(message, length) : message.subarray(0, length)))
  }

  close(cause: Error): void {
    if (this.closed) return
    this.closed = true
    this.#socket.destroy()
    for (const exchange of this.#exchanges.clear()) exchange.asker?.failed(exchange, cause, this.proven)
  }

  #read(chunk: Uint8Array): void {
    this.heard()
    let bytes = chunk
    if (this.#partial.length > 0) {
      bytes = new Uint8Array(this.#partial.length + chunk.length)
      bytes.set(this.#partial)
      bytes.set(chunk, this.#partial.length)
    }
    let at = 0
    while (!this.closed && at + 2 <= bytes.length) {
      const length = (bytes[at]! << 8) | bytes[at + 1]!
      if (length < MIN_MESSAGE_BYTES) {
        this.close(new Error(`the upstream sent a message of ${length} octets`))
        return
      }
      if (at + 2 + length > bytes.length) break
      this.#take(bytes, at + 2, length)
      at += 2 + length
    }
    this.#partial = bytes.slice(at) // less than one message: 65,537 octets at most
  }

  /** Nobody can slip a message into TLS: one that is no reply there means that the upstream is out of step. */
  #take(bytes: Uint8Array, at: number, length: number): void {
    const id = (bytes[at]! << 8) | bytes[at + 1]!
    const isKnown = this.#exchanges.has(id)
    if (!this.#upstream.encrypted) this.proven = true
    if (this.#exchanges.deliver(bytes, at, length) !== undefined) this.proven = true
    else if (this.#upstream.encrypted && (isKnown || !this.#forgetful)) {
      this.close(new Error('the upstream sent a message that is no reply'))
    }
  }
}

/** Length and message in one write (RFC 7766 §8). */
function framed(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(message.length + 2)
  out[0] = message.length >> 8
  out[1] = message.length & 255
  out.set(message, 2)
  return out
}
