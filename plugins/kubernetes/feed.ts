/**
 * An index and the source that fills it, shared by all stages that ask for the same objects: several server blocks, and
 * the configurations before and after a reload. It runs from the first `start` until the last stage released it, so that
 * a reload that leaves the source alone never goes unsynced, and costs no second list. In other threads than the main one
 * a feed has no source: it reads along what the main thread's holds.
 */
import type { MessagePort } from 'node:worker_threads'
import { info, warn } from '../../server/log.ts'
import { histogram } from '../../server/metrics.ts'
import { collectSoon } from './collect.ts'
import type { Index } from './index/index.ts'
import { Indexes, type SharedIndexes } from './index/indexes.ts'
import { textOf } from './informer/api-error.ts'
import type { EndpointSlice } from './object/endpointslice.ts'
import type { AnyKind } from './object/object.ts'
import { allSections } from './snapshot/section.ts'
import { Snapshots } from './snapshot/snapshots.ts'
import type { Source, Tuning } from './source/source.ts'
import { hide, show, textOfViews } from './views.ts'

const NAME = 'kubernetes'
const WAIT_LOG_MS = 500
const WAIT_REMINDER_MS = 5_000
/** So much longer than `startup_timeout` may a reload wait for objects that are arriving. */
const RELOAD_MS = 60_000
/** Within this an API server that works has sent its first object, and a small cluster has been listed. */
const GRACE_MS = 250
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
  readonly kinds: readonly AnyKind[]
  readonly endpointPodNames: boolean
  /** Topology zones of endpoints are kept. */
  readonly zonal?: boolean
  readonly makeSource: () => Source
  /** Label selectors of what the source brings; none if not given. */
  readonly labels?: string | undefined
  readonly namespaceLabels?: string | undefined
  /** Keys of the pod labels that are kept. */
  readonly podLabels?: readonly string[]
}

/** What `join` takes in another thread. */
export interface SharedFeed {
  readonly indexes: SharedIndexes
  readonly staleText: string
}

export interface StartOptions {
  readonly timeoutMs: number
  /** The snapshot to answer from until all is synced, and to keep. */
  readonly snapshot?: string | undefined
  /** A snapshot will not do: only what the source tells. */
  readonly isToSync?: boolean
  /** How the source is to ask from now on. */
  readonly tuning?: Tuning | undefined
}

/** The feed of this key, made if there is none. It does nothing before `start`. */
export function acquireFeed(key: string, options: FeedOptions): Feed {
  for (const [known, reference] of feeds) if (reference.deref() === undefined) feeds.delete(known)
  const feed = feeds.get(key)?.deref() ?? new Feed(key, options)
  feeds.set(key, new WeakRef(feed))
  return feed
}

export class Feed {
  readonly indexes: Indexes
  readonly #key: string
  readonly #makeSource: () => Source
  #source: Source | undefined
  readonly #snapshots: Snapshots
  #users = 0
  #started: Promise<void> | undefined
  #condition: string | undefined
  /** What marks answers from the snapshot of the main thread; undefined in that. */
  #joinedText: string | undefined
  /** To threads that read along. */
  readonly #ports = new Set<MessagePort>()

