/**
 * Loops that traffic shows: a question that arrives here letter for letter as it was put to an upstream, whose spelling
 * nobody else knows. `loop` asks of itself; this needs no question of its own, and no directive.
 */
import { warn } from '../../server/log.ts'
import { cells, counter } from '../../server/metrics.ts'
import type { Query } from '../../server/plugin.ts'
import { HEADER_BYTES } from '../../server/wire/query.ts'
import type { Exchange } from './exchange.ts'
import type { Upstream } from './upstream.ts'

const detected = counter('sextant_loop_detected_total', 'Loops found, by the upstream that sends queries back.', 'to')

/** Fewer letters are spelled alike by chance too often: one in 256. */
const MIN_LETTERS = 8
/** So many echoes within a minute are no chance. */
const ECHOES = 3
const MINUTE_MS = 60_000
/** So long it is not asked; if it loops still, the next echo ends it again. */
const PAUSE_MS = 30_000

export class Echoes {
  readonly #upstream: Upstream
  #seen = 0
  #lastAtMs = Number.NEGATIVE_INFINITY

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  /** Takes note of a query that came back from the upstream; after some of them it is asked no more for a while. */
  heard(q: Query, nowMs: number): void {
    if (nowMs - this.#lastAtMs > MINUTE_MS) this.#seen = 0
    this.#lastAtMs = nowMs
    if (++this.#seen < ECHOES || this.#upstream.disabled !== undefined) return
    this.#seen = ECHOES - 1
    const { text, to } = this.#upstream
    const reason = `loop: ${text} sends queries back to this server`
    this.#upstream.disabled = reason
    cells[detected(to)]! += 1
    const advice = `is not asked for ${PAUSE_MS / 1000} s: forward to a name server that does not use this one`
    warn('forward', `Loop detected: upstream ${text} sends queries back and ${advice}. Query: "${q.qnameText}"`)
    setTimeout(() => {
      if (this.#upstream.disabled === reason) this.#upstream.disabled = undefined
    }, PAUSE_MS).unref()
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
