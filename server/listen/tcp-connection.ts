/**
 * One TCP connection: messages out of the stream, replies into it. Queries are answered as they finish (RFC 7766 §6.2.1.1),
 * replies that are ready together leave in one write. Reading stops while the client does not read or too many queries
 * wait; garbage closes.
 *
 *   +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *   |             length of the message             |   RFC 1035 §4.2.2
 *   |                  the message                  |
 *   +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 */
import type { Socket } from 'node:net'
import { LATER, takeQuery } from '../serve.ts'
import { Timed } from '../wheel.ts'
import { HEADER_BYTES, type Peer } from '../wire/query.ts'
import { plainAddress } from './address.ts'
import type { CloseReason } from './connections.ts'
import { serveMessage } from './listener.ts'
import type { TcpListener } from './tcp.ts'
import { copyOf, giveBack } from './tcp-memory.ts'
import { holdUntilEnd } from './tcp-options.ts'
import { type Client, type Holder, hold } from './tcp-shares.ts'

const PREFIX_BYTES = 2
const MAX_MESSAGE_BYTES = 65_535
const MAX_FRAME_BYTES = PREFIX_BYTES + MAX_MESSAGE_BYTES
/** Replies are made in here, one behind the other, each over its query; then they are copied out and written. */
const out = new Uint8Array(2 * MAX_FRAME_BYTES)
const FIRST_PARTIAL_BYTES = 128
/** This part of the octets that may wait for a client is enough to keep the kernel busy: more is not read before it is taken. */
const BLOCKED_PART = 16
/** How long a client that asked all it may has to close its side. */
const LINGER_MS = 500

/** What messages of all connections are read into: one at a time is served. */
let query = takeQuery()

export class TcpConnection extends Timed implements Peer, Holder {
  readonly client: Client
  held = 0
  readonly #listener: TcpListener
  readonly #socket: Socket
  #inFlight = 0
  /** Octets of `out` that are this connection's and not yet written. */
  #outLength = 0
  /** Replies that came late, written together once this turn's promises are through. */
  #late: Buffer[] = []
  #lateBytes = 0
  /** Replies of several messages that wait for room. */
  readonly #whenRoom: ((isOpen: boolean) => void)[] = []
  /** A message of which a part has come: its octets so far. */
  #partial: Buffer | undefined
  #partialLength = 0
  /** Octets that were read but must wait. */
  #backlog: Buffer | undefined
  #hasEnded = false
  #isFinishing = false
  #lingerMs = 0
  /** Queries so far. */
  #asked = 0
  #quietSinceMs: number
  /** Since when the client does not take what was written, 0 if it does. */
  #stuckSinceMs = 0

