/**
 * One watch connection: octets → events, applied in order to the target. A streaming list is the same connection with
 * the whole state in front. Ends when the server ends it; when to open the next one is the reflector's business.
 */

import type { WorkSlices } from '../../../server/work-slices.ts'
import { ApiError, errorOfStatus, type Status } from './api-error.ts'
import type { Clock } from './clock.ts'
import { MalformedStream } from './json-splitter.ts'
import { acceptedTypes, objectStream } from './object-stream.ts'
import { readObjects } from './read-objects.ts'
import type { RecentVersions } from './recent-versions.ts'
import { type ApiClient, type ApiObject, type Resource, selectors, type Target } from './resource.ts'

export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'
/** CoreDNS: 30 s without a frame, then 15 s for a ping. A half-open connection is noticed within the same 45 s. */
export const WATCH_IDLE_MS = 40_000

export interface WatchOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly target: Target
  readonly slices: WorkSlices
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly versions: RecentVersions
  /** How long the server should keep the watch open. Within this time a streaming list is to be complete. */
  readonly timeoutS: number
  /** The API server has accepted the watch. */
  onOpened(): void
  /** A streaming list is complete; the connection goes on as a watch. */
  onListed(): void
  /** An event or a bookmark arrived after the list. */
  onProgress(type: EventType): void
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

interface WatchEvent {
  readonly type?: EventType
  readonly object?: ApiObject
}

/** The API server's own versions went back (etcd was restored from a backup): all that is known is in doubt. */
export class VersionWentBack extends Error {
  override readonly name = 'VersionWentBack'
}

/**
 * Watches from the version that `versions` holds; without one, asks for everything first.
 * @throws ApiError, MalformedStream, VersionWentBack; what was applied until then stands, and is in `versions`
 */
export async function watch(options: WatchOptions): Promise<void> {
  const { client, resource, versions, slices, signal } = options
  const listing = versions.current === ''
  const query = {
    ...selectors(resource),
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(options.timeoutS),
    ...(listing
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion: versions.current }),
  }
  const accept = acceptedTypes(resource.shape)
  const body = await client.get({ path: resource.path, query, accept, idleMs: WATCH_IDLE_MS, signal })
  const connection = new WatchConnection(options, listing)
  const stream = objectStream(body.contentType, 'events', resource.shape)
  await readObjects(body.octets, stream, slices, event => connection.apply(event as WatchEvent))
  connection.ended()
}

class WatchConnection {
  readonly #options: WatchOptions
  #listing: boolean
  readonly #listUntilMs: number

  constructor(options: WatchOptions, listing: boolean) {
    this.#options = options
    this.#listing = listing
    this.#listUntilMs = options.clock.nowMs() + options.timeoutS * 1000
    options.onOpened()
    if (listing) options.target.beginList()
  }

  /** Of the end of a list there is something to wait for; what comes meanwhile waits in the connection. */
  apply(event: WatchEvent): Promise<void> | void {
    const { type, object } = event
    if (type === 'ERROR') throw errorOfStatus(200, (object ?? {}) as Status)
    if (this.#listing) this.#checkTime()
    const version = object?.metadata?.resourceVersion
    if (!object || !version) throw new MalformedStream(`found an event "${type}" without an object and its version`)
    if (type === 'BOOKMARK') return this.#bookmark(object, version)
    if (this.#listing) this.#change(type, object)
    else if (this.#options.versions.accept(keyOf(object), version, type === 'DELETED')) {
      this.#change(type, object)
      this.#options.onProgress(type ?? 'ERROR')
    }
  }

  /** @throws MalformedStream if the server ended the stream before the list was complete */
  ended(): void {
    if (this.#listing) throw new MalformedStream(`found the end of a streaming list, expected "${INITIAL_EVENTS_END}"`)
  }

  /** @throws MalformedStream if it goes on and on */
  #checkTime(): void {
    const { clock, timeoutS } = this.#options
    if (clock.nowMs() <= this.#listUntilMs) return
    throw new MalformedStream(`found no end of a streaming list after ${timeoutS} s, expected "${INITIAL_EVENTS_END}"`)
  }

  #change(type: EventType | undefined, object: ApiObject): void {
    if (type === 'ADDED' || type === 'MODIFIED') this.#options.target.put(object)
    else if (type === 'DELETED') this.#options.target.delete(object)
    else throw new MalformedStream(`found an event "${type}", expected ADDED, MODIFIED, DELETED, BOOKMARK or ERROR`)
  }

  #bookmark(object: ApiObject, version: string): Promise<void> | void {
    const { versions, onProgress } = this.#options
    if (this.#listing) {
      if (object.metadata?.annotations?.[INITIAL_EVENTS_END] === 'true') return this.#listed(version)
    } else if (versions.bookmark(version)) {
      onProgress('BOOKMARK')
    } else {
      throw new VersionWentBack(`found a bookmark of version "${version}" after version "${versions.current}"`)
    }
  }

  async #listed(version: string): Promise<void> {
    const { versions, target, onListed, signal } = this.#options
    await target.endList()
    if (signal.aborted) return
    this.#listing = false
    versions.listed(version)
    onListed()
  }
}

/**
 * The API server does not offer streaming lists: the parameters are invalid to it (422 and the like), or its etcd lacks
 * what they need (1.36 then sends an ERROR event with code 500). A 403 may be either; the list in pages will tell.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false
  return error.inStream || [400, 403, 404, 405, 406, 415, 422, 501].includes(error.status)
}

/** What an object goes by among those of its resource. */
export function keyOf({ metadata }: ApiObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`
}
