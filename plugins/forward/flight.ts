/**
 * One question in flight, and everybody who waits for its answer: which upstream is asked when, what is done about
 * silence, junk, truncation and errors, and the end of it all. Always ends, with an answer or SERVFAIL, by its deadline.
 *
 *   ask ─► longer than 95 of 100 answers take ─► ask the next as well ─► … ─► deadline: SERVFAIL
 *    ├─► refused, closed ─► ask the next at once           (EDE 22: nobody answered, 23: nobody could be reached)
 *    ├─► junk ─► keep waiting, ask over TCP as well
 *    ├─► truncated ─► ask over TCP
 *    └─► reply ─► all who wait
 */
import type { Answer, Query } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { forget, Timed, wakeAt } from '../../server/wheel.ts'
import { EDE, FLAG, RCODE } from '../../server/wire/codes.ts'
import type { Forwarder } from './forwarder.ts'
import { writeQuery } from './message/query.ts'
import { fillAnswer, readError, readReply, reply as said } from './message/taken.ts'
import { type Asker, type Exchange, takeExchange } from './transport/exchange.ts'
import { isEcho } from './upstream/echo.ts'
import type { Upstream } from './upstream/upstream.ts'
import type { Waiting } from './waiting.ts'

const RESEND_MS = 800 // to an upstream that was asked already: the query or its reply may have been lost
const JUNK_PATIENCE_MS = 100 // after a message that was no reply, TCP is tried (RFC 5452 §9.3)
const MAX_TRIES = 16 // whatever max_connect_attempts says, unless there are more than eight upstreams
const SILENT = 'no upstream answered in time'
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

export class Flight extends Timed implements Asker {
  hash = 0
  /** The next flight of its place in the table. */
  sibling: Flight | undefined = undefined
  /** The first one's question is the one that is asked. */
  readonly waiting: Waiting[] = []
  #forwarder!: Forwarder
  /** Over TCP from the beginning. */
  #stream = false
  #first = 0
  readonly #exchanges: Exchange[] = []
  readonly #tried: Upstream[] = []
  /** Queries for this question so far; those not counted that went over a connection which was closed already. */
  #asked = 0
  #startedAtMs = 0
  #deadlineMs = NEVER
  #hedgeAtMs = NEVER
  #tcpAtMs = NEVER
  #tcpTo: Upstream | undefined
  #retriedTcp = false
  #retriedConnection = false
  #withoutEdns = false
  #done = false
  /** A reply that is better than none: truncated, or one that `failover` turned down. */
  #fallback: Uint8Array | undefined
  #cause: Error | undefined