  constructor(listener: TcpListener, socket: Socket, client: Client) {
    super()
    this.client = client
    this.#listener = listener
    this.#socket = socket
    this.#quietSinceMs = performance.now()
    socket.on('data', chunk => this.#read(chunk as Buffer))
    socket.on('end', () => {
      this.#hasEnded = true
      this.#closeIfDone()
    })
    socket.on('drain', () => this.#resume())
    socket.on('error', () => {}) // the client is gone; 'close' follows
    socket.on('close', () => {
      this.#forget()
      this.#tellRoom()
    })
    if (listener.isHandingOver) this.handOver()
    socket.resume()
  }

  get address(): string {
    return this.client.address
  }
  get port(): number {
    return this.#socket.remotePort ?? 0
  }
  get family(): 4 | 6 {
    return this.address.includes(':') ? 6 : 4
  }
  get localAddress(): string {
    return plainAddress(this.#socket.localAddress ?? this.#listener.localAddress)
  }

  get isEncrypted(): boolean {
    return 'encrypted' in this.#socket
  }

  get idleMs(): number {
    return this.#isFinishing ? 0 : this.#listener.limits.idleMs
  }

  /** Nothing is waited for on either side. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#socket.writableLength === 0
  }

  /** Something is to be answered. */
  get #isBusy(): boolean {
    return this.#inFlight > 0 || this.#backlog !== undefined || this.#late.length > 0
  }

  keep(): Peer {
    return this
  }

  /** Its next answer is to be the last one, and to come with the end of the connection: nothing is asked in between. */
  handOver(): void {
    this.#lingerMs = LINGER_MS
    holdUntilEnd(this.#socket)
  }

  settle(): void {
    let held = this.#socket.writableLength + this.#lateBytes
    if (this.#partial !== undefined) held += this.#partial.length
    if (this.#backlog !== undefined) held += this.#backlog.length
    if (held === this.held || this.#socket.destroyed) return
    const more = held - this.held
    this.held = held
    hold(this.client, more)
  }

  /** Holds nothing any more. */
  #forget(): void {
    this.#listener.connections.forget(this)
    if (this.held > 0) hold(this.client, -this.held)
    this.held = 0
  }

  send(bytes: Uint8Array, at: number, length: number): void {
    this.#inFlight--
    if (this.#socket.destroyed) return
    if (length <= 0) this.close('garbage')
    else this.#queue(bytes, at, length)
  }

  sendPart(bytes: Uint8Array, at: number, length: number): Promise<boolean> {
    if (!this.#socket.destroyed) this.#queue(bytes, at, length)
    return new Promise(resolve => {
      this.#whenRoom.push(resolve)
      setImmediate(() => this.#tellRoom())
    })
  }

  /** Lets those go on who wait for the client to take what was written, or tells them that it is gone. */
  #tellRoom(): void {
    const { destroyed, writableNeedDrain } = this.#socket
    if (!destroyed && (writableNeedDrain || this.#late.length > 0)) return
    for (const resolve of this.#whenRoom.splice(0)) resolve(!destroyed)
  }

  #queue(bytes: Uint8Array, at: number, length: number): void {
    const frame = Buffer.allocUnsafe(PREFIX_BYTES + length)
    frame.writeUInt16BE(length)
    frame.set(bytes.subarray(at, at + length), PREFIX_BYTES)
    if (this.#late.length === 0) process.nextTick(() => this.#writeLate())
    this.#late.push(frame)
    this.#lateBytes += frame.length
    if (this.#socket.writableLength + this.#lateBytes > this.#listener.limits.maxBufferedBytes) this.close('buffer')
    else this.settle()
  }

  /** Reads no more, answers what is in flight, then closes; the client has `lingerMs` to close its side. */
  finish(lingerMs: number): void {
    this.#isFinishing = true
    this.#lingerMs = lingerMs
    this.#backlog = undefined
    this.#socket.resume() // what still comes is thrown away: unread octets would turn the close into a reset
    this.#closeIfDone()
  }

  /** Closes now; after garbage, what was answered before it is still sent. */
  close(reason: CloseReason): void {
    if (this.#socket.destroyed || (reason === 'garbage' && this.#isFinishing)) return
    this.#listener.connections.countClosed(reason)
    this.#backlog = undefined
    this.#late = []
    if (reason === 'garbage') {
      this.#isFinishing = true
      this.#socket.destroySoon()
      return
    }
    this.#forget()
    const isStuck = reason === 'write' || reason === 'buffer' || reason === 'memory'
    if (isStuck && !this.isEncrypted) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** Closes the connection if its time is up, else asks to be looked at again. */
  wake(nowMs: number): void {
    const nextMs = this.#expire(nowMs)
    if (nextMs > 0) this.#listener.connections.watch(this, nextMs - nowMs)
  }

  /** When to look again, 0 for never. */
  #expire(nowMs: number): number {
    const { firstReadMs, idleMs, writeMs } = this.#listener.limits
    let dueMs = nowMs + idleMs
    if (this.#stuckSinceMs > 0) {
      if (this.#socket.writableLength === 0) this.#stuckSinceMs = 0
      else {
        dueMs = this.#stuckSinceMs + writeMs
        if (dueMs <= nowMs) return this.#expired('write')
      }
    }
    if (this.#inFlight > 0) return dueMs
    const quietUntilMs = this.#quietSinceMs + (this.#asked > 0 ? idleMs : firstReadMs)
    if (quietUntilMs <= nowMs && this.#stuckSinceMs === 0) return this.#expired(this.#asked > 0 ? 'idle' : 'first-read')
    return this.#stuckSinceMs > 0 ? dueMs : quietUntilMs
  }

  #expired(reason: CloseReason): number {
    this.close(reason)
    return 0
  }

  #read(chunk: Buffer): void {
    if (this.#isFinishing) return
    if (this.#backlog !== undefined) this.#backlog = Buffer.concat([this.#backlog, chunk])
    else this.#take(chunk)
    this.settle()
  }

  /** Serves the whole messages of `chunk`; keeps what follows them. */
  #take(chunk: Buffer): void {
    const nowMs = performance.now()
    let at = this.#partial === undefined ? 0 : this.#completePartial(chunk, nowMs)
    while (at >= 0 && chunk.length - at >= PREFIX_BYTES && !this.#isFinishing) {
      const length = (chunk[at]! << 8) | chunk[at + 1]!
      if (length < HEADER_BYTES) at = -1
      else if (chunk.length - at - PREFIX_BYTES < length) break
      else if (this.#isBlocked()) {
        const rest = chunk.subarray(at)
        this.#wait(2 * rest.length < chunk.length ? Buffer.from(rest) : rest) // a view keeps all of it
        break
      } else at = this.#serve(chunk, at + PREFIX_BYTES, length, nowMs) ? at + PREFIX_BYTES + length : -1
    }
    const isPartial = at >= 0 && at < chunk.length && this.#backlog === undefined && !this.#isFinishing
    if (isPartial) this.#keepPartial(chunk, at, chunk.length)
    this.#flush()
    if (at < 0 && !this.#isFinishing) this.close('garbage')
    else this.#closeIfDone()
  }

  /** Serves one message. False if the connection is to be closed. */
  #serve(bytes: Uint8Array, at: number, length: number, nowMs: number): boolean {
    const q = query
    const start = this.#outLength + PREFIX_BYTES
    out.set(bytes.subarray(at, at + length), start)
    q.bytes = out
    q.start = start
    q.length = length
    q.capacity = MAX_MESSAGE_BYTES
    q.stream = true
    q.peer = this
    q.receivedAtMs = nowMs
    this.#listener.received++
    if (++this.#asked >= this.#listener.limits.maxQueries) this.#askedAll()
    this.#quietSinceMs = nowMs
    const octets = serveMessage(this.#listener.routes, q)
    if (octets > 0) {
      out[start - 2] = octets >> 8
      out[start - 1] = octets & 255
      this.#outLength = start + octets
      if (this.#outLength > out.length - MAX_FRAME_BYTES) this.#flush()
      return true
    }
    if (octets !== 0) query = takeQuery()
    if (octets === LATER) this.#inFlight++
    return octets === LATER
  }

  /** This query is its last: it is closed once all are answered. */
  #askedAll(): void {
    this.#listener.connections.countClosed('queries')
    this.#isFinishing = true
    this.#lingerMs = LINGER_MS
  }

  /** Keeps messages for later, and reads no more until then. */
  #wait(messages: Buffer): void {
    this.#backlog = messages
    this.#socket.pause()
  }

  /** True while no further message may be served. */
  #isBlocked(): boolean {
    const { maxInFlight, maxBufferedBytes } = this.#listener.limits
    if (this.#inFlight >= maxInFlight) return true
    return this.#socket.writableLength + this.#lateBytes > maxBufferedBytes / BLOCKED_PART
  }

  /** Adds to a message of which a part had come. Returns where in `chunk` the next one begins, -1 on garbage. */
  #completePartial(chunk: Buffer, nowMs: number): number {
    let at = 0
    if (this.#partialLength < PREFIX_BYTES) at = this.#keepPartial(chunk, 0, Math.min(1, chunk.length))
    const length = this.#partial!.readUInt16BE()
    if (length < HEADER_BYTES) return -1
    const missing = PREFIX_BYTES + length - this.#partialLength
    at = this.#keepPartial(chunk, at, Math.min(chunk.length, at + missing))
    if (this.#partialLength < PREFIX_BYTES + length) return at
    const message = this.#partial!
    this.#partial = undefined
    this.#partialLength = 0
    if (this.#isBlocked()) {
      this.#wait(Buffer.concat([message.subarray(0, PREFIX_BYTES + length), chunk.subarray(at)]))
      return chunk.length
    }
    return this.#serve(message, PREFIX_BYTES, length, nowMs) ? at : -1
  }

  /** Keeps octets `from` to `to` of `chunk`. Memory grows with what has come, not with what was announced. */
  #keepPartial(chunk: Buffer, from: number, to: number): number {
    const length = this.#partialLength + to - from
    let partial = this.#partial
    if (partial === undefined && 2 * length > chunk.length && length > FIRST_PARTIAL_BYTES) {
      this.#partial = chunk.subarray(from, to) // most of the chunk: no need for a copy
      this.#partialLength = length
      return to
    }
    if (partial === undefined || partial.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(length, FIRST_PARTIAL_BYTES, (partial?.length ?? 0) * 2))
      partial?.copy(larger, 0, 0, this.#partialLength)
      partial = this.#partial = larger
    }
    chunk.copy(partial, this.#partialLength, from, to)
    this.#partialLength = length
    return to
  }

  #flush(): void {
    if (this.#outLength === 0) return
    const frames = copyOf(out, this.#outLength)
    this.#outLength = 0
    if (this.#write(frames)) giveBack(frames)
  }

  #writeLate(): void {
    const frames = this.#late.length === 1 ? this.#late[0]! : Buffer.concat(this.#late)
    this.#late = []
    this.#lateBytes = 0
    if (this.#socket.destroyed) return
    this.#quietSinceMs = performance.now()
    if (frames.length > 0) this.#write(frames)
    this.#resume()
  }

  /** True if the kernel has taken all of it. */
  #write(frames: Buffer): boolean {
    const socket = this.#socket
    if (!socket.writable) return false
    if (socket.writableLength === 0) this.#stuckSinceMs = 0 // TLS tells later that it has taken the last one
    socket.write(frames)
    if (socket.writableLength === 0) {
      this.#stuckSinceMs = 0
      return true
    }
    if (this.#stuckSinceMs === 0) {
      this.#stuckSinceMs = performance.now()
      this.#listener.connections.watch(this, this.#listener.limits.writeMs)
    }
    return false
  }

  /** Goes on with what had to wait. */
  #resume(): void {
    if (this.#socket.writableLength === 0) this.#stuckSinceMs = 0
    if (this.#whenRoom.length > 0) setImmediate(() => this.#tellRoom())
    const backlog = this.#backlog
    if (backlog !== undefined && !this.#isBlocked()) {
      this.#backlog = undefined
      this.#take(backlog)
      if (this.#backlog === undefined) this.#socket.resume()
    }
    this.#closeIfDone()
    this.settle()
  }

  /** RFC 7766 §6.2.4: a client that has said all is answered all, then closed. */
  #closeIfDone(): void {
    if (this.#listener.isHandingOver && this.#asked > 0 && this.#partialLength === 0 && !this.#isBusy)
      this.#isFinishing = true
    if (!(this.#hasEnded || this.#isFinishing) || this.#isBusy || this.#socket.writableEnded) return
    this.#socket.end()
    if (this.#isFinishing && !this.#hasEnded) setTimeout(() => this.#socket.destroy(), this.#lingerMs).unref()
  }
}
