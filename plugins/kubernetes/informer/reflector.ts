/**
 * Keeps one resource of the API server in the index, for as long as the server runs: streaming list or list in pages,
 * then watch after watch from the last version, and a new list where only that helps. No error ends it; what is known
 * stays until the API server says otherwise. Owns retries, not connections and not objects.
 *
 *   start ─→ streaming list ──complete──→ watch ─→ ended or broken: watch again from the last version
 *               │ refused                  ↑  └──→ 410, versions went back, failures in a row: start
 *               └──→ list in pages ────────┘
 *
 * An optional resource that the API server does not know (404) counts as listed, and empty, if it is an API server that
 * says so; it is asked for again.
 */

import type { WorkSlices } from '../../../server/work-slices.ts'
import { ApiError, BROKEN, STALLED } from './api-error.ts'
import { isApiServer } from './api-presence.ts'
import { Backoff, type Jitter } from './backoff.ts'
import { type Clock, sleep } from './clock.ts'
import { type ComparisonReporter, Comparisons } from './comparisons.ts'
import { MalformedStream } from './json-splitter.ts'
import { PagedList } from './list.ts'
import { RecentVersions } from './recent-versions.ts'
import type { ApiClient, Resource, Target } from './resource.ts'
import { Trust } from './trust.ts'
import { isRefusal, VersionWentBack, WATCH_IDLE_MS, watch } from './watch.ts'

/** A busy watch is renewed after 5 to 10 minutes, as client-go does: connections spread over API servers again. */
const MIN_TIMEOUT_S = 300
/**
 * A quiet one ends before it would count as dead. The API server sends a bookmark two seconds before a watch ends, so
 * the next one resumes from a fresh version, on the same connection.
 */
const QUIET_TIMEOUT_S = WATCH_IDLE_MS / 1000 - 4
/** A watch that was open this long worked, even if nothing happened. */
const WORKED_MS = 5_000
/** A watch that ended sooner is not opened again at once. */
const SHORT_MS = 1_000
/**
 * After so many watches that failed, a list: one now and then, as long as no watch is to be had. An API server that is in
 * trouble itself (5xx) is spared that for half a minute, since the version that is known is good for a watch when it is well.
 */
const MAX_FAILED_WATCHES = 3
const MAX_TROUBLED_WATCHES = 10
/** Lists are this far apart; and ten times as far as the last one took, where none of them leads to a watch. */
const LIST_GAP_MS = 4_000
const MAX_LIST_GAP_MS = 60_000
const LIST_SHARE = 10
/** An optional resource that was not there is asked for again after 5 to 10 s. */
const ABSENT_MS = 10_000

/** What operators hear of it. */
export interface Reporter extends ComparisonReporter {
  failed(resource: Resource, during: 'list' | 'watch', error: unknown): void
  works(resource: Resource): void
  /** An optional resource that the API server does not know. */
  absent(resource: Resource): void
}

export interface ReflectorOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly target: Target
  readonly clock: Clock
  readonly jitter: Jitter
  readonly slices: WorkSlices
  readonly reporter: Reporter
  /** What no watch told of is mended within this time; 0: never. */
  readonly compareMs: number
}

