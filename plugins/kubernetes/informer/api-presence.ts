/**
 * Whether it is an API server that answers. One that does not know a resource says 404, and so does whatever else happens to
 * stand at its address: a proxy without a way to it, another server. Every API server tells its version, to whom it knows.
 */
import { ApiError } from './api-error.ts'
import type { ApiClient } from './resource.ts'

const PATH = '/version'
const IDLE_MS = 10_000
const MAX_BYTES = 64 << 10

/** Asks for its version. No error leaves it. */
export async function isApiServer(client: ApiClient, signal: AbortSignal): Promise<boolean> {
  try {
    const body = await client.get({ path: PATH, query: {}, accept: 'application/json', idleMs: IDLE_MS, signal })
    const chunks: Uint8Array[] = []
    let octets = 0
    for await (const chunk of body.octets) {
      octets += chunk.length
      if (octets > MAX_BYTES) return false
      chunks.push(chunk)
    }
    const version: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return typeof version === 'object' && version !== null && 'gitVersion' in version
  } catch (error) {
    // Who is not permitted to ask was told so by an API server: it has a word of its own for it.
    return error instanceof ApiError && error.status === 403 && error.reason === 'Forbidden'
  }
}