  constructor(key: string, options: FeedOptions) {
    const { kinds, endpointPodNames, zonal = false, podLabels = [], makeSource } = options
    const { labels = '', namespaceLabels = '' } = options
    this.#key = key
    this.#makeSource = makeSource
    this.indexes = new Indexes({ kinds, endpointPodNames, zones: zonal, podLabels, onSlice: observe })
    this.#snapshots = new Snapshots(allSections(this.indexes, kinds), async () => {
      const cluster = (await this.#source?.cluster?.()) ?? { server: '', ca: '' }
      return { ...cluster, labels, namespaceLabels, endpointPodNames }
    })
  }

  /** The index of the cluster. */
  get index(): Index {
    return this.indexes.cluster
  }

  /**
   * Starts the source if nobody has, and waits until all is synced, at most `timeoutMs`; with a snapshot, only as long as
   * the source brings something. Each call that does not throw is to be followed by one `release`.
   * @throws Error where the source can never work.
   */
  async start({ timeoutMs, snapshot, isToSync = false, tuning }: StartOptions): Promise<void> {
    this.#users++
    this.#source ??= this.#makeSource()
    show(this.#source)
    this.#started ??= this.#source.start(this.indexes)
    try {
      await this.#started
    } catch (cause) {
      await this.release()
      throw new Error(textOf(cause), { cause })
    }
    if (tuning !== undefined) this.#source?.retune?.(tuning)
    if (snapshot !== undefined) {
      await this.#snapshots.use(snapshot)
      for (const port of this.#ports) port.postMessage({ staleText: this.staleText })
    }
    const { indexes } = this
    const isWarm = !isToSync && indexes.isStale && this.isCovered
    if (isWarm) await this.#synced(Math.min(GRACE_MS, timeoutMs))
    // What is on its way is worth the wait: a snapshot cannot tell that a name does not exist.
    if (!indexes.synced && (!isWarm || indexes.isFed)) await this.#wait(timeoutMs, isToSync)
    if (indexes.isStale) this.#snapshots.tellOfUse()
  }

  /** What another thread is to `join`, once this feed has started. It reads along until the port closes. */
  share(port: MessagePort): SharedFeed {
    this.#ports.add(port)
    port.on('close', () => this.#ports.delete(port))
    return { indexes: this.indexes.share(port), staleText: this.staleText }
  }

  /** Instead of `start`, in another thread; to be followed by one `release`. @throws Error as `Indexes.join` */
  join({ indexes, staleText }: SharedFeed, port: MessagePort): void {
    this.indexes.join(indexes, port)
    this.#joinedText = staleText
    port.on('message', ({ staleText: text }: { staleText?: string }) => {
      this.#joinedText = text ?? this.#joinedText
    })
    port.unref()
    this.#users++
  }

  /** Nothing is unknown but what is known from a snapshot. */
  get isCovered(): boolean {
    return this.indexes.isCovered
  }

  /** Age of the snapshot that answers come from, in seconds; undefined while none do. */
  get snapshotAgeS(): number | undefined {
    return !this.indexes.isStale ? undefined : this.#snapshots.restoredAgeS
  }

  /** What marks an answer from the snapshot: when that was taken. */
  get staleText(): string {
    return this.#joinedText ?? this.#snapshots.staleText
  }

  /** A stage is done with it, and with its snapshot; the last one ends it. */
  async release(snapshot?: string): Promise<void> {
    if (snapshot !== undefined) await this.#snapshots.drop(snapshot)
    if (--this.#users > 0) return
    if (feeds.get(this.#key)?.deref() === this) feeds.delete(this.#key)
    const source = this.#source
    this.#source = this.#started = undefined
    if (source !== undefined) hide(source)
    await source?.stop()
    if (this.#joinedText === undefined) collectSoon()
  }

  /** How old the view of each resource is. The same text for all stages that are asked at a time. */
  get condition(): string {
    if (this.#condition === undefined) {
      this.#condition = this.#source === undefined ? '' : this.#textOfSource(this.#source)
      queueMicrotask(() => {
        this.#condition = undefined
      })
    }
    return this.#condition
  }

  #textOfSource(source: Source): string {
    const ageS = this.snapshotAgeS
    const views = textOfViews(source)
    return ageS === undefined ? views : `${views}, answering from a snapshot ${Math.round(ageS)} s old`
  }

  async #wait(timeoutMs: number, isReload: boolean): Promise<void> {
    const what = isReload ? 'the new configuration takes over' : 'starting server'
    const log = () => info(NAME, `waiting for Kubernetes API before ${what}`)
    const first = setTimeout(log, WAIT_LOG_MS)
    const reminder = setInterval(log, WAIT_REMINDER_MS)
    await this.#synced(timeoutMs)
    // Nobody waits for a reload: a list that is on its way is not thrown away, to be begun anew by the next one.
    if (isReload && !this.indexes.synced && this.indexes.isFed) await this.#synced(RELOAD_MS)
    clearTimeout(first)
    clearInterval(reminder)
    if (!this.indexes.synced && !isReload) warn(NAME, 'starting server with unsynced Kubernetes API')
  }

  /** Until all is synced, or so many milliseconds. */
  async #synced(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>(resolve => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.indexes.whenSynced(), timeout])
    clearTimeout(timer)
  }
}

function observe(slice: EndpointSlice, headless: boolean): void {
  const seconds = (Date.now() - slice.lastChangeTriggerMs) / 1000
  const of = headless ? headlessWithSelector : clusterIp
  of.observe(Math.min(Math.max(0, seconds), MAX_PROGRAMMING_S))
}
