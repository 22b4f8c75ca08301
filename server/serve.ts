/**
 * The data plane on one page: the octets of a message in, the octets of its reply out.
 *
 *   listen/ ─► accept ─► readQuery ─► route ─► chain ─► finish ─► listen/
 *              DROP      FORMERR      REFUSED   stage by stage: an Answer, or a promise of one
 *              FORMERR   BADVERS
 *              NOTIMP
 *
 * Nothing here or below parses text, touches a disk, or throws because of what a packet says. docs/query-path.md tells
 * the same story with the reasons.
 */
import { isPromise, refuseClass } from './chain.ts'
import { error as logError } from './log.ts'
import { cells, counter, summedGauge } from './metrics.ts'
import * as reply from './reply.ts'
import type { Block, Routes } from './route.ts'
import { accept, DROP, GO, NO_QUESTION, NOTIMP } from './wire/accept.ts'
import type { Answer } from './wire/answer.ts'
import { CLASS, EDE, RCODE } from './wire/codes.ts'
import { DEFAULT_UDP_BYTES } from './wire/edns.ts'
import { encode } from './wire/encode.ts'
import type { Name } from './wire/name.ts'
import { askSelf, MAX_STREAM_BYTES, Query, readCookieRequest, readQuery } from './wire/query.ts'

/** What `serve` returns instead of a length: nothing to send, or a reply that `peer.send` will bring later. */
export const NOTHING = 0
export const LATER = -1

const MAX_WAITING = 65_536 // queries that wait for something, over all listeners
const MAX_SPARE = 1024 // queries that are used again
const MAX_DEPTH = 10 // look-ups within look-ups: a chain of ten ExternalNames is followed, as by CoreDNS

const panics = counter('coredns_panics_total', 'Queries that ended in an exception.')()
/** What holds for queries that no block answers. */
const NO_BLOCK = { udpBytes: DEFAULT_UDP_BYTES, recursionAvailable: false }
const lateReply = new Uint8Array(MAX_STREAM_BYTES)
const spare: ServedQuery[] = []
let waiting = 0
const waitingGauge = summedGauge('sextant_waiting_queries', 'Queries that wait for something, such as an upstream.')
waitingGauge.onScrape(() => waitingGauge.set(waiting))
const turnedAway = counter(
  'sextant_waiting_rejected_total',
  `Queries that got SERVFAIL as ${MAX_WAITING} were waiting already.`,
)()

/** A query object for a listener to read messages into. */
export function takeQuery(): ServedQuery {
  return spare.pop() ?? new ServedQuery()
}

/** How many queries wait for an answer at this moment. */
export function waitingQueries(): number {
  return waiting
}

/**
 * Serves the message in `q` (`bytes`, `start`, `length`, `capacity`, `stream`, `peer` and `receivedAtMs` are set).
 * @returns octets of the reply, written in place; NOTHING: no reply, a stream is to be closed; LATER: `q` is in use
 * until `q.peer.send` was called, the listener takes another one.
 */
export function serve(routes: Routes, q: ServedQuery): number {
  const verdict = accept(q.bytes, q.start, q.length)
  if (verdict === DROP) return NOTHING
  if (verdict !== GO) {
    if (verdict === NO_QUESTION) {
      const asksForCookie = readCookieRequest(q)
      if (q.hasOpt) return reply.optAlone(q, asksForCookie, routes.recursionAvailable)
    }
    const rcode = verdict === NOTIMP ? RCODE.NOTIMP : RCODE.FORMERR
    return reply.fromHeader(q.bytes, q.start, rcode, routes.recursionAvailable)
  }
  if (readQuery(q) !== RCODE.NOERROR) {
    if (!q.hasOpt) return reply.fromHeader(q.bytes, q.start, RCODE.FORMERR, routes.recursionAvailable)
    q.block = undefined
    return write(routes, undefined, q, reply.malformed(q), q.bytes, q.start, q.capacity) // RFC 6891 §7: with an OPT
  }
  const block = route(routes, q)
  if (block === undefined) return finish(routes, undefined, q, q.answer, q.bytes, q.start, q.capacity)
  const answer = run(block, q)
  if (!isPromise(answer)) return finish(routes, block, q, answer, q.bytes, q.start, q.capacity)
  return finishLater(routes, block, q, answer)
}

/** The block that is to answer; undefined where `q.answer` already says why there is none. */
function route(routes: Routes, q: Query): Block | undefined {
  q.routes = routes
  q.block = undefined
  if (q.ednsVersion !== 0)
    reply.empty(q, RCODE.BADVERS) // RFC 6891 §6.1.3
  else {
    // Another class is not answered with data of IN, nor forwarded: what is in CH is about this server (RFC 4892).
    const block = q.qclass === CLASS.IN || q.qclass === CLASS.CH ? routes.route(q) : undefined
    if (q.qclass !== CLASS.IN && block?.chaos === undefined) refuseClass(q)
    else if (block !== undefined) {
      q.block = block
      return block
    } else reply.refused(q, EDE.NOT_AUTHORITATIVE, 'no server block has this name')
  }
  return undefined
}

