/**
 * One `forward` line at run time: the names it is for, its upstreams, and the questions in flight. Identical questions
 * share one flight, so that at most one query for them is open (no birthday odds for a forger).
 */

import { cells, counter } from '../../server/metrics.ts'
import type { Answer, Next, Query } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { ZoneSet } from '../../server/route.ts'
import { EDE, FLAG, TYPE } from '../../server/wire/codes.ts'
import { equalOctets, type Name } from '../../server/wire/name.ts'
import { addressText, type UpstreamAddress } from './address.ts'
import { Flight, UpstreamError, VIA_TCP, VIA_UDP, VIA_UDP_THEN_TCP } from './flight.ts'
import { choose, chooseAny, Policy, type PolicyName } from './policy.ts'
import { Upstream, type UpstreamOptions } from './upstream.ts'

const SECOND_CHANCE_MS = 1000
/**
 * Queries that wait for upstreams, over all `forward`s, where the Corefile sets no limit. One that waits costs 10 KB with
 * all that hangs on it: a flood of names that nobody answers must not take what a container of 170 MiB has left.
 */
const MAX_WAITING = 6144
const rejects = counter(
  'coredns_forward_max_concurrent_rejects_total',
  'Queries refused because max_concurrent was reached.',
)()
const broken = counter('coredns_forward_healthcheck_broken_total', 'Queries for which all upstreams were down.')()
const shared = counter('sextant_forward_shared_total', 'Queries that joined the same question in flight.')()

let waitingOverall = 0

/** What one `forward` line says. */
export interface ForwardOptions {
  readonly fromText: string
  readonly from: Name
  readonly except: readonly Name[]
  readonly policy: PolicyName
  readonly preferUdp: boolean
  readonly readTimeoutMs: number
  /** The Corefile sets the read timeout: it then ends the wait, sooner or later than the default. */
  readonly readTimeoutSet: boolean
  /** 0: no limit; undefined: twice the number of upstreams. */
  readonly maxConnectAttempts: number | undefined
  /** 0: no limit. */
  readonly maxConcurrent: number
  readonly failover: ReadonlySet<number>
  readonly nextRcodes: ReadonlySet<number>
  readonly nextOnNodata: boolean
  readonly failFast: boolean
  readonly upstream: UpstreamOptions
}

export class Forwarder {
  readonly options: ForwardOptions
  /** Replaced as a whole when they change. */
  upstreams: readonly Upstream[] = []
  /** The later `forward` lines of the block, if there are any: `next` goes on with them. */
  following: ((q: Query, next: Next) => Answer | Promise<Answer>) | undefined = undefined
  readonly #from: ZoneSet
  readonly #except: ZoneSet
  readonly #policy: Policy
  readonly #flights = new Map<number, Flight>()
  #waiting = 0
  readonly #refusal: Error

  constructor(options: ForwardOptions) {
    this.options = options
    this.#from = new ZoneSet([options.from])
    this.#except = new ZoneSet(options.except)
    this.#policy = new Policy(options.policy)
    this.#refusal = new UpstreamError(`concurrent queries exceeded maximum ${options.maxConcurrent}`)
  }