export class Reflector {
  readonly #options: ReflectorOptions
  readonly #backoff: Backoff
  readonly #versions = new RecentVersions()
  readonly #trust: Trust
  readonly #comparisons: Comparisons
  readonly #abort = new AbortController()
  /** Ends what the current step waits for. */
  #interrupt = new AbortController()
  #running: Promise<unknown> | undefined
  /** The API server refused a streaming list, or failed in one: pages. */
  #pages = false
  /** It refused: there is no other way than pages until the list is done. */
  #isRefused = false
  /** The list in pages that is under way. */
  #list: PagedList | undefined
  #during: 'list' | 'watch' = 'list'
  /** Nothing but bookmarks since the last watch began. */
  #quiet = false
  /** Failures since something last arrived. */
  #failures = 0
  /** The version was gone once already since something last arrived. */
  #wasGone = false
  /** What operators were told to fail: a list that is done does not mean that a watch works. */
  #told: 'list' | 'watch' | undefined
  /** When the current step began. */
  #stepAtMs = 0
  /** When the last list ended, and how long after it the next may begin that answers a version that is gone. */
  #listedAtMs = Number.NEGATIVE_INFINITY
  #listGapMs = LIST_GAP_MS
  /** Watches are refused, lists are not. */
  #isPolling = false

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.jitter)
    this.#trust = new Trust(options.clock)
    this.#comparisons = new Comparisons({
      ...options,
      versions: this.#versions,
      isWatching: () => this.#during === 'watch' && this.#trust.isOpen,
      onWentBack: () => {
        this.#forget()
        this.#interrupt.abort()
      },
    })
  }

  start(): void {
    const { signal } = this.#abort
    this.#running ??= Promise.all([this.#run(), this.#comparisons.run(signal)])
  }

  /** Resolves once nothing more will be written to the target. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#interrupt.abort()
    await this.#running
  }

  /** What no watch told of is mended within another time from now on. */
  retune(compareMs: number): void {
    this.#comparisons.retune(compareMs)
  }

  /** Milliseconds since the API server last told that the target is current; Infinity if it never did. */
  get ageMs(): number {
    return this.#trust.ageMs
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      const waitMs = await this.#step()
      if (waitMs > 0) await sleep(this.#options.clock, waitMs, signal)
    }
  }

  /** One list in pages, or one watch, with or without a list in front. Gives the milliseconds to wait after it. */
  async #step(): Promise<number> {
    const { clock } = this.#options
    this.#stepAtMs = clock.nowMs()
    this.#interrupt = new AbortController()
    try {
      if (this.#versions.current === '' && this.#pages) {
        await this.#listPages()
        return 0
      }
      await this.#watch()
      if (this.#quiet && this.#trust.openMs < SHORT_MS) {
        // As of whoever answers 200 to everything: no sign that anything is current.
        throw new ApiError('found a watch that ended at once', { status: 200 })
      }
      this.#trust.prove()
      if (this.#trust.openMs >= WORKED_MS) this.#progress()
      return this.#trust.openMs >= SHORT_MS ? 0 : this.#backoff.next()
    } catch (error) {
      if (this.#interrupt.signal.aborted) return 0
      if (this.#during === 'watch' && this.#trust.openMs >= WORKED_MS) this.#progress()
      // A watch that stood for a while after a list: should its version be gone later, that is another matter.
      if (this.#during === 'watch' && this.#trust.openMs >= SHORT_MS) this.#wasGone = false
      const waitMs = await this.#recover(error)
      // Attempts that nobody answers are counted from their beginning, so that healing is seen as soon.
      return isUnreachable(error) ? waitMs - (clock.nowMs() - this.#stepAtMs) : waitMs
    } finally {
      this.#trust.close()
      if (this.#interrupt.signal.aborted) this.#versions.forget() // what was read of the watch since has set one again
    }
  }

  async #watch(): Promise<void> {
    const isList = this.#versions.current === ''
    this.#during = isList ? 'list' : 'watch'
    if (isList) this.#comparisons.abandon()
    const wasQuiet = this.#quiet
    this.#quiet = true
    await watch({
      ...this.#options,
      signal: this.#interrupt.signal,
      versions: this.#versions,
      // It bounds the list in front as well.
      timeoutS: wasQuiet && !isList ? QUIET_TIMEOUT_S : Math.floor(MIN_TIMEOUT_S * (1 + this.#options.jitter())),
      onOpened: () => this.#trust.open(!isList),
      onListed: () => this.#listed(),
      onProgress: type => {
        if (type !== 'BOOKMARK') this.#quiet = false
        this.#trust.prove()
        this.#progress()
      },
    })
  }

  async #listPages(): Promise<void> {
    this.#during = 'list'
    this.#comparisons.abandon()
    this.#list ??= new PagedList(this.#options)
    this.#versions.listed(await this.#list.run(this.#interrupt.signal))
    this.#listed()
  }

  #listed(): void {
    const nowMs = this.#options.clock.nowMs()
    this.#listedAtMs = nowMs
    this.#listGapMs = Math.min(Math.max(LIST_GAP_MS, LIST_SHARE * (nowMs - this.#stepAtMs)), MAX_LIST_GAP_MS)
    this.#during = 'watch'
    this.#pages = this.#isRefused = false
    this.#list = undefined
    this.#trust.prove()
    this.#comparisons.listed()
    if (this.#told !== 'watch' && !this.#isPolling) this.#works()
  }

  #progress(): void {
    this.#failures = 0
    this.#wasGone = this.#isPolling = false
    this.#backoff.reset()
    this.#works()
  }

  #works(): void {
    this.#told = undefined
    this.#options.reporter.works(this.#options.resource)
  }

  #tell(error: unknown): void {
    this.#told = this.#during
    this.#options.reporter.failed(this.#options.resource, this.#during, error)
  }

  /** Only a list helps. */
  #forget(): void {
    this.#versions.forget()
    this.#comparisons.abandon()
  }

  /** There are none: what was known goes. Gives the milliseconds until it may be there again. */
  async #absent(): Promise<number> {
    const { target, reporter, resource, jitter } = this.#options
    this.#forget()
    target.beginList()
    await target.endList()
    this.#pages = this.#isRefused = false
    this.#list = undefined
    this.#failures = 0
    this.#wasGone = this.#isPolling = false
    this.#backoff.reset()
    this.#trust.prove()
    this.#told = undefined
    reporter.absent(resource)
    return ABSENT_MS * (0.5 + jitter() / 2)
  }

  /** Decides how to go on after an error, and gives the time to wait before, in milliseconds. */
  async #recover(error: unknown): Promise<number> {
    const { client, resource } = this.#options
    if (resource.optional && isUnknown(error)) {
      const isBelieved = await isApiServer(client, this.#interrupt.signal)
      if (isBelieved) return await this.#absent()
    }
    if (this.#during === 'list' && !this.#pages && isRefusal(error)) {
      this.#pages = this.#isRefused = true
      return 0
    }
    // A watch that worked and broke is nothing to tell: most often the next one works. So does a list, if it is gone.
    const again = this.#failures++ > 0
    if (this.#during === 'watch' && isGone(error)) {
      const gapMs = this.#wasGone ? this.#listGapMs : LIST_GAP_MS
      if (this.#wasGone) this.#tell(error)
      this.#wasGone = true
      this.#forget()
      return this.#listedAtMs + gapMs - this.#options.clock.nowMs()
    }
    if (again || this.#during === 'list' || isDenied(error)) this.#tell(error)
    if (this.#during === 'list') this.#chooseList(error)
    const waitMs = this.#backoff.next(error instanceof ApiError ? error.retryAfterMs : 0)
    if (this.#during === 'list' || this.#failures < patienceWith(error)) return waitMs
    this.#isPolling = true
    this.#forget()
    return Math.max(waitMs, this.#listedAtMs + this.#listGapMs - this.#options.clock.nowMs())
  }

  /** After a list that failed: one in pages goes on where it was; unless that leads nowhere, and there is another way. */
  #chooseList(error: unknown): void {
    if (isUnreachable(error) || this.#isRefused || this.#list?.hasProgressed) return
    this.#pages = !this.#pages
    this.#list = undefined
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

function isGone(error: unknown): boolean {
  return error instanceof VersionWentBack || (error instanceof ApiError && error.isGone)
}

/** No answer began. */
function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && error.status === 0 && error.reason !== STALLED && error.reason !== BROKEN
}

/** How many watches may fail this way before a list is tried. */
function patienceWith(error: unknown): number {
  if (error instanceof MalformedStream) return MAX_FAILED_WATCHES
  if (!(error instanceof ApiError) || error.status === 0 || error.status === 401) return Number.POSITIVE_INFINITY
  if (error.inStream) return MAX_FAILED_WATCHES
  if (error.retryAfterMs > 0) return Number.POSITIVE_INFINITY
  return error.status < 500 ? MAX_FAILED_WATCHES : MAX_TROUBLED_WATCHES
}

function isDenied(error: unknown): boolean {
  return error instanceof ApiError && error.isDenied
}
