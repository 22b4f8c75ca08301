/**
 * LIST in pages: for API servers that refuse streaming lists, or are in trouble. One page is asked for at a time, one
 * object is held at a time; the target is swept once all pages are there.
 */

import type { WorkSlices } from '../../../server/work-slices.ts'
import { ApiError, errorOfStatus, type Status } from './api-error.ts'
import { MalformedStream } from './json-splitter.ts'
import { acceptedTypes, type ListEnvelope, objectStream } from './object-stream.ts'
import { readObjects } from './read-objects.ts'
import { type ApiClient, type ApiObject, type Resource, selectors, type Target } from './resource.ts'

const PAGE_OBJECTS = 500
/** The API server may collect a page before it sends the first octet. As long as a watch: it is as dead then. */
const PAGE_IDLE_MS = 40_000
/** A whole list takes longer; the API server's own limit is 60 s. */
const WHOLE_IDLE_MS = 65_000

export interface ListOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly target: Target
  readonly slices: WorkSlices
}

interface PageOptions extends ListOptions {
  readonly signal: AbortSignal
}

/** One list. A page that failed is asked for again: what was paid for is not paid twice. */
export class PagedList {
  readonly #options: ListOptions
  /** For the next page; empty before the first one. */
  #token = ''
  #limit = PAGE_OBJECTS
  /** Pages since `run` was called. */
  #pages = 0

  constructor(options: ListOptions) {
    this.#options = options
  }

  /**
   * Lists everything into the target, and gives the version to watch from. May be called again after an error: goes on
   * where it broke off.
   * @throws ApiError, MalformedStream; the target then still has all it had
   */
  async run(signal: AbortSignal): Promise<string> {
    const isResumed = this.#token !== ''
    this.#pages = 0
    try {
      return await this.#run(signal)
    } catch (error) {
      if (!(error instanceof ApiError && error.isGone)) throw error
      // The token for the next page expired (five minutes): all at once, as client-go does, if that was too little.
      this.#token = ''
      if (!isResumed) this.#limit = 0
      return await this.#run(signal)
    }
  }

  /** True if the last `run` got further than the one before. */
  get hasProgressed(): boolean {
    return this.#pages > 0
  }

  async #run(signal: AbortSignal): Promise<string> {
    const { target } = this.#options
    if (this.#token === '') target.beginList()
    for (;;) {
      const query = {
        ...(this.#limit > 0 && { limit: String(this.#limit) }),
        ...(this.#token !== '' && { continue: this.#token }),
      }
      const page = await readPage({ ...this.#options, signal }, query)
      this.#pages++
      const token = page.metadata?.continue ?? ''
      if (token !== '' && token === this.#token) throw new MalformedStream('found a page that leads to itself')
      this.#token = token
      if (this.#token !== '') continue
      const version = page.metadata?.resourceVersion
      if (!version) throw new MalformedStream('found a list without a resourceVersion')
      await target.endList()
      return version
    }
  }
}

async function readPage(options: PageOptions, page: Record<string, string>): Promise<ListEnvelope> {
  const { client, resource, target, slices, signal } = options
  const query = { ...selectors(resource), ...page }
  const idleMs = 'limit' in page ? PAGE_IDLE_MS : WHOLE_IDLE_MS
  const accept = acceptedTypes(resource.shape)
  const body = await client.get({ path: resource.path, query, accept, idleMs, signal })
  const stream = objectStream(body.contentType, 'list', resource.shape)
  await readObjects(body.octets, stream, slices, object => {
    target.put(object as ApiObject)
  })
  const { envelope } = stream
  if (envelope.kind === 'Status') throw errorOfStatus(200, envelope as Status)
  return envelope
}