  /** True if the name is in FROM and not excepted; FROM itself cannot be excepted. */
  matches(q: Query): boolean {
    const { from, except } = this.options
    if (from.length > 1 && this.#from.match(q) < 0) return false
    if (except.length === 0 || this.#except.match(q) < 0) return true
    return q.qnameLength === from.length && equalOctets(q.qname, 0, from, 0, from.length)
  }

  /** Puts the addresses in place; what is known of those that stay is kept, those that go are closed. */
  setAddresses(addresses: readonly UpstreamAddress[]): void {
    const known = new Map(this.upstreams.map(one => [one.text, one]))
    const wanted = new Map(addresses.map(address => [addressText(address), address]))
    this.upstreams = [...wanted].map(
      ([text, address]) => known.get(text) ?? new Upstream(address, this.options.upstream),
    )
    for (const [text, upstream] of known) if (!wanted.has(text)) upstream.close()
  }

  /** Takes over what the same line before a reload knew of the same upstreams. */
  inherit(from: Forwarder): void {
    const known = new Map(from.upstreams.map(one => [one.text, one]))
    for (const upstream of this.upstreams) {
      const before = known.get(upstream.text)
      if (before !== undefined) upstream.inherit(before)
    }
  }

  ask(q: Query, next: Next): Answer | Promise<Answer> {
    if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) return reply.refused(q) // a zone is no answer to a question
    const { maxConcurrent } = this.options
    if (maxConcurrent > 0 && this.#waiting >= maxConcurrent) {
      cells[rejects]! += 1
      const a = reply.refused(q)
      a.error = this.#refusal
      return a
    }
    if (maxConcurrent === 0 && waitingOverall >= MAX_WAITING) {
      return reply.servfail(
        q,
        new UpstreamError(`${MAX_WAITING} queries wait for upstreams`),
        EDE.NO_REACHABLE_AUTHORITY,
      )
    }
    const unavailable = this.#unavailable()
    if (unavailable !== undefined) return reply.servfail(q, new UpstreamError(unavailable), EDE.NO_REACHABLE_AUTHORITY)
    this.#waiting++
    waitingOverall++
    const via = this.#via(q)
    const hash = hashQuestion(q, via)
    const known = this.#find(q, hash, via)
    if (known !== undefined) {
      cells[shared]! += 1
      return known.join(q, next)
    }
    const flight = new Flight(this, hash, via, this.#policy.first(this.upstreams.length))
    flight.sibling = this.#flights.get(hash)
    this.#flights.set(hash, flight)
    const answer = flight.join(q, next)
    flight.start(performance.now())
    return answer
  }

  /** The next upstream for a question that has been put to `tried`. */
  choose(first: number, tried: readonly Upstream[]): Upstream | undefined {
    const best = choose(this.upstreams, first, tried)
    if (best !== undefined) return best
    if (tried.length === 0) cells[broken]! += 1
    return this.options.failFast ? undefined : chooseAny(this.upstreams)
  }

  /**
   * An upstream to be asked besides, for nobody's answer: without health checks this is how a suspect one gets to show
   * that it is back. At most one a second.
   */
  overlooked(nowMs: number): Upstream | undefined {
    if (this.options.upstream.maxFails > 0 || this.upstreams.length === 1) return undefined
    return this.upstreams.find(
      one => one.suspect && one.disabled === undefined && nowMs - one.triedAtMs > SECOND_CHANCE_MS,
    )
  }

  /** A flight has ended. */
  landed(flight: Flight): void {
    this.#waiting -= flight.queries.length
    waitingOverall -= flight.queries.length
    let before = this.#flights.get(flight.hash)
    if (before === flight) {
      if (flight.sibling === undefined) this.#flights.delete(flight.hash)
      else this.#flights.set(flight.hash, flight.sibling)
      return
    }
    while (before !== undefined && before.sibling !== flight) before = before.sibling
    if (before !== undefined) before.sibling = flight.sibling
  }

  close(): void {
    for (const upstream of this.upstreams) upstream.close()
  }

  /** Why nobody is to be asked. */
  #unavailable(): string | undefined {
    const { upstreams } = this
    let disabled = 0
    let down = 0
    for (const one of upstreams) {
      if (one.disabled !== undefined) disabled++
      else if (one.down) down++
      else return undefined
    }
    if (disabled === upstreams.length) {
      return disabled === 0 ? 'no upstream is known' : `all upstreams are disabled: ${upstreams[0]!.disabled}`
    }
    if (!this.options.failFast || down === 0) return undefined
    cells[broken]! += 1
    return 'no healthy upstream'
  }

  #via(q: Query): number {
    const { upstream, preferUdp } = this.options
    if (upstream.forceTcp) return VIA_TCP
    // A look-up of our own wants a whole answer, which is no reason to begin with TCP.
    if (preferUdp || q.depth > 0) return VIA_UDP_THEN_TCP
    return q.stream ? VIA_TCP : VIA_UDP
  }

  #find(q: Query, hash: number, via: number): Flight | undefined {
    for (let flight = this.#flights.get(hash); flight !== undefined; flight = flight.sibling) {
      const other = flight.queries[0]!
      if (
        flight.via === via &&
        other.qtype === q.qtype &&
        other.dnssecOk === q.dnssecOk &&
        ((other.flags ^ q.flags) & (FLAG.RD | FLAG.CD)) === 0 &&
        other.qnameLength === q.qnameLength &&
        equalOctets(other.qname, 0, q.qname, 0, q.qnameLength)
      ) {
        return flight
      }
    }
    return undefined
  }
}

function hashQuestion(q: Query, via: number): number {
  const bits = (via << 24) | (q.dnssecOk ? 1 << 23 : 0) | ((q.flags & (FLAG.RD | FLAG.CD)) << 12) | q.qtype
  return Math.imul(q.suffixHash[0]! ^ bits, 0x5bd1e995)
}
