/**
 * Who may wait for upstreams. All together up to a limit; in the last eighth of it, no client with more than its share, so
 * that one that floods cannot keep the others out; and no client over UDP more than 1,000 at any time, since
 * its address may be forged and answers that are held back and let go at once are a weapon (DNSBomb, CVE-2024-33655).
 */
import { cells, summedGauge } from '../../server/metrics.ts'
import type { Query } from '../../server/plugin.ts'

const SHARED_PART = 8
const MAX_DATAGRAMS = 1000
/** Answers older than this are not sent to a client that has, or lately had, as many queries waiting as it may. */
const STALE_MS = 1900

const waiting = summedGauge('sextant_forward_waiting_queries', 'Queries that wait for upstreams.').cell()

/** One client that has queries waiting. */
export interface Client {
  readonly address: string
  waiting: number
  /** Those of them that came over UDP. */
  datagrams: number
  /** It reached the most that it may have over UDP, and still has half of that. */
  hoards: boolean
}

export class Admission {
  readonly limit: number
  /** From here on the limit is near. */
  readonly #near: number
  readonly #clients = new Map<string, Client>()
  #waiting = 0

  constructor(limit: number) {
    this.limit = limit
    this.#near = limit - Math.floor(limit / SHARED_PART)
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Counts the query in, for its client; undefined if it may not wait. */
  enter(q: Query): Client | undefined {
    if (this.#waiting >= this.limit) return undefined
    const { address } = q.peer
    const client = this.#clients.get(address) ?? { address, waiting: 0, datagrams: 0, hoards: false }
    if (!q.stream && client.datagrams >= MAX_DATAGRAMS) {
      client.hoards = true
      return undefined
    }
    if (this.#waiting >= this.#near && client.waiting >= this.#share) return undefined
    if (client.waiting === 0) this.#clients.set(address, client)
    client.waiting++
    if (!q.stream) client.datagrams++
    this.#waiting++
    cells[waiting]! += 1
    return client
  }

  /** The query has its answer. */
  leave(q: Query, client: Client): void {
    this.#waiting--
    cells[waiting]! -= 1
    if (!q.stream && --client.datagrams < MAX_DATAGRAMS / 2) client.hoards = false
    if (--client.waiting === 0) this.#clients.delete(client.address)
  }

  /** What a client may have waiting where the limit is near: an equal part, one more than there are clients sharing. */
  get #share(): number {
    return Math.max(1, Math.floor(this.limit / (this.#clients.size + 1)))
  }
}

/** True if an answer comes too late to be sent to this client. */
export function isTooLate(q: Query, client: Client): boolean {
  return client.hoards && !q.stream && performance.now() - q.receivedAtMs > STALE_MS
}
