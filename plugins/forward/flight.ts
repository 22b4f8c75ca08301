/**
 * One question in flight, and everybody who waits for its answer: which upstream is asked when, what is done about
 * silence, junk, truncation and errors, and the end of it all. Always ends, with an answer or SERVFAIL, by its deadline.
 *
 *   ask ─► patience over ─► ask the next as well ─► … ─► deadline: SERVFAIL
 *    ├─► refused, closed ─► ask the next at once           (EDE 22: nobody answered, 23: nobody could be reached)
 *    ├─► junk ─► keep waiting, ask over TCP as well
 *    └─► reply ─► all who wait
 */
import type { Answer, Next, Query } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { forget, Timed, wakeAt } from '../../server/wheel.ts'
import { EDE, FLAG, RCODE } from '../../server/wire/codes.ts'
import { type Asker, Exchange } from './exchange.ts'
import type { Forwarder } from './forwarder.ts'
import { buildQuery } from './message.ts'
import { fillAnswer, readReply, reply as said } from './taken.ts'
import type { Upstream } from './upstream.ts'

/** The answer is on its way within 4.5 s, before a client's resolver gives up after 5 s. */
export const TOTAL_MS = 4400
const RESEND_MS = 800 // to an upstream that was asked already: the query or its reply may have been lost
const JUNK_PATIENCE_MS = 100 // after a message that was no reply, TCP is tried (RFC 5452 §9.3)
const MAX_TRIES = 16 // where max_connect_attempts sets no limit
const NEVER = Number.POSITIVE_INFINITY

/** No upstream gave a usable answer. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  /** The last one asked, undefined if none could be. */
  readonly upstream: string | undefined
  constructor(message: string, upstream?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.upstream = upstream
  }
}

/** Transport of a question: which the upstream is asked over, and what becomes of a truncated reply. */
export const VIA_UDP = 0
export const VIA_TCP = 1
export const VIA_UDP_THEN_TCP = 2

export class Flight extends Timed implements Asker {
  readonly hash: number
  readonly via: number
  /** The next flight whose question has the same hash. */
  sibling: Flight | undefined = undefined
  readonly queries: Query[] = []
  readonly nexts: Next[] = []
  readonly settles: ((answer: Answer | Promise<Answer>) => void)[] = []
  readonly #forwarder: Forwarder
  readonly #first: number
  #exchanges: Exchange[] = []
  #tried: Upstream[] = []
  #startedAtMs = 0
  #deadlineMs = NEVER
  #hedgeAtMs = NEVER
  #junkAtMs = NEVER
  #junkFrom: Upstream | undefined
  #retriedTcp = false
  #retriedConnection = false
  #withoutEdns = false
  #done = false
  /** A reply that is better than none: truncated, or one that `failover` turned down. */
  #fallback: Uint8Array | undefined
  #cause: Error | undefined

  constructor(forwarder: Forwarder, hash: number, via: number, first: number) {
    super()
    this.#forwarder = forwarder
    this.hash = hash
    this.via = via
    this.#first = first
  }

  /** Adds one who waits. The first one's question is the one that is asked. */
  join(q: Query, next: Next): Promise<Answer> {
    this.queries.push(q)
    this.nexts.push(next)
    return new Promise(settle => this.settles.push(settle))
  }

