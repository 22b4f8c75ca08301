/**
 * Answers the queries of one server block from the index. Nothing here waits but an ExternalName's target, and nothing is
 * made per query but what goes into the answer. In other threads than the main one the index changes while it is read:
 * what is looked up and composed is taken as it stood at one moment (index/seqlock.ts), and only then passed on.
 *
 *   zone? ─ no ─► next            UNKNOWN ─► SERVFAIL
 *     └─► Lookup.find ──────────► MISSING ─► next (fallthrough) or NXDOMAIN
 *                                 EXISTS  ─► records of the type, or NODATA
 */
import type { MessagePort } from 'node:worker_threads'
import { isPromise } from '../../server/chain.ts'
import {
  type Answer,
  CorefileErrors,
  type MetadataReader,
  type Next,
  type Query,
  type Site,
  type Stage,
  type ZoneTransfer,
} from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { type Name, nameToText } from '../../server/wire/name.ts'
import { Apex, localAddresses } from './apex.ts'
import { answerExternal } from './external.ts'
import type { Feed, SharedFeed } from './feed.ts'
import type { Index } from './index/index.ts'
import type { Seqlock } from './index/seqlock.ts'
import { EXISTS, Lookup, UNKNOWN } from './lookup.ts'
import { ClusterMetadata } from './metadata.ts'
import { NAME } from './name.ts'
import { isPrivateReverse } from './private-ranges.ts'
import { Records } from './records.ts'
import { SearchPaths } from './search.ts'
import type { Settings } from './settings.ts'
import { markStale } from './snapshot/stale.ts'
import { Srv } from './srv.ts'
import { Transfer } from './transfer.ts'
import { fallsThrough, type Zone, Zones } from './zones.ts'

/** What a stage knows of the cluster: not everything, everything as it once was, everything. */
const NOTHING = 0
const OUTDATED = 1
const CURRENT = 2

export class Kubernetes implements Stage {
  readonly #settings: Settings
  readonly #site: Site
  readonly #feed: Feed
  readonly #index: Index
  readonly #lock: Seqlock
  readonly #zones: Zones
  readonly #found: Lookup
  readonly #records: Records
  readonly #srv: Srv
  readonly #apex: Apex
  /** Only of pods that are verified it is known which one asks. */
  readonly searchPath: Stage['searchPath']
  #started = false
  /** Of the ExternalName service that was looked up: a copy. */
  #target: Name = new Uint8Array(1)

