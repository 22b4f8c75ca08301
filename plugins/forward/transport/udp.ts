/**
 * UDP to one upstream: a pool of connected sockets, each on a random port of its own (RFC 5452 §9.2), any of which takes
 * the next query. The pool grows with the traffic to a bound and each socket is given up after some seconds, so that
 * ports stay unpredictable. Once it is full, queries of one turn of the loop leave together, some from one socket and the
 * next from another. Connected: the kernel drops what comes from elsewhere, and tells of ICMP errors.
 */
import { cells } from '../../../server/metrics.ts'
import { socketsForUpstreams } from '../../../server/open-files.ts'
import { Timed, wakeAt } from '../../../server/wheel.ts'
import { random16, randomBelow } from '../random.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Datagrams } from './datagram.ts'
import { openNative } from './datagram-native.ts'
import { openPlain } from './datagram-plain.ts'
import { type Exchange, giveBack } from './exchange.ts'
import { GROUP } from './outbox.ts'
import { Outstanding } from './outstanding.ts'

const MAX_SOCKETS = 1024 // per upstream; 2,000 queries in a row meet over 1,000 ports
const LIFE_MS = 30_000 // a socket takes queries this long, and waits for replies as long as somebody does
const FIRST_PORT = 32_768 // below are ports that services of the node may want
const PORTS = 0x1_0000 - FIRST_PORT
const BIND_TRIES = 8
const MAX_OPEN = 4096 // queries of one socket; there are 65,536 ids

/** UDP sockets that are open in this thread, for all upstreams. */
let openSockets = 0

interface PooledSocket {
  readonly socket: Datagrams
  readonly exchanges: Outstanding
  readonly openedAtMs: number
  usedAtMs: number
}

export class UdpPool extends Timed {
  readonly #upstream: Upstream
  readonly #hits: number
  readonly #misses: number
  /** Take queries; oldest first. */
  readonly #sockets: PooledSocket[] = []
  /** Only wait for replies. */
  #leaving: PooledSocket[] = []
  /** Takes the queries of this turn of the loop, until it has as many as may leave together. */
  #current: PooledSocket | undefined
  #queued = 0
  #isTurnDue = false
  readonly #endTurn = () => {
    this.#isTurnDue = false
    this.#flush()
  }
  #closed = false

  constructor(upstream: Upstream) {
    super()
    this.#upstream = upstream
    const { hits, misses } = upstream.cellsOf('udp')
    this.#hits = hits
    this.#misses = misses
  }

  /** Sends the query of the exchange. A failure is told to its asker, at once or later. */
  send(exchange: Exchange): void {
    const pooled = this.#take()
    if (pooled instanceof Error) {
      exchange.asker?.failed(exchange, pooled, false)
      return
    }
    pooled.exchanges.add(exchange)
    pooled.usedAtMs = exchange.sentAtMs
    pooled.socket.send(exchange.message, exchange.length)
    if (++this.#queued === GROUP) this.#flush()
    else if (!this.#isTurnDue) {
      this.#isTurnDue = true
      setImmediate(this.#endTurn)
    }
    if (this.slot < 0) wakeAt(this, exchange.sentAtMs + 1000)
  }

  /** Gives sockets up whose time has come, and closes those whose last reply has. */
  wake(nowMs: number): void {
    const { expireMs, maxAgeMs } = this.#upstream.options
    const lifeMs = Math.min(LIFE_MS, maxAgeMs > 0 ? maxAgeMs : LIFE_MS)
    const stay = this.#sockets.filter(one => {
      const stays =
        !this.#closed && one.socket.usable && nowMs - one.openedAtMs < lifeMs && nowMs - one.usedAtMs < expireMs
      if (!stays) this.#leaving.push(one)
      return stays
    })
    this.#sockets.splice(0, this.#sockets.length, ...stay)
    this.#leaving = this.#leaving.filter(one => {
      if (one.exchanges.waiting > 0) return true
      one.socket.close()
      openSockets--
      return false
    })
    if (this.#sockets.length + this.#leaving.length > 0) wakeAt(this, nowMs + 1000)
  }

  /** Closes the sockets as soon as nobody waits for a reply. */
  close(): void {
    this.#closed = true
    this.#flush()
    this.wake(performance.now())
  }

  #flush(): void {
    this.#current?.socket.flush()
    this.#current = undefined
    this.#queued = 0
  }

  /** Descriptors are left to others. */
  get #mayOpen(): boolean {
    return openSockets < socketsForUpstreams(this.#upstream.options.threads)
  }

  #take(): PooledSocket | Error {
    const sockets = this.#sockets
    if (sockets.length === 0 || (sockets.length < MAX_SOCKETS && this.#mayOpen)) {
      const opened = this.#open()
      if (!(opened instanceof Error)) {
        sockets.push(opened)
        cells[this.#misses]! += 1
        this.#flush()
        this.#current = opened
        return opened
      }
      if (sockets.length === 0) return opened // out of descriptors or ports: share what there is
    }
    this.#current ??= sockets[randomBelow(sockets.length)]!
    if (this.#current.exchanges.size >= MAX_OPEN) return new Error('too many queries wait on one socket')
    cells[this.#hits]! += 1
    return this.#current
  }

  #open(): PooledSocket | Error {
    const { host, port, family, options } = this.#upstream
    const localAddress = options.sourceAddress(family) ?? (family === 6 ? '::' : '0.0.0.0')
    const exchanges = new Outstanding(this.#upstream)
    const events = {
      message: (bytes: Uint8Array, at: number, length: number) => {
        const done = exchanges.deliver(bytes, at, length)
        if (done !== undefined) giveBack(done)
      },
      failed: (cause: Error) => this.#fail(exchanges, cause),
    }
    for (let tries = 1; ; tries++) {
      const localPort = tries === BIND_TRIES ? 0 : FIRST_PORT + (random16() % PORTS)
      const ends = { family, localAddress, localPort, host, port }
      const socket = openNative(ends, events) ?? openPlain(ends, events)
      if (!(socket instanceof Error)) {
        const nowMs = performance.now()
        openSockets++
        return { socket, exchanges, openedAtMs: nowMs, usedAtMs: nowMs }
      }
      if (socket.code !== 'EADDRINUSE' || tries === BIND_TRIES) return socket
    }
  }

  /** An ICMP error: whichever of the socket's queries it was for, their upstream is not there. */
  #fail(exchanges: Outstanding, cause: Error): void {
    if (this.#current?.exchanges === exchanges) this.#flush()
    const at = this.#sockets.findIndex(one => one.exchanges === exchanges)
    if (at >= 0 && !this.#sockets[at]!.socket.usable) this.#leaving.push(...this.#sockets.splice(at, 1))
    for (const exchange of exchanges.clear()) exchange.asker?.failed(exchange, cause, false)
  }
}
