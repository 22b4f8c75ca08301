/**
 * Answers again what was answered before. Stands aside for names that a later stage of the block answers from data that
 * is always current (`live`). What is kept and for how long is decided in ttl.ts, where in store.ts, in which form in
 * entry.ts; this is the way of a query through them.
 */
import { isPromise } from '../../server/chain.ts'
import { error } from '../../server/log.ts'
import { cells } from '../../server/metrics.ts'
import type { Answer, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { type Routes, ZoneSet } from '../../server/route.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { copyQuery } from '../../server/wire/query.ts'
import { Counts, type Holding, holdings, release } from './counts.ts'
import { compose, makeEntry } from './entry.ts'
import { type Options, type Prefetch, parseOptions, type Stale } from './setup.ts'
import { EXPIRES_AT, keyHash, LAST_HIT_AT, RETRY_AT, STORED_AT, Store, variantOf } from './store.ts'
import { DENIAL, limitTtls, NOWHERE, placeOf, SUCCESS } from './ttl.ts'

const NAME = 'cache'
const STALE_NXDOMAIN = 19 // RFC 8914 §4.20
const MAX_REFRESHES = 1024 // questions of the cache's own at one time

export const plugin: Plugin = {
  name: NAME,
  setup: (directive, site) => new CacheStage(parseOptions(directive, site.zoneTexts), site),
}

class CacheStage implements Stage {
  readonly #options: Options
  readonly #site: Site
  /** Undefined where the zones are all there is. */
  readonly #zones: ZoneSet | undefined
  readonly #notSuccess: ZoneSet
  readonly #notDenial: ZoneSet
  #success: Store
  #denial: Store
  #live: readonly Stage[] = []
  /** Entries that are being asked for again. */
  readonly #refreshing = new Set<Uint8Array>()
  #holding: Holding | undefined
  readonly #counts = new Map<Routes | undefined, Counts>()
  #lastCounts: Counts | undefined
  #lastRoutes: Routes | undefined

  constructor(options: Options, site: Site) {
    this.#options = options
    this.#site = site
    this.#zones = options.zones.includes('.') ? undefined : zoneSet(options.zones)
    this.#notSuccess = zoneSet(options.notSuccess)
    this.#notDenial = zoneSet(options.notDenial)
    this.#success = new Store(options.success.entries)
    this.#denial = new Store(options.denial.entries)
  }

  link(): void {
    this.#live = this.#site.after(this).filter(stage => stage.live !== undefined)
  }

  start(previous: Stage | undefined): void {
    if (previous instanceof CacheStage && JSON.stringify(previous.#options) === JSON.stringify(this.#options)) {
      this.#success = previous.#success
      this.#denial = previous.#denial
    }
    const { servers } = this.#site
    this.#holding = { servers, zones: this.#options.zones.join(), success: this.#success, denial: this.#denial }
    holdings.add(this.#holding)
  }

  stop(): void {
    if (this.#holding !== undefined) release(this.#holding)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    if (this.#zones !== undefined && this.#zones.match(q) < 0) return next(q)
    if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR || this.#isLive(q)) return next(q)
    const counts = this.#countsFor(q)
    cells[counts.requests]! += 1
    const variant = variantOf(q)
    const hash = keyHash(q, variant)
    let slot = this.#success.find(q, hash, variant)
    if (slot >= 0) {
      // What is positive goes first, even if stale: a denial that is newer has taken its place, or is less wanted.
      const answer = this.#fromStore(q, next, this.#success, slot)
      if (answer !== undefined) {
        cells[counts.hits]! += 1
        return answer
      }
    }
    slot = this.#denial.find(q, hash, variant)
    if (slot >= 0) {
      const answer = this.#fromStore(q, next, this.#denial, slot)
      if (answer !== undefined) {
        cells[counts.denialHits]! += 1
        return answer
      }
    }
    cells[counts.misses]! += 1
    const answer = next(q)
    if (!isPromise(answer)) return this.#keep(q, answer)
    return answer.then(a => (this.#isLive(q) ? a : this.#keep(q, a)))
  }

  /** An answer from an entry, fresh or as stale as it may be; undefined if it is of no use any more. */
  #fromStore(q: Query, next: Next, store: Store, slot: number): Answer | Promise<Answer> | undefined {
    const nowMs = q.receivedAtMs
    const { timesMs } = store
    const times = slot << 2
    const expiresAtMs = timesMs[times + EXPIRES_AT]!
    const entry = store.entry[slot]!
    const { prefetch, stale, keepTtl } = this.#options
    if (nowMs < expiresAtMs) {
      store.touch(slot)
      const ageMs = nowMs - timesMs[times + STORED_AT]!
      if (prefetch !== undefined) this.#countHit(q, next, store, slot, prefetch)
      const a = compose(entry, q.answer, keepTtl || ageMs < 0 ? 0 : Math.floor(ageMs / 1000))
      if (a.rcode === RCODE.SERVFAIL) a.extendedError = EDE.CACHED_ERROR
      return a
    }
    if (stale === undefined || nowMs >= expiresAtMs + stale.forMs || !isResolved(entry[0]!)) return undefined
    store.touch(slot)
    if (stale.mode === 'verify') return this.#verify(q, next, store, slot, stale)
    if (nowMs >= timesMs[times + RETRY_AT]!) this.#refresh(q, next, store, slot)
    return this.#composeStale(q, entry, stale)
  }

  /** Asks first, and falls back on the stale entry. */
  #verify(q: Query, next: Next, store: Store, slot: number, stale: Stale): Answer | Promise<Answer> {
    const entry = store.entry[slot]!
    const isAlone = stale.waitMs > 0 || stale.recheckMs > 0
    if (isAlone && (this.#refreshing.has(entry) || q.receivedAtMs < store.timesMs[(slot << 2) + RETRY_AT]!)) {
      return this.#composeStale(q, entry, stale)
    }
    const fresh = this.#refresh(q, next, store, slot, !isAlone)
    if (!(fresh instanceof Promise)) return fresh ?? this.#composeStale(q, entry, stale)
    if (stale.waitMs === 0) return fresh.then(a => a ?? this.#composeStale(q, entry, stale))
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), stale.waitMs)
    return Promise.race([fresh, late.promise]).then(a => {
      clearTimeout(timer)
      return a ?? this.#composeStale(q, entry, stale)
    })
  }

  #composeStale(q: Query, entry: Uint8Array, stale: Stale): Answer {
    cells[this.#countsFor(q).stale]! += 1
    const a = compose(entry, q.answer, 0, stale.ttl)
    a.extendedError = a.rcode === RCODE.NXDOMAIN ? STALE_NXDOMAIN : EDE.STALE_ANSWER
    return a
  }

  /** Counts a hit; an entry that is asked for often is refreshed before it ends. */
  #countHit(q: Query, next: Next, store: Store, slot: number, prefetch: Prefetch): void {
    const nowMs = q.receivedAtMs
    const { timesMs } = store
    const times = slot << 2
    const isInRow = nowMs - timesMs[times + LAST_HIT_AT]! < prefetch.gapMs
    store.hits[slot] = isInRow ? store.hits[slot]! + 1 : 1
    timesMs[times + LAST_HIT_AT] = nowMs
    if (store.hits[slot]! < prefetch.hits) return
    const expiresAtMs = timesMs[times + EXPIRES_AT]!
    const lifetimeS = (expiresAtMs - timesMs[times + STORED_AT]!) / 1000
    if ((expiresAtMs - nowMs) / 1000 > Math.ceil((lifetimeS * prefetch.percent) / 100)) return
    if (nowMs < timesMs[times + RETRY_AT]! || this.#refreshing.has(store.entry[slot]!)) return
    cells[this.#countsFor(q).prefetches]! += 1
    this.#refresh(q, next, store, slot)
  }

  /**
   * Asks for an entry again, with a query of the cache's own, and keeps a good answer. `shared`: also while that is being
   * done already. Gives the good answer, or undefined; never rejects.
   */
  #refresh(
    q: Query,
    next: Next,
    store: Store,
    slot: number,
    shared = false,
  ): Answer | undefined | Promise<Answer | undefined> {
    const entry = store.entry[slot]!
    if ((!shared && this.#refreshing.has(entry)) || this.#refreshing.size >= MAX_REFRESHES) return undefined
    this.#refreshing.add(entry)
    const own = copyQuery(q)
    const arrived = (a: Answer): Answer | undefined => {
      this.#refreshing.delete(entry)
      if (this.#replaces(own, a)) return this.#isLive(own) ? a : this.#keep(own, a)
      if (store.entry[slot] === entry) store.timesMs[(slot << 2) + RETRY_AT] = performance.now() + this.#recheckMs
      return undefined
    }
    const failed = (cause: unknown): undefined => {
      this.#refreshing.delete(entry)
      error(
        NAME,
        `exception while refreshing ${own.qnameText}: ${cause instanceof Error ? cause.message : cause}`,
        cause,
      )
    }
    try {
      const answer = next(own)
      return isPromise(answer) ? answer.then(arrived).catch(failed) : arrived(answer)
    } catch (cause) {
      return failed(cause)
    }
  }

  /** True if an answer may take the place of an entry that has expired. */
  #replaces(q: Query, a: Answer): boolean {
    if (this.#options.stale?.preferPositive) return placeOf(q, a) === SUCCESS
    return isResolved(a.rcode)
  }

  /** Brings an answer's TTLs within their limits, and stores it if it may be. */
  #keep(q: Query, a: Answer): Answer {
    const place = placeOf(q, a)
    if (place === NOWHERE) return a
    const lifetimeS = limitTtls(a, place, this.#options)
    // What was asked without recursion says what an upstream happened to have.
    if (lifetimeS <= 0 || !q.recursionDesired) return a
    const isSuccess = place === SUCCESS
    if ((isSuccess ? this.#notSuccess : this.#notDenial).match(q) >= 0) return a
    const entry = makeEntry(q, a)
    if (entry === undefined) return a
    const store = isSuccess ? this.#success : this.#denial
    const variant = variantOf(q)
    const hash = keyHash(q, variant)
    const evictions = store.evictions
    store.put(q, hash, variant, entry, performance.now(), lifetimeS * 1000)
    if (store.evictions !== evictions) {
      const counts = this.#countsFor(q)
      cells[isSuccess ? counts.evictions : counts.denialEvictions]! += store.evictions - evictions
    }
    if (isSuccess) forget(this.#denial, q, hash, variant)
    else if (place === DENIAL && !this.#options.stale?.preferPositive) forget(this.#success, q, hash, variant)
    return a
  }

  get #recheckMs(): number {
    return this.#options.stale?.recheckMs ?? 0
  }

  #isLive(q: Query): boolean {
    const live = this.#live
    for (let i = 0; i < live.length; i++) if (live[i]!.live!(q)) return true
    return false
  }

  #countsFor(q: Query): Counts {
    const { routes } = q
    if (this.#lastCounts !== undefined && routes === this.#lastRoutes) return this.#lastCounts
    const server = routes?.server ?? ''
    const counts = this.#counts.get(routes) ?? new Counts(server, this.#options.zones.join())
    this.#counts.set(routes, counts)
    this.#lastRoutes = routes
    this.#lastCounts = counts
    return counts
  }
}

/** An outcome that says something about the name: only such are served stale, and replace what is. */
function isResolved(rcode: number): boolean {
  return rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN
}

function forget(store: Store, q: Query, hash: number, variant: number): void {
  const slot = store.find(q, hash, variant)
  if (slot >= 0) store.remove(slot)
}

function zoneSet(zones: readonly string[]): ZoneSet {
  return new ZoneSet(zones.map(nameFromText))
}
