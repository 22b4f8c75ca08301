/** The metrics of `cache`: cells per listener, and the number of entries, which is read when it is asked for. */
import { cells, counter, summedGauge } from '../../server/metrics.ts'
import type { Store } from './store.ts'

const LABELS = ['server', 'zones', 'view']
const TYPED = ['server', 'type', 'zones', 'view']
const VIEW = ''

const requests = counter('coredns_cache_requests_total', 'Queries that the cache was asked for.', ...LABELS)
const hits = counter('coredns_cache_hits_total', 'Answers from the cache.', ...TYPED)
const misses = counter('coredns_cache_misses_total', 'Queries that the cache had no answer to.', ...LABELS)
const prefetches = counter('coredns_cache_prefetch_total', 'Entries refreshed before they expired.', ...LABELS)
const drops = counter('coredns_cache_drops_total', 'Answers left out as they were to another question.', ...LABELS)
const stale = counter('coredns_cache_served_stale_total', 'Answers from entries that had expired.', ...LABELS)
const evictions = counter('coredns_cache_evictions_total', 'Entries that made room for others.', ...TYPED)
const entries = summedGauge('coredns_cache_entries', 'Entries in the cache.', ...TYPED)

/** The cells of one listener. */
export class Counts {
  readonly requests: number
  readonly hits: number
  readonly denialHits: number
  readonly misses: number
  readonly prefetches: number
  readonly stale: number
  readonly evictions: number
  readonly denialEvictions: number

  constructor(server: string, zones: string) {
    this.requests = requests(server, zones, VIEW)
    this.hits = hits(server, 'success', zones, VIEW)
    this.denialHits = hits(server, 'denial', zones, VIEW)
    this.misses = misses(server, zones, VIEW)
    this.prefetches = prefetches(server, zones, VIEW)
    this.stale = stale(server, zones, VIEW)
    this.evictions = evictions(server, 'success', zones, VIEW)
    this.denialEvictions = evictions(server, 'denial', zones, VIEW)
    drops(server, zones, VIEW) // an answer always is to its query here: stays 0
  }
}

/** What one cache holds, and the label values it holds it under. */
export interface Holding {
  readonly servers: readonly string[]
  readonly zones: string
  readonly success: Store
  readonly denial: Store
}

/** The caches whose entries are counted. */
export const holdings = new Set<Holding>()

entries.onScrape(() => {
  for (const { servers, zones, success, denial } of holdings) {
    for (const server of servers) {
      cells[entries.cell(server, 'success', zones, VIEW)] = success.count
      cells[entries.cell(server, 'denial', zones, VIEW)] = denial.count
    }
  }
})

/** Stops counting a cache's entries. */
export function release(holding: Holding): void {
  if (!holdings.delete(holding)) return
  for (const server of holding.servers) {
    for (const type of ['success', 'denial']) {
      const isHeld = [...holdings].some(other => other.zones === holding.zones && other.servers.includes(server))
      if (!isHeld) entries.remove(server, type, holding.zones, VIEW)
    }
  }
}
