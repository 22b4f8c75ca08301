/**
 * When a resource is compared (compare.ts): often enough that what no watch told of is mended within a given time, at
 * another moment on each server, and only while the watch is well, as what else is wrong ends in a list anyway.
 */
import { ApiError } from './api-error.ts'
import type { Jitter } from './backoff.ts'
import { sleep } from './clock.ts'
import { type CompareOptions, compare } from './compare.ts'
import type { Resource } from './resource.ts'
import { VersionWentBack } from './watch.ts'

/** Begun after 75 to 85 % of the time: there is to be time to list, and to hear what the watch says to it. */
const BEGIN = 0.75
const BEGIN_JITTER = 0.1
const PATIENCE = 0.1
/** The watch is not well: it is looked at again. */
const LOOK_MS = 5_000
/** A comparison that failed is tried again after half to all of this. */
const RETRY_MS = 60_000
/** Where nothing is compared, this long is slept at a time. */
const NEVER_MS = 86_400_000

export interface ComparisonReporter {
  /** So many objects were not as any watch had told. */
  mended(resource: Resource, objects: number): void
  /** Once for each comparison that failed, and undefined for one that went well. */
  compared(resource: Resource, error: unknown): void
}

export interface ComparisonsOptions extends Omit<CompareOptions, 'patienceMs' | 'signal'> {
  /** Within this time all is compared; 0: never. */
  readonly compareMs: number
  readonly jitter: Jitter
  readonly reporter: ComparisonReporter
  /** The watch is open. */
  readonly isWatching: () => boolean
  /** The versions of the API server went back: only a list helps. */
  readonly onWentBack: () => void
}

export class Comparisons {
  readonly #options: ComparisonsOptions
  #compareMs: number
  /** Ends the sleep of `run`, for another time. */
  #nudge = new AbortController()
  #dueAtMs = Number.POSITIVE_INFINITY
  #running: AbortController | undefined

  constructor(options: ComparisonsOptions) {
    this.#options = options
    this.#compareMs = options.compareMs
    this.listed()
  }

  /** Resolves once `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, isWatching } = this.#options
    while (!signal.aborted) {
      this.#nudge = new AbortController()
      const woken = AbortSignal.any([signal, this.#nudge.signal])
      const restMs = this.#compareMs === 0 ? NEVER_MS : this.#dueAtMs - clock.nowMs()
      if (restMs > 0) await sleep(clock, restMs, woken)
      else if (!isWatching()) await sleep(clock, LOOK_MS, woken)
      else await this.#compare(signal)
    }
  }

  /** Within another time from now on; 0: never. */
  retune(compareMs: number): void {
    if (compareMs === this.#compareMs) return
    this.#compareMs = compareMs
    this.listed()
    this.#nudge.abort()
  }

  /** All was listed, which is a comparison too. */
  listed(): void {
    const { clock, jitter } = this.#options
    this.#dueAtMs = clock.nowMs() + this.#compareMs * (BEGIN + BEGIN_JITTER * jitter())
  }

  /** A list is about to begin: what is under way ends, and writes nothing any more. */
  abandon(): void {
    this.#running?.abort()
  }

  async #compare(stop: AbortSignal): Promise<void> {
    const { reporter, resource, clock, jitter, onWentBack } = this.#options
    const running = new AbortController()
    this.#running = running
    try {
      const signal = AbortSignal.any([stop, running.signal])
      const mended = await compare({ ...this.#options, patienceMs: this.#compareMs * PATIENCE, signal })
      if (mended > 0) reporter.mended(resource, mended)
      reporter.compared(resource, undefined)
      this.listed()
    } catch (error) {
      if (stop.aborted || running.signal.aborted) return
      const retryMs = Math.max(error instanceof ApiError ? error.retryAfterMs : 0, RETRY_MS * (0.5 + jitter() / 2))
      this.#dueAtMs = clock.nowMs() + retryMs
      if (error instanceof VersionWentBack) onWentBack()
      else reporter.compared(resource, error)
    } finally {
      this.#running = undefined
    }
  }
}
