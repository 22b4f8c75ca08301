/**
 * Loops that traffic shows. A question that arrives here letter for letter as it was put to an upstream raises a suspicion,
 * no more: whoever serves the name sees how it was spelled. After some of them the upstream is asked for a name that nobody
 * can guess, once. If that arrives here, it loops, and is left alone until such a name does not come back. `loop` asks
 * without being given a reason; this needs no directive.
 */
import { info, warn } from '../../../server/log.ts'
import { cells, counter } from '../../../server/metrics.ts'
import type { Query } from '../../../server/plugin.ts'
import { FLAG, TYPE } from '../../../server/wire/codes.ts'
import { type Name, nameToText, unguessableBelow } from '../../../server/wire/name.ts'
import { HEADER_BYTES } from '../../../server/wire/query.ts'
import type { Exchange } from '../transport/exchange.ts'
import { inquire } from './inquiry.ts'
import type { Upstream } from './upstream.ts'

const detected = counter('sextant_loop_detected_total', 'Loops found, by the upstream that sends queries back.', 'to')

/** Fewer letters are spelled alike by chance too often: one in 256. */
const MIN_LETTERS = 8
/** So many echoes within a minute are worth a question. */
const ECHOES = 3
const MINUTE_MS = 60_000
const CHECK_PAUSE_MS = 10_000

/** How long an upstream that loops is left alone, and how long a name may take to come back. In milliseconds. */
export interface EchoTiming {
  readonly pauseMs: number
  readonly tokenMs: number
}
const TIMING: EchoTiming = { pauseMs: 30_000, tokenMs: 5000 }

/** Names that are awaited, as text. */
const tokens = new Map<string, Echoes>()

/** True if the query is one of our own that an upstream sent back. */
export function isLooped(q: Query): boolean {
  if (tokens.size === 0 || q.qtype !== TYPE.HINFO) return false
  const echoes = tokens.get(q.qnameText)
  echoes?.confirm(q)
  return echoes !== undefined
}

export class Echoes {
  readonly #upstream: Upstream
  readonly #timing: EchoTiming
  #seen = 0
  #lastAtMs = Number.NEGATIVE_INFINITY
  #checkedAtMs = Number.NEGATIVE_INFINITY
  /** Why it was disabled here, as it stands in `disabled`. */
  #reason: string | undefined
  #cameBack = false
  #ended = false

  constructor(upstream: Upstream, timing = TIMING) {
    this.#upstream = upstream
    this.#timing = timing
  }

  /** Takes note of a query, for a name in `from`, that is spelled as one that was put to the upstream. */
  heard(from: Name, nowMs: number): void {
    if (nowMs - this.#lastAtMs > MINUTE_MS) this.#seen = 0
    this.#lastAtMs = nowMs
    const isDue = ++this.#seen >= ECHOES && nowMs - this.#checkedAtMs >= CHECK_PAUSE_MS
    if (!isDue || this.#upstream.disabled !== undefined) return
    this.#checkedAtMs = nowMs
    this.#ask(from)
  }

  /** The name that nobody can guess came back. */
  confirm(q: Query): void {
    this.#cameBack = true
    const upstream = this.#upstream
    if (upstream.disabled !== undefined) return
    this.#reason = `loop: ${upstream.text} sends queries back to this server`
    upstream.disabled = this.#reason
    cells[detected(upstream.to)]! += 1
    const advice = 'is asked no more until that ends: forward to a name server that does not use this one'
    const query = `Query: "HINFO ${q.qnameText}"`
    warn('forward', `Loop detected: upstream ${upstream.text} sends queries back and ${advice}. ${query}`)
    const from = q.nameFrom(2)
    setTimeout(() => this.#askAgain(from), this.#timing.pauseMs).unref()
  }

  /** Asks no more. */
  end(): void {
    this.#ended = true
  }

  #ask(from: Name): void {
    const name = unguessableBelow(from)
    if (this.#ended || name === undefined) return
    const text = nameToText(name)
    tokens.set(text, this)
    this.#cameBack = false
    setTimeout(() => tokens.delete(text), this.#timing.tokenMs).unref()
    inquire(this.#upstream, name, TYPE.HINFO, FLAG.RD).catch(() => {})
  }

  /** Brings the upstream back, unless it still loops or somebody else has disabled it. */
  #askAgain(from: Name): void {
    if (this.#ended || this.#upstream.disabled !== this.#reason) return
    this.#ask(from)
    setTimeout(() => {
      if (this.#ended || this.#upstream.disabled !== this.#reason) return
      if (this.#cameBack) setTimeout(() => this.#askAgain(from), this.#timing.pauseMs).unref()
      else {
        this.#upstream.disabled = undefined
        info('forward', `upstream ${this.#upstream.text} sends queries back no more and is asked again`)
      }
    }, this.#timing.tokenMs).unref()
  }
}

/** True if a query is spelled as that of an exchange is, and long enough for that to be no chance. */
export function isEcho(q: Query, { message }: Exchange): boolean {
  let letters = 0
  let isMixed = false
  const name = q.start + HEADER_BYTES
  for (let i = 0; i < q.qnameLength; i++) {
    const octet = message[HEADER_BYTES + i]!
    if (q.bytes[name + i] !== octet) return false
    const lower = q.qname[i]!
    if (lower >= 0x61 && lower <= 0x7a) letters++
    if (octet !== lower) isMixed = true
  }
  return isMixed && letters >= MIN_LETTERS
}
