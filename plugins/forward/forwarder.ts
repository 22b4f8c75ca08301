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
import { Admission } from './admission.ts'
import { type Flight, takeFlight, UpstreamError } from './flight.ts'
import { choose, chooseAny, Policy, type PolicyName } from './policy.ts'
import { RebindingFilter } from './rebinding.ts'
import { isLooped } from './upstream/echo.ts'
import { Upstream, type UpstreamOptions } from './upstream/upstream.ts'
import { Waiting } from './waiting.ts'

/** The answer is on its way within 4.5 s of the query, before a client's resolver gives up after 5 s. */
const TOTAL_MS = 4400
const SECOND_CHANCE_MS = 1000
const FLIGHT_LISTS = 4096
const FLIGHT_MASK = FLIGHT_LISTS - 1
/**
 * Queries that wait for upstreams, over all `forward`s, where the Corefile sets no limit. One that waits costs 10 KB with
 * all that hangs on it: a flood of names that nobody answers must not take what a container of 170 MiB has left.
 */
const MAX_WAITING = 6144
/** One question in ten may be put to a second upstream early; so many more in a burst. */
const HEDGED_SHARE = 0.1
const MAX_HEDGES = 20
const rejects = counter(
  'coredns_forward_max_concurrent_rejects_total',
  'Queries refused because max_concurrent was reached.',
)()
const broken = counter('coredns_forward_healthcheck_broken_total', 'Queries for which all upstreams were down.')()
const shared = counter('sextant_forward_shared_total', 'Queries that joined the same question in flight.')()
const hedged = counter(
  'sextant_forward_hedged_total',
  'Questions put to a second upstream as the first one took longer than it mostly does.',
)()

/** All `forward`s without a limit of their own. */
const common = new Admission(MAX_WAITING)

/** What one `forward` line says. */
export interface ForwardOptions {
  readonly fromText: string
  readonly from: Name
  readonly except: readonly Name[]
  /** Undefined: at random, those that are about as fast as the fastest. */
  readonly policy: PolicyName | undefined
  readonly preferUdp: boolean
  /** Questions are sent in random case. */
  readonly mixedCase: boolean
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
  /** Zones whose names may have private addresses; undefined: all names may. */
  readonly privateZones: readonly Name[] | undefined
  readonly upstream: UpstreamOptions
}

export class Forwarder {
  readonly options: ForwardOptions
  /** Replaced as a whole when they change. */
  upstreams: readonly Upstream[] = []
  /** The later `forward` lines of the block, if there are any: `next` goes on with them. */
  following: ((q: Query, next: Next) => Answer | Promise<Answer>) | undefined = undefined
  readonly rebinding: RebindingFilter | undefined
  readonly #from: ZoneSet
  readonly #except: ZoneSet
  readonly #policy: Policy
  /** The questions in flight: lists by the lower bits of their hash. */
  readonly #flights: (Flight | undefined)[] = new Array(FLIGHT_LISTS).fill(undefined)
  readonly #admission: Admission
  readonly #refusal: Error
  #hedges = MAX_HEDGES

