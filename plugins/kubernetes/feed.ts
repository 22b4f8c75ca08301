/**
 * An index and the source that fills it, shared by all stages that ask for the same objects: several server blocks, and
 * the configurations before and after a reload. It runs from the first `start` until the last stage released it, so that
 * a reload that leaves the source alone never goes unsynced, and costs no second list.
 */
import { info, warn } from '../../server/log.ts'
import { histogram } from '../../server/metrics.ts'
import { Index } from './index/index.ts'
import type { EndpointSlice } from './object/endpointslice.ts'
import type { Kind } from './object/object.ts'
import type { Source } from './source/source.ts'
import { hide, show, textOfViews } from './views.ts'

const NAME = 'kubernetes'
const WAIT_LOG_MS = 500
/** A clock that was set must not spoil the sum for good. */
const MAX_PROGRAMMING_S = 86_400
/** CoreDNS's buckets: 1 ms doubled 20 times, in seconds. */
const PROGRAMMING_BOUNDS: readonly number[] = Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i)

const programming = histogram(
  'coredns_kubernetes_dns_programming_duration_seconds',
  'Time from the change of an endpoint to the answer that shows it.',
  PROGRAMMING_BOUNDS,
  'service_kind',
)
const clusterIp = programming('cluster_ip')
const headlessWithSelector = programming('headless_with_selector')

/** The feeds of all configurations, by what they are fed from. What no stage holds any more is collected. */
const feeds = new Map<string, WeakRef<Feed>>()

export interface FeedOptions {
  readonly kinds: readonly Kind[]
  readonly endpointPodNames: boolean
  readonly makeSource: () => Source
}

/** The feed of this key, made if there is none. It does nothing before `start`. */
export function acquireFeed(key: string, options: FeedOptions): Feed {
  for (const [known, reference] of feeds) if (reference.deref() === undefined) feeds.delete(known)
  const feed = feeds.get(key)?.deref() ?? new Feed(key, options)
  feeds.set(key, new WeakRef(feed))
  return feed
}

export class Feed {
  readonly index: Index
  readonly #key: string
  readonly #makeSource: () => Source
  #source: Source | undefined
  #users = 0
  #started: Promise<void> | undefined
  #condition: string | undefined

  constructor(key: string, { kinds, endpointPodNames, makeSource }: FeedOptions) {
    this.#key = key
    this.#makeSource = makeSource
    this.index = new Index({ kinds, endpointPodNames, onSlice: observe })
  }

  /**
   * Starts the source if nobody has, and waits until all is synced, at most `timeoutMs`. Each call that does not throw is
   * to be followed by one `release`.
   * @throws Error where the source can never work.
   */
  async start(timeoutMs: number): Promise<void> {
    this.#users++
    this.#source ??= this.#makeSource()
    show(this.#source)
    this.#started ??= this.#source.start(this.index)
    try {
      await this.#started
    } catch (cause) {
      await this.release()
      throw cause
    }
    if (this.index.unsyncedKinds !== 0) await this.#wait(timeoutMs)
  }

  /** A stage is done with it; the last one ends it. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    if (feeds.get(this.#key)?.deref() === this) feeds.delete(this.#key)
    const source = this.#source
    this.#source = this.#started = undefined
    if (source !== undefined) hide(source)
    await source?.stop()
  }

  /** How old the view of each resource is. The same text for all stages that are asked at a time. */
  get condition(): string {
    if (this.#condition === undefined) {
      this.#condition = this.#source === undefined ? '' : textOfViews(this.#source)
      queueMicrotask(() => {
        this.#condition = undefined
      })
    }
    return this.#condition
  }

  async #wait(timeoutMs: number): Promise<void> {
    const log = () => info(NAME, 'waiting for Kubernetes API before starting server')
    const reminder = setInterval(log, WAIT_LOG_MS)
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.index.whenSynced(), timeout])
    clearInterval(reminder)
    clearTimeout(timer)
    if (this.index.unsyncedKinds !== 0) warn(NAME, 'starting server with unsynced Kubernetes API')
  }
}

function observe(slice: EndpointSlice, headless: boolean): void {
  const seconds = (Date.now() - slice.lastChangeTriggerMs) / 1000
  const of = headless ? headlessWithSelector : clusterIp
  of.observe(Math.min(Math.max(0, seconds), MAX_PROGRAMMING_S))
}
