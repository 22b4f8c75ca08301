/**
 * Keeps one resource of the API server in the index, for as long as the server runs: streaming list or list in pages,
 * then watch after watch from the last version, and a new list where only that helps. No error ends it; what is known
 * stays until the API server says otherwise. Owns retries, not connections and not objects.
 *
 *   start ─→ streaming list ──complete──→ watch ─→ ended or broken: watch again from the last version
 *               │ refused                  ↑  └──→ 410, versions went back, three failures in a row: start
 *               └──→ list in pages ────────┘
 *
 * An optional resource that the API server does not know (404) counts as listed, and empty; it is asked for again.
 */
import { ApiError, STALLED } from './api-error.ts'
import { Backoff, type FailureCost, type Jitter } from './backoff.ts'
import { type Clock, sleep } from './clock.ts'
import { MalformedStream } from './json-splitter.ts'
import { list } from './list.ts'
import { RecentVersions } from './recent-versions.ts'
import type { ApiClient, Resource, Target } from './resource.ts'
import { VersionWentBack, WATCH_IDLE_MS, watch } from './watch.ts'
import type { WorkSlices } from './work-slices.ts'

/** A busy watch is renewed after 5 to 10 minutes, as client-go does: connections spread over API servers again. */
const MIN_TIMEOUT_S = 300
/**
 * A quiet one ends before it would count as dead. The API server sends a bookmark two seconds before a watch ends, so
 * the next one resumes from a fresh version, on the same connection.
 */
const QUIET_TIMEOUT_S = WATCH_IDLE_MS / 1000 - 4
/** A watch that lasted this long worked, even if nothing happened. */
const WORKED_MS = 5_000
/** After so many failures to read a stream from one version, only a list helps. */
const MAX_BROKEN_STREAMS = 3
/** An optional resource that was not there is asked for again after 5 to 10 s. */
const ABSENT_MS = 10_000

/** What operators hear of it. */
export interface Reporter {
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
}

export class Reflector {
  readonly #options: ReflectorOptions
  readonly #backoff: Backoff
  readonly #versions = new RecentVersions()
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  /** The API server refused a streaming list, or stalled in one: pages until the next failure. */
  #pages = false
  #during: 'list' | 'watch' = 'list'
  /** Nothing but bookmarks since the last watch began. */
  #quiet = false
  /** Failures since something last arrived. */
  #failures = 0
  /** The version was gone once already since something last arrived: lists do not help. */
  #wasGone = false

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.jitter)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves once nothing more will be written to the target. */
  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
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
    const startedAtMs = clock.nowMs()
    const worked = () => this.#during === 'watch' && clock.nowMs() - startedAtMs >= WORKED_MS
    try {
      if (this.#versions.current === '' && this.#pages) {
        await this.#list()
        return 0
      }
      await this.#watch()
      if (worked()) this.#progress()
      else if (this.#failures++ > 0) return this.#backoff.next('costly') // opened and closed again, over and over
      return 0
    } catch (error) {
      if (this.#abort.signal.aborted) return 0
      if (worked()) this.#progress()
      return this.#recover(error)
    }
  }

  async #watch(): Promise<void> {
    this.#during = this.#versions.current === '' ? 'list' : 'watch'
    const wasQuiet = this.#quiet
    this.#quiet = true
    await watch({
      ...this.#options,
      signal: this.#abort.signal,
      versions: this.#versions,
      timeoutS: wasQuiet ? QUIET_TIMEOUT_S : Math.floor(MIN_TIMEOUT_S * (1 + this.#options.jitter())),
      onListed: () => this.#listed(),
      onProgress: type => {
        if (type !== 'BOOKMARK') this.#quiet = false
        this.#progress()
      },
    })
  }

  async #list(): Promise<void> {
    this.#during = 'list'
    const version = await list({ ...this.#options, signal: this.#abort.signal })
    this.#versions.listed(version)
    this.#listed()
  }

  #listed(): void {
    this.#during = 'watch'
    this.#pages = false
    this.#options.reporter.works(this.#options.resource)
  }

  #progress(): void {
    this.#failures = 0
    this.#wasGone = false
    this.#backoff.reset()
    this.#options.reporter.works(this.#options.resource)
  }

  /** There are none: what was known goes. Gives the milliseconds until it may be there again. */
  #absent(): number {
    const { target, reporter, resource, jitter } = this.#options
    target.beginList()
    target.endList()
    this.#versions.forget()
    this.#pages = false
    this.#wasGone = false
    this.#failures = 0
    this.#backoff.reset()
    reporter.absent(resource)
    return ABSENT_MS * (0.5 + jitter() / 2)
  }

  /** Decides how to go on after an error, and gives the time to wait before, in milliseconds. */
  #recover(error: unknown): number {
    if (this.#options.resource.optional && isUnknown(error)) return this.#absent()
    if (this.#during === 'list' && !this.#pages && isRefusal(error)) {
      this.#pages = true
      return 0
    }
    const again = this.#failures++ > 0
    if (isGone(error)) {
      this.#versions.forget()
      if (!this.#wasGone) {
        this.#wasGone = true
        return 0
      }
    }
    // A watch that worked and broke is nothing to tell: most often the next one works.
    const { reporter, resource } = this.#options
    if (again || this.#during === 'list' || isDenied(error)) reporter.failed(resource, this.#during, error)
    if (this.#during === 'list') this.#pages = !this.#pages && !isUnreachable(error)
    else if (this.#failures >= MAX_BROKEN_STREAMS && isBrokenStream(error)) this.#versions.forget()
    return this.#backoff.next(costOf(error), error instanceof ApiError ? error.retryAfterMs : 0)
  }
}

/**
 * The API server does not offer streaming lists: the parameters are invalid to it (422 and the like), or its etcd lacks
 * what they need (1.36 then sends an ERROR event with code 500). A 403 may be either; the list in pages will tell.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false
  return error.inStream || [400, 403, 404, 405, 406, 415, 422, 501].includes(error.status)
}

function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

function isGone(error: unknown): boolean {
  return error instanceof VersionWentBack || (error instanceof ApiError && error.isGone)
}

function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && error.status === 0 && error.reason !== STALLED
}

function isBrokenStream(error: unknown): boolean {
  return error instanceof MalformedStream || (error instanceof ApiError && error.inStream)
}

function isDenied(error: unknown): boolean {
  return error instanceof ApiError && error.isDenied
}

function costOf(error: unknown): FailureCost {
  return isUnreachable(error) || isDenied(error) ? 'cheap' : 'costly'
}
