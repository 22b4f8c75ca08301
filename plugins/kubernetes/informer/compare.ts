/**
 * Compares what watches brought with a list, so that what no watch told of is mended: an event that was lost on the way, a
 * bug in between. The list goes beside the watch, which stays open and current meanwhile: an object of which the watch
 * told something later is left alone, all others are put, which changes nothing where nothing drifted. What the list does
 * not show is dropped once the watch has come as far as the list, so that a deletion that was on its way is none that was
 * lost. What is held meanwhile: one object, and the versions of those that change.
 */

import type { WorkSlices } from '../../../server/work-slices.ts'
import { ApiError } from './api-error.ts'
import { type Clock, sleep } from './clock.ts'
import { MalformedStream } from './json-splitter.ts'
import { PagedList } from './list.ts'
import { precedes, RecentVersions } from './recent-versions.ts'
import type { ApiClient, ApiObject, Resource, Target } from './resource.ts'
import { isRefusal, keyOf, VersionWentBack, watch } from './watch.ts'

/** A streaming list that takes longer is given up. */
const STREAM_S = 300
const STEP_MS = 1_000

export interface CompareOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly target: Target
  readonly versions: RecentVersions
  readonly slices: WorkSlices
  readonly clock: Clock
  /** How long the watch may take to come as far as the list; what it has not told of by then counts as lost. */
  readonly patienceMs: number
  /** Gives the comparison up; the target is left alone from then on. */
  readonly signal: AbortSignal
}

/**
 * Brings the target to what a list shows, and gives the number of objects that no watch told of.
 * @throws ApiError, MalformedStream; VersionWentBack if the list is older than what was known before
 */
export async function compare(options: CompareOptions): Promise<number> {
  const { target, versions, clock, patienceMs, signal } = options
  const before = versions.current
  if (!versions.beginComparison()) return 0
  let listed: string | undefined
  try {
    target.beginList()
    const beside = new Beside(options)
    const version = await listBeside(options, beside)
    for (let waitedMs = 0; waitedMs < patienceMs && precedes(versions.current, version); waitedMs += STEP_MS) {
      await sleep(clock, STEP_MS, signal)
    }
    beside.check()
    if (precedes(version, before)) {
      throw new VersionWentBack(`found a list of version "${version}" after version "${before}"`)
    }
    const mended = beside.mended + versions.untold + (await target.endList())
    signal.throwIfAborted()
    listed = version
    return mended
  } finally {
    versions.endComparison(listed)
  }
}

/** The list goes by itself: its errors and its end are no matter of the watch. */
async function listBeside(options: CompareOptions, target: Beside): Promise<string> {
  try {
    return await stream({ ...options, target })
  } catch (error) {
    if (!isRefusal(error)) throw error
    return await new PagedList({ ...options, target }).run(options.signal)
  }
}

async function stream(options: CompareOptions): Promise<string> {
  const versions = new RecentVersions()
  const done = new AbortController()
  const signal = AbortSignal.any([options.signal, done.signal])
  const nothing = () => {}
  const onListed = () => done.abort()
  try {
    const events = { onOpened: nothing, onProgress: nothing, onListed }
    await watch({ ...options, ...events, versions, signal, timeoutS: STREAM_S })
  } catch (error) {
    if (!done.signal.aborted || options.signal.aborted) throw error
  }
  return versions.current
}

/** Takes the objects of the list, on their way to the target of the watch. */
class Beside implements Target {
  mended = 0
  readonly #options: CompareOptions
  #isOver = false

  constructor(options: CompareOptions) {
    this.#options = options
  }

  put(object: ApiObject): boolean {
    this.check()
    const { target, versions } = this.#options
    const version = object.metadata?.resourceVersion ?? ''
    const key = keyOf(object)
    const standing = this.#isOver ? 'outdated' : versions.standing(key, version)
    if (standing === 'outdated') return false // the watch has put it, or deleted it, since the comparison began
    const isChange = target.put(object)
    if (standing === 'ahead') versions.putAhead(key, version, isChange)
    else if (isChange) this.mended++
    return isChange
  }

  /** The watch tells of it, or has told. */
  delete(): void {}

  beginList(): void {}

  async endList(): Promise<number> {
    this.#isOver = true
    return 0
  }

  /** @throws ApiError if the comparison was given up, or is to be */
  check(): void {
    const { signal, versions } = this.#options
    if (signal.aborted) throw new ApiError('given up', { status: 0 })
    if (versions.isCrowded) throw new MalformedStream('found more changes than a comparison can follow')
  }
}
