/**
 * What an informer follows and where it goes: a resource of the API as it is asked for, the client that asks, and the
 * side of the index that takes its objects. The informer knows no kind; trimming is the target's.
 */

import type { Shape } from './protobuf.ts'

/** A resource at the cluster scope, as a query selects it. */
export interface Resource {
  /** Plural, as in RBAC rules: `endpointslices`. */
  readonly name: string
  /** The API group, empty for the core group. */
  readonly group: string
  /** `/api/v1/services` */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What is read of its objects where the API server has them as Protocol Buffers; absent: it has them as JSON alone. */
  readonly shape?: Shape
  /** May be unknown to the API server (404), as a CustomResourceDefinition that is not installed: there are none then. */
  readonly optional?: boolean
}

/** The members of an API object that every kind has, as far as they are sent. */
export interface ApiObject {
  readonly kind?: string
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly resourceVersion?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
}

/** Takes the objects of one resource as they arrive. Must not keep what it is given. */
export interface Target {
  /** True if that changed anything that is served. */
  put(object: ApiObject): boolean
  delete(object: ApiObject): void
  /** Every object will be put again. Begun anew if a list broke off. */
  beginList(): void
  /**
   * Drops what was not put since `beginList`, between queries, and gives how many that were. Once it is done the target
   * answers for the whole resource. Drops nothing any more if a list is begun anew meanwhile.
   */
  endList(): Promise<number>
}

export interface ApiRequest {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Media types, for the header `Accept`. */
  readonly accept: string
  /** Without an octet for this long the connection counts as dead. */
  readonly idleMs: number
  readonly signal: AbortSignal
}

export interface ApiBody {
  readonly contentType: string
  /** Leaving the iteration closes the connection. */
  readonly octets: AsyncIterable<Uint8Array>
}

export interface ApiClient {
  /**
   * Sends a GET and gives the body of an answer 200.
   * @throws ApiError for all else, from the call or from the iteration
   */
  get(request: ApiRequest): Promise<ApiBody>
  /** `https://10.96.0.1:443`, for messages. */
  readonly server: string
}

/** `services` or `endpointslices.discovery.k8s.io`. */
export function fullName({ name, group }: Resource): string {
  return group === '' ? name : `${name}.${group}`
}

/** The selectors as query parameters. */
export function selectors({ labelSelector, fieldSelector }: Resource): Record<string, string> {
  return { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) }
}
