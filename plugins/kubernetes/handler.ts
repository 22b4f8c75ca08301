/**
 * Answers the queries of one server block from the index. Nothing here waits but an ExternalName's target, and nothing is
 * made per query but what goes into the answer.
 *
 *   zone? ─ no ─► next            UNKNOWN ─► SERVFAIL
 *     └─► Lookup.find ──────────► MISSING ─► next (fallthrough) or NXDOMAIN
 *                                 EXISTS  ─► records of the type, or NODATA
 */
import type { Answer, Next, Query, Site, Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { Apex, localAddresses } from './apex.ts'
import { answerExternal } from './external.ts'
import type { Feed } from './feed.ts'
import type { Index } from './index/index.ts'
import { EXISTS, Lookup, UNKNOWN } from './lookup.ts'
import { NAME } from './name.ts'
import { isPrivateReverse } from './private-ranges.ts'
import { Records } from './records.ts'
import type { Settings } from './settings.ts'
import { fallsThrough, type Zone, Zones } from './zones.ts'

export class Kubernetes implements Stage {
  readonly #settings: Settings
  readonly #site: Site
  readonly #feed: Feed
  readonly #index: Index
  readonly #zones: Zones
  readonly #found: Lookup
  readonly #records: Records
  readonly #apex: Apex
  #started = false

  constructor(settings: Settings, site: Site, feed: Feed) {
    this.#settings = settings
    this.#site = site
    this.#feed = feed
    this.#index = feed.index
    this.#zones = new Zones(settings.zones, settings.fallthrough)
    this.#found = new Lookup(feed.index, settings)
    this.#records = new Records(feed.index, this.#found, settings.ttl)
    this.#apex = new Apex(feed.index, this.#zones, settings.ttl)
  }

  /** The cluster as this stage knows it. */
  get index(): Index {
    return this.#index
  }

  link(): void {
    this.#apex.local = localAddresses(this.#site.listen.addresses)
  }

  async start(previous: Stage | undefined): Promise<void> {
    await this.#feed.start(this.#settings.startupTimeoutMs)
    this.#started = true
    if (this.ready() || !(previous instanceof Kubernetes && previous.ready())) return
    // What serves now knows the cluster: not to be replaced by what does not.
    await this.stop()
    const text = `${this.#index.unsynced().join(', ')} not synced after ${this.#settings.startupTimeoutMs} ms`
    throw new Error(`kubernetes: ${text}, expected the cluster to be known before a reload takes over`)
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    await this.#feed.release()
  }

  ready(): boolean {
    return this.#index.unsyncedKinds === 0
  }

  condition(): string {
    return this.#feed.condition
  }

  live(q: Query): boolean {
    const zone = this.#zones.match(q)
    if (zone === undefined) return false
    if (!fallsThrough(q, zone)) return true
    const outcome = this.#found.find(q, zone, this.#zones.left)
    return outcome === EXISTS || (outcome === UNKNOWN && !isForeign(q, zone))
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    const zone = this.#zones.match(q)
    if (zone === undefined) return next(q)
    const { left } = this.#zones
    if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) return reply.refused(q)
    const outcome = this.#found.find(q, zone, left)
    if (outcome === EXISTS) return this.#answer(q, zone, left)
    const through = fallsThrough(q, zone)
    // CoreDNS: what falls through before the first sync is answered by whoever comes next, cluster names too.
    if (outcome === UNKNOWN && !(through && isForeign(q, zone))) return reply.servfail(q, undefined, EDE.NOT_READY)
    if (through) return next(q)
    return this.#negative(q, RCODE.NXDOMAIN, zone, left)
  }

  #answer(q: Query, zone: Zone, left: number): Answer | Promise<Answer> {
    const { name, data } = this.#found
    const external = name === NAME.SERVICE && this.#index.services.isExternal(data)
    // CoreDNS: other types than these are NODATA at an ExternalName, though a CNAME stands there.
    if (external && (q.qtype === TYPE.A || q.qtype === TYPE.AAAA || q.qtype === TYPE.CNAME)) return this.#external(q)
    const a = q.answer.reset()
    a.authoritative = true
    switch (q.qtype) {
      case TYPE.A:
      case TYPE.AAAA:
        if (name >= NAME.SERVICE && name <= NAME.POD) this.#records.addresses(q, q.qtype)
        else if (name === NAME.THIS_SERVER) this.#apex.addServerAddresses(a, zone, q.qtype)
        break
      case TYPE.SRV:
        if (!external && name >= NAME.SERVICE && name <= NAME.PORT) this.#records.srv(q, left)
        break
      case TYPE.PTR:
        if (name === NAME.ADDRESS) this.#records.ptr(q, this.#zones.primary.name)
        break
      case TYPE.SOA:
        if (name === NAME.APEX) this.#apex.addSoa(a, zone)
        break
      case TYPE.NS:
        if (name === NAME.APEX) this.#apex.addNs(q, zone)
        break
      case TYPE.TXT:
        if (name === NAME.VERSION) this.#apex.addVersion(a)
        break
      case TYPE.ANY:
        this.#apex.addAny(a)
    }
    return a.answer.count > 0 ? a : this.#negative(q, RCODE.NOERROR, zone, left)
  }

  #external(q: Query): Answer | Promise<Answer> {
    const { services, slab } = this.#index
    const at = services.targetAt(this.#found.data)
    const target = slab.bytes.slice(at, at + services.targetLength(this.#found.data)) // the index may change meanwhile
    return answerExternal(q, target, this.#settings.ttl, this.#site)
  }

  #negative(q: Query, rcode: number, zone: Zone, left: number): Answer {
    return reply.negative(q, rcode, left, this.#apex.soa(zone), this.#apex.soaTtl)
  }
}

/**
 * True if a reverse name may well belong to the world outside: of no private range, and not in a zone that was given to
 * this cluster alone. Only such names may fall through before the cluster is known.
 */
function isForeign(q: Query, zone: Zone): boolean {
  return zone.reverse !== 0 && zone.shared && !isPrivateReverse(q, zone.reverse)
}
