/**
 * LIST in pages: for API servers that refuse streaming lists. One page is asked for at a time, one object is held at a
 * time; the target is swept once all pages are there.
 */
import { ApiError, errorOfStatus, type Status } from './api-error.ts'
import { MalformedStream } from './json-splitter.ts'
import { acceptedTypes, type ListEnvelope, objectStream } from './object-stream.ts'
import { readObjects } from './read-objects.ts'
import { type ApiClient, type ApiObject, type Resource, selectors, type Target } from './resource.ts'
import type { WorkSlices } from './work-slices.ts'

const PAGE_OBJECTS = 500
/** The API server may collect a page, or a whole list, before it sends the first octet; its own limit is 60 s. */
const LIST_IDLE_MS = 65_000

export interface ListOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly target: Target
  readonly slices: WorkSlices
  readonly signal: AbortSignal
}

/**
 * Lists everything into the target, and gives the version to watch from.
 * @throws ApiError, MalformedStream; the target then still has all it had
 */
export async function list(options: ListOptions): Promise<string> {
  try {
    return await listFrom(options, PAGE_OBJECTS)
  } catch (error) {
    if (!(error instanceof ApiError && error.isGone)) throw error
    return await listFrom(options, 0) // the token for the next page expired (five minutes): all at once, as client-go does
  }
}

async function listFrom(options: ListOptions, limit: number): Promise<string> {
  const { target } = options
  target.beginList()
  let token = ''
  for (;;) {
    const page = await readPage(options, {
      ...(limit > 0 && { limit: String(limit) }),
      ...(token !== '' && { continue: token }),
    })
    token = page.metadata?.continue ?? ''
    if (token !== '') continue
    const version = page.metadata?.resourceVersion
    if (!version) throw new MalformedStream('found a list without a resourceVersion')
    target.endList()
    return version
  }
}

async function readPage(options: ListOptions, page: Record<string, string>): Promise<ListEnvelope> {
  const { client, resource, target, slices, signal } = options
  const query = { ...selectors(resource), ...page }
  const accept = acceptedTypes(resource.shape)
  const body = await client.get({ path: resource.path, query, accept, idleMs: LIST_IDLE_MS, signal })
  const stream = objectStream(body.contentType, 'list', resource.shape)
  await readObjects(body.octets, stream, slices, object => target.put(object as ApiObject))
  const { envelope } = stream
  if (envelope.kind === 'Status') throw errorOfStatus(200, envelope as Status)
  return envelope
}