  /** Makes it a new one: `first` is the place in the list of upstreams to begin at. */
  begin(forwarder: Forwarder, hash: number, stream: boolean, first: number): void {
    this.hash = hash
    empty(this.waiting)
    this.#forwarder = forwarder
    this.#stream = stream
    this.#first = first
    empty(this.#tried)
    this.#asked = 0
    this.#deadlineMs = NEVER
    this.#hedgeAtMs = NEVER
    this.#tcpAtMs = NEVER
    this.#tcpTo = undefined
    this.#retriedTcp = false
    this.#retriedConnection = false
    this.#withoutEdns = false
    this.#done = false
    this.#fallback = undefined
    this.#cause = undefined
  }

  /** Adds one who waits. */
  join(waiting: Waiting): Promise<Answer> {
    this.waiting.push(waiting)
    if (waiting.deadlineMs < this.#deadlineMs && this.#deadlineMs !== NEVER) this.#schedule()
    return waiting.answer
  }

  /** Tells of a query for the same question that is the very one that was put to an upstream. */
  hearEcho(q: Query): void {
    const { from } = this.#forwarder.options
    for (const exchange of this.#exchanges)
      if (isEcho(q, exchange)) exchange.upstream.echoes.heard(from, performance.now())
  }

  start(nowMs: number): void {
    this.#startedAtMs = nowMs
    this.#deadlineMs = this.waiting[0]!.deadlineMs
    const overlooked = this.#forwarder.overlooked(nowMs)
    if (!this.#askNext(nowMs)) this.#fail(nowMs)
    else {
      if (overlooked !== undefined && !this.#done && !this.#tried.includes(overlooked)) {
        this.#send(overlooked, this.#stream, nowMs)
      }
      young.add(this, nowMs)
    }
  }

  /** It still waits after a while: from now on it has a deadline set. */
  outlive(): void {
    if (this.slot < 0) this.#schedule()
  }

  /** Asks the next upstream; false if there is none, or all tries are used up. */
  #askNext(nowMs: number): boolean {
    const forwarder = this.#forwarder
    const { maxConnectAttempts } = forwarder.options
    const usual = 2 * forwarder.upstreams.length
    const most = Math.max(MAX_TRIES, usual)
    const tries = maxConnectAttempts === undefined ? usual : Math.min(maxConnectAttempts || most, most)
    this.#hedgeAtMs = NEVER
    if (this.#done || this.#asked >= tries) return false
    const upstream = forwarder.choose(this.#first, this.#tried, nowMs)
    if (upstream === undefined) return false
    this.#tried.push(upstream)
    this.#hedgeAtMs = nowMs + (this.#hasTriedAll ? RESEND_MS : upstream.latency.hedgeMs)
    this.#send(upstream, this.#stream, nowMs)
    return true
  }

  get #hasTriedAll(): boolean {
    return this.#tried.length >= this.#forwarder.upstreams.length
  }

  #send(upstream: Upstream, stream: boolean, nowMs: number, fresh = false): void {
    const { q } = this.waiting[0]!
    const flags = q.flags & (FLAG.RD | FLAG.CD)
    const edns = !this.#withoutEdns && (q.dnssecOk || !upstream.refusesEdns(nowMs))
    const mixedCase = this.#forwarder.options.mixedCase && !upstream.encrypted
    const exchange = takeExchange(upstream, stream || upstream.encrypted, this, nowMs)
    const { message } = exchange
    exchange.length = writeQuery(message, q.qname, q.qnameLength, q.qtype, flags, edns, q.dnssecOk, mixedCase)
    this.#exchanges.push(exchange)
    if (!fresh) this.#asked++
    upstream.send(exchange, fresh)
  }

  #schedule(): void {
    if (this.#done) return
    const { readTimeoutMs } = this.#forwarder.options
    let atMs = Math.min(this.#deadlineMs, this.#hedgeAtMs, this.#tcpAtMs)
    for (const one of this.#exchanges) if (!one.overdue) atMs = Math.min(atMs, one.sentAtMs + readTimeoutMs)
    for (const one of this.waiting) atMs = Math.min(atMs, one.deadlineMs)
    if (this.slot < 0 || atMs !== this.wakeAtMs) wakeAt(this, atMs)
  }

  wake(nowMs: number): void {
    const { options } = this.#forwarder
    for (const one of this.#exchanges) {
      if (one.overdue || nowMs < one.sentAtMs + options.readTimeoutMs) continue
      one.overdue = true
      one.upstream.standing.failed(one)
    }
    if (nowMs >= this.#deadlineMs) this.#fail(nowMs)
    else this.#letGo(nowMs)
    if (nowMs >= this.#hedgeAtMs) this.#hedge(nowMs)
    if (nowMs >= this.#tcpAtMs) this.#askOverTcp(this.#tcpTo!, nowMs)
    const waits = this.#exchanges.some(one => !one.overdue)
    // A read timeout that the Corefile sets is meant: nobody is waited for longer.
    if (!this.#done && !waits && options.readTimeoutSet && !this.#askNext(nowMs)) this.#fail(nowMs)
    this.#schedule()
  }

  /** Those who joined late, with less time left than the question has, get SERVFAIL when theirs is over. */
  #letGo(nowMs: number): void {
    for (let i = this.waiting.length - 1; i > 0; i--) {
      const one = this.waiting[i]!
      if (nowMs < one.deadlineMs) continue
      this.waiting.splice(i, 1)
      one.end(reply.servfail(one.q, EDE.NO_REACHABLE_AUTHORITY, this.#silence(nowMs), SILENT))
    }
  }

  /** The one that was asked takes longer than it mostly does. */
  #hedge(nowMs: number): void {
    const last = this.#exchanges.at(-1)
    if (last !== undefined && !this.#hasTriedAll && !this.#forwarder.mayHedge()) {
      const oddAtMs = last.sentAtMs + last.upstream.latency.patienceMs
      if (nowMs < oddAtMs) {
        this.#hedgeAtMs = oddAtMs
        return
      }
    }
    this.#askNext(nowMs)
  }

  /** Asks over TCP, once. */
  #askOverTcp(upstream: Upstream, nowMs: number): void {
    this.#tcpAtMs = NEVER
    if (this.#retriedTcp || this.#done) return
    this.#retriedTcp = true
    this.#send(upstream, true, nowMs)
  }

  junk(exchange: Exchange, near: boolean): void {
    if (this.#done || exchange.stream || this.#retriedTcp) return
    const atMs = performance.now() + (near ? 0 : JUNK_PATIENCE_MS)
    if (atMs >= this.#tcpAtMs) return
    this.#tcpTo = exchange.upstream
    this.#tcpAtMs = atMs
    this.#schedule()
  }

  failed(exchange: Exchange, cause: Error, reused: boolean): void {
    if (this.#done) return
    const nowMs = performance.now()
    this.#drop(exchange)
    this.#cause = cause
    const isRetry = exchange.stream && !exchange.upstream.encrypted && !this.#stream
    if (reused && !this.#retriedConnection) {
      this.#retriedConnection = true
      this.#send(exchange.upstream, exchange.stream, nowMs, true)
    } else {
      if (!isRetry) exchange.upstream.standing.failed(exchange)
      const asked = !(isRetry && this.#exchanges.length > 0) && this.#askNext(nowMs)
      if (!asked && this.#exchanges.length === 0) this.#fail(nowMs)
    }
    this.#schedule()
  }

  reply(exchange: Exchange, bytes: Uint8Array, at: number, length: number, bare: boolean): boolean {
    if (this.#done) return true
    if (bare ? exchange.message[11] === 0 : !readReply(this.waiting[0]!.q, bytes, at, length)) {
      if (!exchange.stream) return false
      this.failed(exchange, new Error(`${exchange.upstream.text} sent a broken message`), false)
      return true
    }
    if (bare) readError(RCODE.FORMERR)
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
    if (hadEdns && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS)) {
      if (this.#withoutEdns && this.#exchanges.length > 0) return true // the question is out without it
      if (!this.#withoutEdns) {
        this.#withoutEdns = true // RFC 6891 §6.2.2: it may not read EDNS
        this.#send(upstream, exchange.stream, nowMs)
        return true
      }
    }
    if (this.#withoutEdns && !hadEdns && rcode !== RCODE.FORMERR && rcode !== RCODE.NOTIMP) upstream.refusedEdns()
    if (truncated && !exchange.stream) {
      this.#fallback = bytes.slice(at, at + length)
      this.#askOverTcp(upstream, nowMs) // RFC 7766 §5
      if (this.#exchanges.some(one => one.stream)) return true // it brings the whole answer
    }
    const { failover } = this.#forwarder.options
    if (!failover.has(rcode)) return false
    this.#fallback = bytes.slice(at, at + length)
    const untried = this.#forwarder.upstreams.some(one => one.disabled === undefined && !this.#tried.includes(one))
    return this.#exchanges.length > 0 || (untried && this.#askNext(nowMs))
  }

  #drop(exchange: Exchange): void {
    exchange.asker = undefined
    const exchanges = this.#exchanges
    let kept = 0
    for (const one of exchanges) if (one !== exchange) exchanges[kept++] = one // splice would make an array
    while (exchanges.length > kept) exchanges.pop()
  }

  /** The reply that was just read is the answer. */
  #land(exchange: Exchange): void {
    exchange.upstream.answered(exchange, said.rcode)
    this.#end()
    const { nextRcodes, nextOnNodata } = this.#forwarder.options
    this.#handOut(exchange.upstream.to, nextRcodes.has(said.rcode) || (nextOnNodata && said.nodata))
  }

  /** Gives what was read to all who wait. `another`: the next `forward` line is to be asked, if there is one. */
  #handOut(upstream: string, another: boolean): void {
    for (const { q } of this.waiting) {
      if (said.rcode > 15) fail(q, `rcode ${said.rcode}`, upstream)
      else if (said.truncated && q.stream) fail(q, 'no whole answer', upstream)
      else fillAnswer(q)
      q.answer.upstream = upstream
      this.#forwarder.rebinding?.apply(q, q.answer)
    }
    // Only now: what is handed on may be asked anew, and read over what was read.
    for (const one of this.waiting) {
      const answer = another ? this.#forwarder.following?.(one.q, one.next) : undefined
      one.end(answer ?? one.q.answer)
    }
  }

  #fail(nowMs: number): void {
    if (this.#done) return
    const fallback = this.#fallback
    if (fallback !== undefined && readReply(this.waiting[0]!.q, fallback, 0, fallback.length)) {
      this.#end()
      this.#handOut(this.#tried.at(-1)?.to ?? '', false)
      return
    }
    for (const one of this.#exchanges) if (!one.overdue) one.upstream.standing.failed(one)
    const silent = this.#exchanges.length > 0 || this.#cause === undefined
    const last = this.#tried.at(-1)?.text
    const error = silent
      ? this.#silence(nowMs)
      : new UpstreamError(`${last}: ${this.#cause?.message}`, last, this.#cause)
    this.#end()
    const code = silent ? EDE.NO_REACHABLE_AUTHORITY : EDE.NETWORK_ERROR
    const text = silent ? SILENT : 'no upstream could be reached'
    for (const one of this.waiting) {
      reply.servfail(one.q, code, error, text).upstream = this.#tried.at(-1)?.to ?? ''
      one.end(one.q.answer)
    }
  }

  #silence(nowMs: number): UpstreamError {
    if (this.#tried.length === 0) return new UpstreamError('no healthy upstream')
    const names = [...new Set(this.#tried.map(one => one.text))].join(', ')
    const waitedMs = Math.round(nowMs - this.#startedAtMs)
    return new UpstreamError(`no answer from ${names} within ${waitedMs}ms`, this.#tried.at(-1)!.text)
  }

  /** Nobody waits any more: replies that still come are late. */
  #end(): void {
    this.#done = true
    forget(this)
    for (const one of this.#exchanges) one.asker = undefined
    empty(this.#exchanges)
    this.#forwarder.landed(this)
    giveBackLater(this)
  }
}

/** An upstream's reply that is of no use: SERVFAIL. */
function fail(q: Query, what: string, upstream: string): void {
  reply.servfail(q, EDE.OTHER, new UpstreamError(what, upstream), `the upstream's reply: ${what}`)
}

/** Setting its length would be a call out of compiled code. */
function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}

/** Flights that began within this tick: most end before it does, without a deadline having been set and taken back. */
class Young extends Timed {
  #flights: Flight[] = []

  add(flight: Flight, nowMs: number): void {
    if (this.#flights.length === 0) wakeAt(this, nowMs)
    this.#flights.push(flight)
  }

  wake(): void {
    const flights = this.#flights
    this.#flights = []
    for (const flight of flights) flight.outlive()
  }
}
const young = new Young()

const MAX_SPARE = 1024
const spare: Flight[] = []
let landed: Flight[] = []

/** A flight to `begin` with. */
export function takeFlight(): Flight {
  return spare.pop() ?? new Flight()
}

/** Whoever still runs in a flight that has ended is through with it at the end of this turn of the loop. */
function giveBackLater(flight: Flight): void {
  if (landed.length === 0) setImmediate(giveBack)
  landed.push(flight)
}

function giveBack(): void {
  for (const flight of landed) if (spare.length < MAX_SPARE) spare.push(flight)
  landed = []
}