  constructor(options: ForwardOptions) {
    this.options = options
    this.#from = new ZoneSet([options.from])
    this.#except = new ZoneSet(options.except)
    this.#policy = new Policy(options.policy)
    this.rebinding = options.privateZones && new RebindingFilter(options.privateZones)
    this.#admission = options.maxConcurrent > 0 ? new Admission(options.maxConcurrent) : common
    const { limit } = this.#admission
    this.#refusal = new UpstreamError(`concurrent queries exceeded maximum ${limit}, or this client's share of it`)
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

  /** Takes over what is known of the same upstreams from before a reload. */
  inherit(before: readonly Upstream[]): void {
    const known = new Map(before.map(one => [one.text, one]))
    for (const upstream of this.upstreams) {
      const same = known.get(upstream.text)
      if (same !== undefined) upstream.inherit(same)
    }
  }

  ask(q: Query, next: Next): Answer | Promise<Answer> {
    if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) {
      return reply.refused(q, EDE.NOT_SUPPORTED, 'zone transfers are not forwarded') // a zone is no answer to a question
    }
    if (isLooped(q)) return reply.refused(q, EDE.PROHIBITED, 'forwarding loop') // it ends here, whatever the upstream makes of it
    const unavailable = this.#unavailable()
    if (unavailable !== undefined) {
      return reply.servfail(q, EDE.NO_REACHABLE_AUTHORITY, new UpstreamError(unavailable), 'no upstream is in use')
    }
    const client = this.#admission.enter(q)
    if (client === undefined) return this.#refuse(q)
    const { readTimeoutSet, readTimeoutMs } = this.options
    const deadlineMs = q.receivedAtMs + Math.max(TOTAL_MS, readTimeoutSet ? readTimeoutMs : 0)
    const waiting = new Waiting(q, next, deadlineMs, client, this.#admission)
    const hash = hashQuestion(q)
    const known = this.#find(q, hash)
    if (known !== undefined) {
      cells[shared]! += 1
      if (q.depth === 0) known.hearEcho(q)
      return known.join(waiting)
    }
    const flight = takeFlight()
    flight.begin(this, hash, this.#beginsWithTcp(q), this.#policy.first(this.upstreams))
    flight.sibling = this.#flights[hash & FLIGHT_MASK]
    this.#flights[hash & FLIGHT_MASK] = flight
    const answer = flight.join(waiting)
    this.#hedges = Math.min(MAX_HEDGES, this.#hedges + HEDGED_SHARE)
    flight.start(performance.now())
    return answer
  }

  /** The next upstream for a question that has been put to `tried`. */
  choose(first: number, tried: readonly Upstream[], nowMs: number): Upstream | undefined {
    const best = choose(this.upstreams, first, tried, nowMs)
    if (best !== undefined) return best
    if (tried.length === 0) cells[broken]! += 1
    return this.options.failFast ? undefined : chooseAny(this.upstreams)
  }

  /** True if a question may be put to a second upstream already: not where all of them would be. */
  mayHedge(): boolean {
    if (this.#hedges < 1) return false
    this.#hedges--
    cells[hedged]! += 1
    return true
  }

  /**
   * An upstream to be asked besides, for nobody's answer: without health checks this is how a suspect one gets to show
   * that it is back. At most one a second.
   */
  overlooked(nowMs: number): Upstream | undefined {
    if (this.options.upstream.maxFails > 0 || this.upstreams.length === 1) return undefined
    return this.upstreams.find(
      ({ standing, disabled }) =>
        standing.isSuspect && disabled === undefined && nowMs - standing.triedAtMs > SECOND_CHANCE_MS,
    )
  }

  /** A flight has ended. */
  landed(flight: Flight): void {
    const { hash, sibling } = flight
    flight.sibling = undefined
    let before = this.#flights[hash & FLIGHT_MASK]
    if (before === flight) {
      this.#flights[hash & FLIGHT_MASK] = sibling
      return
    }
    while (before !== undefined && before.sibling !== flight) before = before.sibling
    if (before !== undefined) before.sibling = sibling
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

  #refuse(q: Query): Answer {
    cells[rejects]! += 1
    const a = reply.refused(q, EDE.OTHER, 'too many queries wait for upstreams')
    a.error = this.#refusal
    return a
  }

  #beginsWithTcp(q: Query): boolean {
    const { upstream, preferUdp } = this.options
    // A look-up of our own wants a whole answer, which is no reason to begin with TCP.
    return upstream.forceTcp || (q.stream && !preferUdp && q.depth === 0)
  }

  #find(q: Query, hash: number): Flight | undefined {
    for (let flight = this.#flights[hash & FLIGHT_MASK]; flight !== undefined; flight = flight.sibling) {
      const other = flight.waiting[0]!.q
      if (
        flight.hash === hash &&
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

function hashQuestion(q: Query): number {
  const bits = (q.dnssecOk ? 1 << 23 : 0) | ((q.flags & (FLAG.RD | FLAG.CD)) << 12) | q.qtype
  return Math.imul(q.suffixHash[0]! ^ bits, 0x5bd1e995)
}