/** Runs the block's chain; whatever goes wrong in it is SERVFAIL and no more. */
function run(block: Block, q: Query): Answer | Promise<Answer> {
  try {
    return q.qclass === CLASS.IN ? block.chain(q) : block.chaos!(q)
  } catch (cause) {
    return panicked(q, cause)
  }
}

function panicked(q: Query, cause: unknown): Answer {
  cells[panics]! += 1
  logError(
    undefined,
    `exception while answering ${q.qnameText}: ${cause instanceof Error ? cause.message : cause}`,
    cause,
  )
  return reply.servfail(q, EDE.OTHER, undefined, 'internal error')
}

/** Writes the reply of `q` and tells the observers, also of the octets `before` it. Returns its octets. */
function finish(
  routes: Routes,
  block: Block | undefined,
  q: Query,
  a: Answer,
  into: Uint8Array,
  at: number,
  capacity: number,
  before = 0,
): number {
  const octets = write(routes, block, q, a, into, at, capacity)
  if (block === undefined) routes.droppedObserver?.observeDropped?.(q, a, octets)
  else {
    const { observers } = block
    for (let i = 0; i < observers.length; i++) observers[i]!.observe!(q, a, before + octets)
  }
  return octets
}

function write(
  routes: Routes,
  block: Block | undefined,
  q: Query,
  a: Answer,
  into: Uint8Array,
  at: number,
  capacity: number,
): number {
  const { udpBytes, recursionAvailable } = block ?? NO_BLOCK
  const isRecursive = routes.recursionAvailable || recursionAvailable
  return encode(q, a, into, at, Math.min(q.replyBytes, capacity), udpBytes, isRecursive)
}

/** A stage waits: the query leaves the listener's memory and is answered through its peer. */
function finishLater(routes: Routes, block: Block, q: ServedQuery, answer: Promise<Answer>): number {
  if (waiting >= MAX_WAITING) {
    cells[turnedAway]! += 1
    answer.catch(() => {}) // its query has been answered
    const full = reply.servfail(q, EDE.OTHER, undefined, 'too many queries wait')
    const octets = finish(routes, block, q, full, q.bytes, q.start, q.capacity)
    q.peer.send(q.bytes, q.start, octets)
    return LATER
  }
  waiting++
  q.keep()
  answer.then(q.arrived, q.failed)
  return LATER
}

/** A query from a listener, and what goes on with it when its answer has come: made once, as a query is. */
export class ServedQuery extends Query {
  readonly arrived = (a: Answer) => arrived(this.routes!, this.block!, this, a)
  readonly failed = (cause: unknown) => arrived(this.routes!, this.block!, this, panicked(this, cause))
}

/** The answer that was waited for. An observer or the socket may fail: the reply is gone, the server stays. */
function arrived(routes: Routes, block: Block, q: ServedQuery, a: Answer): void {
  if (a.messages !== undefined) sendAll(routes, block, q, a, a.messages).catch(cause => panicked(q, cause))
  else {
    try {
      sendLast(routes, block, q, a, 0)
    } catch (cause) {
      panicked(q, cause)
    }
  }
}

/** Sends the only message of a late reply, or the last one, after `before` octets in others. */
function sendLast(routes: Routes, block: Block, q: ServedQuery, a: Answer, before: number): void {
  waiting--
  let octets = NOTHING
  try {
    octets = finish(routes, block, q, a, lateReply, 0, MAX_STREAM_BYTES, before)
  } finally {
    q.peer.send(lateReply, 0, a.withheld ? NOTHING : octets) // the listener counts on it, whatever failed
  }
  if (spare.length >= MAX_SPARE) return
  q.answer.reset() // what is large is not kept with it
  spare.push(q)
}

/** Sends a reply of several messages, a zone's: each is composed once the client has taken those before it. */
async function sendAll(
  routes: Routes,
  block: Block,
  q: ServedQuery,
  a: Answer,
  messages: Iterable<void>,
): Promise<void> {
  let octets = 0
  let last = a
  let isGone = false
  try {
    for (const _ of messages) {
      const length = write(routes, block, q, a, lateReply, 0, MAX_STREAM_BYTES)
      octets += length
      isGone = !(await q.peer.sendPart!(lateReply, 0, length))
      if (isGone) break
    }
  } catch (cause) {
    last = panicked(q, cause) // RFC 5936 §2.2: an rcode ends it, and the client keeps what it has
  }
  if (isGone)
    waiting-- // nothing is written any more: what `a` points at may be another's in this turn
  else sendLast(routes, block, q, last, octets)
}

/** A look-up of the server's own, on behalf of `q`: from routing on, answered but not sent. */
export function lookup(q: Query, name: Name, type: number): Answer | Promise<Answer> {
  const inner = new Query()
  askSelf(inner, name, type, q)
  if (inner.depth > MAX_DEPTH) {
    const error = new Error(`look-ups nested deeper than ${MAX_DEPTH}`)
    return reply.servfail(inner, EDE.OTHER, error, 'too many names lead to others')
  }
  const block = route(q.routes!, inner)
  if (block === undefined) return inner.answer
  const answer = run(block, inner)
  return isPromise(answer) ? answer.catch(cause => panicked(inner, cause)) : answer
}