  start(nowMs: number): void {
    const { options } = this.#forwarder
    this.#startedAtMs = nowMs
    this.#deadlineMs = nowMs + Math.max(TOTAL_MS, options.readTimeoutSet ? options.readTimeoutMs : 0)
    const overlooked = this.#forwarder.overlooked(nowMs)
    if (!this.#askNext(nowMs)) this.#fail(nowMs)
    else {
      if (overlooked !== undefined && !this.#done && !this.#tried.includes(overlooked)) {
        this.#send(overlooked, this.via === VIA_TCP, nowMs)
      }
      this.#schedule()
    }
  }

  /** Asks the next upstream; false if there is none, or all tries are used up. */
  #askNext(nowMs: number): boolean {
    const forwarder = this.#forwarder
    const { maxConnectAttempts } = forwarder.options
    const tries = maxConnectAttempts ?? 2 * forwarder.upstreams.length
    this.#hedgeAtMs = NEVER
    if (this.#done || this.#tried.length >= (tries === 0 ? MAX_TRIES : tries)) return false
    const upstream = forwarder.choose(this.#first, this.#tried)
    if (upstream === undefined) return false
    this.#tried.push(upstream)
    const allTried = this.#tried.length >= forwarder.upstreams.length
    this.#hedgeAtMs = nowMs + (allTried ? RESEND_MS : upstream.patienceMs)
    this.#send(upstream, this.via === VIA_TCP, nowMs)
    return true
  }

  #send(upstream: Upstream, stream: boolean, nowMs: number, fresh = false): void {
    const q = this.queries[0]!
    const flags = q.flags & (FLAG.RD | FLAG.CD)
    const edns = !this.#withoutEdns && (q.dnssecOk || !upstream.refusesEdns(nowMs))
    const message = buildQuery(q.qname, q.qnameLength, q.qtype, flags, edns, q.dnssecOk)
    const exchange = new Exchange(upstream, message, stream || upstream.encrypted, this)
    this.#exchanges.push(exchange)
    upstream.send(exchange, fresh)
  }

  #schedule(): void {
    if (this.#done) return
    const { readTimeoutMs } = this.#forwarder.options
    let atMs = Math.min(this.#deadlineMs, this.#hedgeAtMs, this.#junkAtMs)
    for (const one of this.#exchanges) if (!one.overdue) atMs = Math.min(atMs, one.sentAtMs + readTimeoutMs)
    if (this.slot < 0 || atMs !== this.wakeAtMs) wakeAt(this, atMs)
  }

  wake(nowMs: number): void {
    const { options } = this.#forwarder
    for (const one of this.#exchanges) {
      if (one.overdue || nowMs < one.sentAtMs + options.readTimeoutMs) continue
      one.overdue = true
      one.upstream.failed(one)
    }
    if (nowMs >= this.#deadlineMs) this.#fail(nowMs)
    if (nowMs >= this.#hedgeAtMs) {
      const last = this.#exchanges.at(-1)
      if (last !== undefined) last.upstream.slow(last)
      this.#askNext(nowMs)
    }
    if (nowMs >= this.#junkAtMs) this.#askOverTcp(nowMs)
    const waits = this.#exchanges.some(one => !one.overdue)
    // A read timeout that the Corefile sets is meant: nobody is waited for longer.
    if (!this.#done && !waits && options.readTimeoutSet && !this.#askNext(nowMs)) this.#fail(nowMs)
    this.#schedule()
  }

  #askOverTcp(nowMs: number): void {
    this.#junkAtMs = NEVER
    const upstream = this.#junkFrom
    if (upstream === undefined || this.#retriedTcp || this.#done) return
    this.#retriedTcp = true
    this.#send(upstream, true, nowMs)
  }

  junk(exchange: Exchange): void {
    if (this.#done || exchange.stream || this.#retriedTcp || this.#junkFrom !== undefined) return
    this.#junkFrom = exchange.upstream
    this.#junkAtMs = performance.now() + JUNK_PATIENCE_MS
    this.#schedule()
  }

  failed(exchange: Exchange, cause: Error, reused: boolean): void {
    if (this.#done) return
    const nowMs = performance.now()
    this.#drop(exchange)
    this.#cause = cause
    const isRetry = exchange.stream && !exchange.upstream.encrypted && this.via !== VIA_TCP
    if (reused && !this.#retriedConnection) {
      this.#retriedConnection = true
      this.#send(exchange.upstream, exchange.stream, nowMs, true)
    } else {
      if (!isRetry) exchange.upstream.failed(exchange)
      const asked = !(isRetry && this.#exchanges.length > 0) && this.#askNext(nowMs)
      if (!asked && this.#exchanges.length === 0) this.#fail(nowMs)
    }
    this.#schedule()
  }

  reply(exchange: Exchange, bytes: Uint8Array, at: number, length: number, bare: boolean): boolean {
    if (this.#done) return true
    if (bare ? exchange.message[11] === 0 : !readReply(this.queries[0]!, bytes, at, length)) {
      if (!exchange.stream) return false
      this.failed(exchange, new Error(`${exchange.upstream.text} sent a broken message`), false)
      return true
    }
    if (bare) said.rcode = RCODE.FORMERR
    this.#drop(exchange)
    if (this.#askDifferently(exchange, bytes, at, length)) this.#schedule()
    else this.#land(exchange)
    return true
  }

  /** What a reply may lead to instead of an answer: the same question in another way, or to another upstream. */
  #askDifferently(exchange: Exchange, bytes: Uint8Array, at: number, length: number): boolean {
    const nowMs = performance.now()
    const { rcode, truncated } = said
    const { upstream } = exchange
    const hadEdns = exchange.message[11] !== 0
    if (
      hadEdns &&
      !this.#withoutEdns &&
      (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS)
    ) {
      this.#withoutEdns = true // RFC 6891 §6.2.2: it may not read EDNS
      this.#send(upstream, exchange.stream, nowMs)
      return true
    }
    if (this.#withoutEdns && !hadEdns && rcode !== RCODE.FORMERR && rcode !== RCODE.NOTIMP) upstream.refusedEdns()
    if (truncated && !exchange.stream && this.via === VIA_UDP_THEN_TCP && !this.#retriedTcp) {
      this.#retriedTcp = true
      this.#fallback = bytes.slice(at, at + length)
      this.#send(upstream, true, nowMs)
      return true
    }
    const { failover } = this.#forwarder.options
    if (!failover.has(rcode)) return false
    this.#fallback = bytes.slice(at, at + length)
    const untried = this.#forwarder.upstreams.some(one => one.disabled === undefined && !this.#tried.includes(one))
    return this.#exchanges.length > 0 || (untried && this.#askNext(nowMs))
  }

  #drop(exchange: Exchange): void {
    exchange.asker = undefined
    const at = this.#exchanges.indexOf(exchange)
    if (at >= 0) this.#exchanges.splice(at, 1)
  }

  /** The reply that was just read is the answer. */
  #land(exchange: Exchange): void {
    exchange.upstream.answered(exchange, said.rcode)
    this.#end()
    const { nextRcodes, nextOnNodata } = this.#forwarder.options
    const another = nextRcodes.has(said.rcode) || (nextOnNodata && said.nodata)
    this.queries.forEach((q, i) => {
      fillAnswer(q)
      if (said.rcode > 15) reply.servfail(q, new UpstreamError(`rcode ${said.rcode}`, exchange.upstream.text))
      q.answer.upstream = exchange.upstream.to
      this.#settle(i, another)
    })
  }

  #settle(i: number, another: boolean): void {
    const q = this.queries[i]!
    const answer = another ? this.#forwarder.following?.(q, this.nexts[i]!) : undefined
    this.settles[i]!(answer ?? q.answer)
  }

  #fail(nowMs: number): void {
    if (this.#done) return
    const fallback = this.#fallback
    if (fallback !== undefined && readReply(this.queries[0]!, fallback, 0, fallback.length)) {
      this.#end()
      this.queries.forEach((q, i) => {
        fillAnswer(q)
        q.answer.upstream = this.#tried.at(-1)?.to ?? ''
        this.#settle(i, false)
      })
      return
    }
    for (const one of this.#exchanges) if (!one.overdue) one.upstream.failed(one)
    const silent = this.#exchanges.length > 0 || this.#cause === undefined
    const waitedMs = Math.round(nowMs - this.#startedAtMs)
    this.#end()
    const last = this.#tried.at(-1)?.text
    const text = silent ? `no answer from ${this.#names()} within ${waitedMs}ms` : `${last}: ${this.#cause?.message}`
    const error = new UpstreamError(last === undefined ? 'no healthy upstream' : text, last, this.#cause)
    const code = silent ? EDE.NO_REACHABLE_AUTHORITY : EDE.NETWORK_ERROR
    this.queries.forEach((q, i) => {
      reply.servfail(q, error, code).upstream = this.#tried.at(-1)?.to ?? ''
      this.settles[i]!(q.answer)
    })
  }

  #names(): string {
    return [...new Set(this.#tried.map(one => one.text))].join(', ')
  }

  /** Nobody waits any more: replies that still come are late. */
  #end(): void {
    this.#done = true
    forget(this)
    for (const one of this.#exchanges) one.asker = undefined
    this.#exchanges = []
    this.#forwarder.landed(this)
  }
}
