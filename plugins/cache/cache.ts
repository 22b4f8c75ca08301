/**
 * Answers again what was answered before. Stands aside for names that a later stage of the block answers from data that
 * is always current (`live`). What is kept and for how long is decided in ttl.ts, where in store.ts, in which form in
 * entry.ts, what is asked for again in refresh.ts; this is the way of a query through them.
 */
import { isPromise } from '../../server/chain.ts'
import { cells } from '../../server/metrics.ts'
import type { Answer, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { type Routes, ZoneSet } from '../../server/route.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { Counts, type Holding, holdings, release } from './counts.ts'
import { draftEntry, isResolved } from './entry.ts'
import { Refresher } from './refresh.ts'
import { type Options, type Prefetch, parseOptions, type Stale } from './setup.ts'
import { keyHash, Store, variantOf } from './store.ts'
import { DENIAL, FAILURE, limitTtls, NOWHERE, placeOf, SUCCESS } from './ttl.ts'

export const plugin: Plugin = {
  name: 'cache',
  setup: (directive, site) => new CacheStage(parseOptions(directive, site.zoneTexts), site),
}

class CacheStage implements Stage {
  readonly #options: Options
  readonly #site: Site
  /** Each has its own entries, and its part of how many there may be. */
  readonly #threads: number
  /** Undefined where the zones are all there is. */
  readonly #zones: ZoneSet | undefined
  readonly #notSuccess: ZoneSet
  readonly #notDenial: ZoneSet
  #success: Store
  #denial: Store
  #live: readonly Stage[] = []
  readonly #refresher: Refresher
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
    const { threads } = site
    this.#threads = threads
    this.#success = new Store(Math.ceil(options.success.entries / threads))
    this.#denial = new Store(Math.ceil(options.denial.entries / threads))
    this.#refresher = new Refresher(options.stale?.recheckMs ?? 0, (q, a, store) => this.#keepFresh(q, a, store))
  }

  link(): void {
    this.#live = this.#site.after(this).filter(stage => stage.live !== undefined)
  }

  start(previous: Stage | undefined): void {
    const isLike = (other: CacheStage) =>
      other.#threads === this.#threads && JSON.stringify(other.#options) === JSON.stringify(this.#options)
    if (previous instanceof CacheStage && isLike(previous)) {
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
    const nowMs = timeOf(q)
    const expiresAtMs = store.expiresAtMs[slot]!
    const { prefetch, stale, keepTtl } = this.#options
    if (nowMs < expiresAtMs) {
      store.touch(slot)
      const a = store.load(slot, q)
      if (!keepTtl) a.image.age(Math.floor((nowMs - store.storedAtMs[slot]!) / 1000))
      if (a.rcode === RCODE.SERVFAIL) a.extendedError = EDE.CACHED_ERROR
      if (prefetch !== undefined) this.#prefetch(q, next, store, slot, prefetch)
      return a
    }
    if (stale === undefined || nowMs >= expiresAtMs + stale.forMs || !store.isResolved(slot)) return undefined
    store.touch(slot)
    // The answer is taken first: what is asked now may take the place of the entry.
    const a = store.load(slot, q)
    if (store === this.#success && a.answerCount === 0) return undefined // a referral is no answer, least of all a stale one
    a.image.setTtl(stale.ttl)
    a.extendedError = a.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN : EDE.STALE_ANSWER
    if (stale.mode === 'verify') return this.#verify(q, next, store, slot, stale)
    if (!store.isAsked(slot) && store.mayRetry(slot, nowMs)) this.#refresher.ask(q, next, store, slot)
    return this.#serveStale(q)
  }

  /** Asks first, and falls back on the stale answer, which `q` has already. */
  #verify(q: Query, next: Next, store: Store, slot: number, stale: Stale): Answer | Promise<Answer> {
    // CoreDNS: with neither of the two times everybody asks.
    const isAlone = stale.waitMs > 0 || stale.recheckMs > 0
    if (isAlone && (store.isAsked(slot) || !store.mayRetry(slot, timeOf(q)))) return this.#serveStale(q)
    const fresh = this.#refresher.ask(q, next, store, slot)
    if (!(fresh instanceof Promise)) return fresh ?? this.#serveStale(q)
    if (stale.waitMs === 0) return fresh.then(a => a ?? this.#serveStale(q))
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), stale.waitMs)
    return Promise.race([fresh, late.promise]).then(a => {
      clearTimeout(timer)
      return a ?? this.#serveStale(q)
    })
  }

  #serveStale(q: Query): Answer {
    cells[this.#countsFor(q).stale]! += 1
    return q.answer
  }

  /** Counts a hit; an entry that is asked for often is refreshed before it ends. */
  #prefetch(q: Query, next: Next, store: Store, slot: number, prefetch: Prefetch): void {
    const nowMs = timeOf(q)
    if (store.countHit(slot, nowMs, prefetch.gapMs) < prefetch.hits) return
    const expiresAtMs = store.expiresAtMs[slot]!
    const lifetimeS = (expiresAtMs - store.storedAtMs[slot]!) / 1000
    if ((expiresAtMs - nowMs) / 1000 > Math.ceil((lifetimeS * prefetch.percent) / 100)) return
    if (store.isAsked(slot) || !store.mayRetry(slot, nowMs)) return
    cells[this.#countsFor(q).prefetches]! += 1
    this.#refresher.ask(q, next, store, slot)
  }

  /** Keeps the answer to a query of the cache's own. Undefined if the entry in `store` that it is for goes before it. */
  #keepFresh(q: Query, a: Answer, store: Store): Answer | undefined {
    if (!isResolved(a.rcode) || a.truncated) return undefined
    const isPositive = placeOf(q, a) === SUCCESS
    if (isPositive && a.answerCount === 0) return undefined // nor does a referral replace one
    const kept = this.#isLive(q) ? a : this.#keep(q, a)
    return isPositive || store === this.#denial || !this.#options.stale?.preferPositive ? kept : undefined
  }

  /** Brings an answer's TTLs within their limits, and stores it if it may be. */
  #keep(q: Query, a: Answer): Answer {
    const place = placeOf(q, a)
    if (place === NOWHERE) return a
    const lifetimeS = limitTtls(a, place, this.#options)
    // What was asked without recursion says what an upstream happened to have.
    if (lifetimeS <= 0 || !q.recursionDesired) return a
    const isSuccess = place === SUCCESS
    const variant = variantOf(q)
    const hash = keyHash(q, variant)
    if (place === FAILURE && this.#isDenied(q, hash, variant)) return a
    if (isSuccess) forget(this.#denial, q, hash, variant)
    else if (place === DENIAL && !this.#options.stale?.preferPositive) forget(this.#success, q, hash, variant)
    if ((isSuccess ? this.#notSuccess : this.#notDenial).match(q) >= 0) return a
    const entry = draftEntry(q, a)
    if (entry === undefined) return a
    const store = isSuccess ? this.#success : this.#denial
    const { evictions } = store
    store.put(q, hash, variant, entry, performance.now(), lifetimeS * 1000)
    if (store.evictions !== evictions) {
      const counts = this.#countsFor(q)
      cells[isSuccess ? counts.evictions : counts.denialEvictions]! += store.evictions - evictions
    }
    return a
  }

  /** True if there is a denial that a failure, which came later, must not take the place of. */
  #isDenied(q: Query, hash: number, variant: number): boolean {
    const slot = this.#denial.find(q, hash, variant)
    return slot >= 0 && this.#denial.isResolved(slot) && performance.now() < this.#denial.expiresAtMs[slot]!
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

/** When a query asks: as it is read, but what the server looks up for one may be asked seconds after that. */
function timeOf(q: Query): number {
  return q.depth === 0 ? q.receivedAtMs : performance.now()
}

function forget(store: Store, q: Query, hash: number, variant: number): void {
  const slot = store.find(q, hash, variant)
  if (slot >= 0) store.remove(slot)
}

function zoneSet(zones: readonly string[]): ZoneSet {
  return new ZoneSet(zones.map(nameFromText))
}
