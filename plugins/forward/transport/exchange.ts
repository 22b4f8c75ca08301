/**
 * One query sent to one upstream, from the moment of sending to the reply that matches it. Who waits learns of three things
 * only: a reply, junk, or failure. Which exchange a message belongs to is found in outstanding.ts.
 */
import { MAX_QUERY_BYTES } from '../message/query.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** Who waits for the reply: a question in flight, or a health check. */
export interface Asker {
  /**
   * A message with the right source, id and question; it is valid during the call only. `bare`: an error without
   * question. False: its content is garbage, the wait goes on. True: the exchange is of no use any more.
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

const MAX_SPARE = 1024

export class Exchange {
  upstream!: Upstream
  /** The query: `length` octets. Its id is set when it is sent. */
  readonly message = new Uint8Array(MAX_QUERY_BYTES)
  length = 0
  id = 0
  stream = false
  /** It asks whether the upstream answers, not what. */
  isCheck = false
  /** Undefined once nobody waits: a reply is then late, not junk. */
  asker: Asker | undefined = undefined
  /** In `performance.now()` milliseconds. */
  sentAtMs = 0
  heardAtMs = 0
  /** The read timeout has passed and was counted. */
  overdue = false
}

const spare: Exchange[] = []

/** An exchange whose query is to be written, and sent now. */
export function takeExchange(
  upstream: Upstream,
  stream: boolean,
  asker: Asker,
  nowMs: number,
  isCheck = false,
): Exchange {
  const exchange = spare.pop() ?? new Exchange()
  exchange.upstream = upstream
  exchange.stream = stream
  exchange.asker = asker
  exchange.isCheck = isCheck
  exchange.sentAtMs = nowMs
  exchange.overdue = false
  return exchange
}

/** Takes back one that nobody refers to any more: it is used again. */
export function giveBack(exchange: Exchange): void {
  exchange.asker = undefined
  if (spare.length < MAX_SPARE) spare.push(exchange)
}