  constructor(settings: Settings, site: Site, feed: Feed) {
    this.#settings = settings
    this.#site = site
    this.#feed = feed
    this.#index = feed.index
    this.#lock = feed.indexes.lock
    this.#zones = new Zones(settings)
    this.#found = new Lookup(feed.indexes, this.#zones, settings)
    this.#records = new Records(this.#found, settings.ttl)
    this.#srv = new Srv(this.#found, settings.ttl)
    this.#apex = new Apex(feed.indexes, this.#zones, settings.ttl)
    const paths = new SearchPaths(feed.index, this.#zones)
    this.searchPath = settings.pods === 'verified' ? q => paths.of(q) : undefined
  }

  /** The cluster as this stage knows it. */
  get index(): Index {
    return this.#index
  }

  link(): void {
    this.#apex.nameServers.local = localAddresses(this.#site.listen.addresses)
    this.#refuseSharedSnapshot()
  }

  async start(previous: Stage | undefined): Promise<void> {
    const { place, snapshot, source, startupTimeoutMs: timeoutMs } = this.#settings
    const known = previous instanceof Kubernetes ? previous.#knowledge() : NOTHING
    const tuning = 'api' in source ? source.api : undefined
    try {
      await this.#feed.start({ timeoutMs, snapshot: snapshot?.file, isToSync: known === CURRENT, tuning })
    } catch (cause) {
      throw new CorefileErrors([place.error((cause as Error).message, 'COREFILE_UNUSABLE_SOURCE', cause)])
    }
    this.#started = true
    if (this.#knowledge() >= known) return
    // What serves now knows the cluster: not to be replaced by what does not.
    await this.stop()
    const text = `${this.#feed.indexes.unsynced().join(', ')} not synced after ${timeoutMs} ms`
    throw new Error(`kubernetes: ${text}, expected the cluster to be known before a reload takes over`)
  }

  share(port: MessagePort): unknown {
    return this.#feed.share(port)
  }

  /** @throws Error as `Feed.join` */
  join(shared: unknown, port: MessagePort): void {
    this.#feed.join(shared as SharedFeed, port)
    this.#started = true
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    await this.#feed.release(this.#settings.snapshot?.file)
  }

  /** A snapshot counts: all servers may start anew while the API server is away, and then this is all that there is. */
  ready(): boolean {
    return this.#knowledge() !== NOTHING
  }

  #knowledge(): number {
    if (this.#feed.indexes.synced) return CURRENT
    return this.#feed.isCovered ? OUTDATED : NOTHING
  }

  /** @throws CorefileError where another block keeps something else in the same file */
  #refuseSharedSnapshot(): void {
    const { snapshot } = this.#settings
    if (snapshot === undefined) return
    for (const other of this.#site.peers('kubernetes', true)) {
      if (other === this) return
      if (!(other instanceof Kubernetes) || other.#feed === this.#feed) continue
      const earlier = other.#settings.snapshot
      if (earlier?.file !== snapshot.file) continue
      const { source, line } = earlier.argument.token
      const text = `snapshot "${snapshot.file}" is that of other objects in ${source.file}:${line}`
      throw snapshot.argument.error(`${text}, expected a file of its own`)
    }
  }

  metadata(label: string): MetadataReader | undefined {
    return new ClusterMetadata(this.#index, this.#zones).reader(label)
  }

  transfer(q: Query): ZoneTransfer | undefined {
    const zone = this.#zones.match(q)
    if (zone === undefined || this.#zones.left > 0 || zone.reverse !== 0) return undefined
    const { cluster, clusterSet } = this.#feed.indexes
    const found = new Lookup(this.#feed.indexes, this.#zones, this.#settings) // it goes on between other look-ups
    found.index = zone.multicluster ? clusterSet! : cluster
    const isCurrent = this.#knowledge() === CURRENT
    return new Transfer(q, zone, { found, apex: this.#apex, ttl: this.#settings.ttl, isCurrent })
  }

  condition(): string {
    const { condition } = this.#feed
    return condition === '' ? '' : `${nameToText(this.#zones.primary.name).slice(0, -1)}: ${condition}`
  }

  live(q: Query): boolean {
    const zone = this.#zones.match(q)
    if (zone === undefined) return false
    if (!fallsThrough(q, zone)) return true
    let outcome: number
    let seen: number
    do {
      seen = this.#lock.now()
      outcome = this.#found.find(q, zone, this.#zones.left)
    } while (this.#lock.isOver(seen))
    return outcome === EXISTS || (outcome === UNKNOWN && !isForeign(q, zone))
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    const zone = this.#zones.match(q)
    if (zone === undefined) return next(q)
    const { left } = this.#zones
    if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) return reply.refused(q, EDE.NOT_SUPPORTED, 'no zone transfers')
    let outcome: number
    let isStale = false
    let hasTarget = false
    let seen: number
    do {
      seen = this.#lock.now()
      outcome = this.#found.find(q, zone, left)
      if (outcome !== EXISTS) continue
      isStale = this.#found.isStale
      hasTarget = !this.#compose(q, zone, left)
    } while (this.#lock.isOver(seen))
    if (outcome === EXISTS) {
      const answer = hasTarget ? this.#external(q) : this.#answer(q, zone, left)
      return isStale ? this.#stale(answer) : answer
    }
    const through = fallsThrough(q, zone)
    // CoreDNS: what falls through before the first sync is answered by whoever comes next, cluster names too.
    if (outcome === UNKNOWN && !(through && isForeign(q, zone)))
      return reply.servfail(q, EDE.NOT_READY, undefined, 'the cluster is not known yet')
    if (through) return next(q)
    return this.#negative(q, RCODE.NXDOMAIN, zone, left)
  }

  /** What was composed. */
  #answer(q: Query, zone: Zone, left: number): Answer {
    return q.answer.answer.count > 0 ? q.answer : this.#negative(q, RCODE.NOERROR, zone, left)
  }

  #external(q: Query): Answer | Promise<Answer> {
    return answerExternal(q, this.#target, this.#settings.ttl, this.#site)
  }

  /** Puts the records of what was found into the answer. False: they are those of `#target`. */
  #compose(q: Query, zone: Zone, left: number): boolean {
    const { name, data, index } = this.#found
    const external = name === NAME.SERVICE && index.services.isExternal(data)
    // CoreDNS: other types than these are NODATA at an ExternalName, though a CNAME stands there.
    if (external && (q.qtype === TYPE.A || q.qtype === TYPE.AAAA || q.qtype === TYPE.CNAME)) {
      this.#target = this.#copyOfTarget(data)
      return false
    }
    const a = q.answer.reset()
    a.authoritative = true
    switch (q.qtype) {
      case TYPE.A:
      case TYPE.AAAA:
        if ((name >= NAME.SERVICE && name <= NAME.POD) || name === NAME.PIN) this.#records.addresses(q, q.qtype)
        else if (name === NAME.THIS_SERVER) this.#apex.nameServers.addAddresses(q, zone, q.qtype)
        break
      case TYPE.SRV:
        if (external) break
        if ((name >= NAME.SERVICE && name <= NAME.PORT) || name === NAME.PIN) this.#srv.add(q, left)
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
        if (name === NAME.VERSION) this.#apex.addVersion(a, zone)
        break
      case TYPE.ANY:
        this.#apex.addAny(a)
    }
    return true
  }

  #stale(answer: Answer | Promise<Answer>): Answer | Promise<Answer> {
    if (isPromise(answer)) return answer.then(a => markStale(a, this.#feed.staleText))
    return markStale(answer, this.#feed.staleText)
  }

  /** The index may change while it is resolved. */
  #copyOfTarget(data: number): Name {
    const { services, slab } = this.#found.index
    const at = services.targetAt(data)
    return slab.bytes.slice(at, at + services.targetLength(data))
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
