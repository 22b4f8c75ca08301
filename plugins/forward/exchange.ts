/**
 * One query sent to one upstream, from the moment of sending to the reply that matches it. Sockets and connections find
 * it by id and hand messages to `deliver`; who waits learns of three things only: a reply, junk, or failure.
 */
import { cells } from '../../server/metrics.ts'
import { BARE_ERROR, compare, isMixed, JUNK, MATCH } from './message.ts'
import { random16 } from './random.ts'
import type { Upstream } from './upstream.ts'

/** Who waits for the reply: a question in flight, or a health check. */
export interface Asker {
  /**
   * A message with the right source, id and question; it is valid during the call only. `bare`: an error without
   * question. False: its content is garbage, the wait goes on.
   */
  reply(exchange: Exchange, bytes: Uint8Array, at: number, length: number, bare: boolean): boolean
  /**
   * A message came to the same socket that is no reply to the query: forged, garbled, or very late. `near`: it was one but
   * for the case of the question.
   */
  junk(exchange: Exchange, near: boolean): void
  /** No reply will come: the connection was refused or closed. `reused`: it had served before, another may do. */
  failed(exchange: Exchange, cause: Error, reused: boolean): void
}

const LATE_IDS = 64 // so many queries of one socket, given up ones included, are kept apart from junk

export class Exchange {
  readonly upstream: Upstream
  /** The query; its id is set when it is sent. */
  readonly message: Uint8Array
  readonly stream: boolean
  /** It asks whether the upstream answers, not what. */
  readonly isCheck: boolean
  /** Undefined once nobody waits: a reply is then late, not junk. */
  asker: Asker | undefined
  sentAtMs = 0
  /** The read timeout has passed and was counted. */
  overdue = false

  constructor(upstream: Upstream, message: Uint8Array, stream: boolean, asker: Asker, isCheck = false) {
    this.upstream = upstream
    this.message = message
    this.stream = stream
    this.asker = asker
    this.isCheck = isCheck
  }
}

/** Gives the exchange an id that is free among `taken`, and enters it. Forgets some that nobody waits for. */
export function enter(taken: Map<number, Exchange>, exchange: Exchange): void {
  if (taken.size >= LATE_IDS) dropLate(taken)
  let id = random16()
  while (taken.has(id)) id = random16()
  exchange.message[0] = id >> 8
  exchange.message[1] = id & 255
  exchange.sentAtMs = performance.now()
  taken.set(id, exchange)
}

/** Hands a message that came over one socket or connection to the exchange of its id. */
export function deliver(
  taken: Map<number, Exchange>,
  bytes: Uint8Array,
  at: number,
  length: number,
  to: Upstream,
): void {
  const id = length < 2 ? -1 : (bytes[at]! << 8) | bytes[at + 1]!
  const exchange = taken.get(id)
  const verdict = exchange === undefined ? JUNK : compare(exchange.message, bytes, at, length)
  const isReply = exchange !== undefined && verdict !== JUNK
  if (isReply && isBelieved(exchange, verdict)) {
    to.heard(exchange)
    const { asker } = exchange
    if (asker === undefined || asker.reply(exchange, bytes, at, length, verdict === BARE_ERROR)) {
      exchange.asker = undefined
      taken.delete(id)
      return
    }
  }
  cells[to.discarded]! += 1
  for (const one of taken.values()) one.asker?.junk(one, isReply && one === exchange)
}

function isBelieved({ upstream, message, stream }: Exchange, verdict: number): boolean {
  return verdict === BARE_ERROR || upstream.spelling.judge(verdict === MATCH, isMixed(message), stream)
}

function dropLate(taken: Map<number, Exchange>): void {
  for (const [id, exchange] of taken) if (exchange.asker === undefined) taken.delete(id)
}
