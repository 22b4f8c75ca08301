/** Reads the `cache` directive: limits, lifetimes, what to do with expired entries. */
import { type Directive, type Occurrence, type Property, zoneList } from '../../server/corefile/directive.ts'

const DEFAULT_ENTRIES = 10_000
const MAX_ENTRIES = 1 << 22
const MAX_TTL = 0x7fffffff // RFC 2181 §8
const MINUTE_MS = 60_000
const MAX_FAILURE_MS = 5 * MINUTE_MS // RFC 2308 §7.1, RFC 9520 §3.2
const STALE_TTL = 30 // RFC 8767 §4
const STALE_RECHECK_MS = 30_000 // RFC 8767 §5
const STALE_WAIT_MS = 1800 // RFC 8767 §5: the client response timer
const MAX_WAIT_MS = 0x7fffffff // a timer of Node holds no more

/** Limits of the entries of one kind, in seconds where they are times. */
export interface Budget {
  readonly entries: number
  readonly maxTtl: number
  readonly minTtl: number
}

/** Expired entries are served while they are no older than `forMs` beyond their end. */
export interface Stale {
  readonly forMs: number
  /** First the stale answer, then the question; or the other way round. */
  readonly mode: 'immediate' | 'verify'
  /** How long `verify` lets a client wait; 0 for as long as the answer takes. */
  readonly waitMs: number
  readonly ttl: number
  /** No new attempt this long after one that failed. */
  readonly recheckMs: number
  /** A positive entry, even a stale one, goes before a denial. */
  readonly preferPositive: boolean
}

export interface Prefetch {
  readonly hits: number
  /** Hits count together while no more than this lies between two of them. */
  readonly gapMs: number
  /** Share of the lifetime that may be left. */
  readonly percent: number
}

export interface Options {
  readonly zones: readonly string[]
  readonly success: Budget
  readonly denial: Budget
  readonly failureMs: number
  readonly prefetch: Prefetch | undefined
  readonly stale: Stale | undefined
  /** Zones whose answers, denials are not stored. */
  readonly notSuccess: readonly string[]
  readonly notDenial: readonly string[]
  readonly keepTtl: boolean
}

/** @param blockZones the zones of the server block, the default of every list */
export function parseOptions(directive: Directive, blockZones: readonly string[]): Options {
  const cache = directive.once()
  const first = cache.args[0]
  const hasTtl = first !== undefined && /^[+-]?\d+$/.test(first.text)
  const ttl = hasTtl ? first.integer(1, MAX_TTL, 'ttl') : undefined
  const zones = zoneList(hasTtl ? cache.args.slice(1) : cache.args, blockZones)
  // CoreDNS: at least 5 s for everything. Here a record's own TTL holds unless the Corefile names a minimum.
  let success: Budget = { entries: DEFAULT_ENTRIES, maxTtl: ttl ?? 3600, minTtl: 0 }
  let denial: Budget = { entries: DEFAULT_ENTRIES, maxTtl: ttl ?? 1800, minTtl: 0 }
  let failureMs = 5000
  let prefetch: Prefetch | undefined
  let stale: Omit<Stale, 'preferPositive'> | undefined
  let policy: Property | undefined
  let keepTtl = false
  const disabled = { success: new Set<string>(), denial: new Set<string>() }
  cache.each(
    {
      success: p => {
        success = parseBudget(p, success)
      },
      denial: p => {
        denial = parseBudget(p, denial)
      },
      prefetch: p => {
        prefetch = parsePrefetch(p)
      },
      serve_stale: p => {
        stale = parseStale(p)
      },
      serve_stale_policy: p => {
        p.argument().oneOf(['prefer_positive'], 'policy', true)
        policy = p
      },
      servfail: p => {
        failureMs = p.argument().duration({ maxMs: MAX_FAILURE_MS })
      },
      disable: p => {
        const [kind, ...of] = p.arguments(1)
        for (const zone of zoneList(of, zones)) disabled[kind!.oneOf(['success', 'denial'], 'kind')].add(zone)
      },
      keepttl: p => {
        p.noArguments()
        keepTtl = true
      },
    },
    { once: ['serve_stale_policy'] },
  )
  return {
    zones,
    success,
    denial,
    failureMs,
    prefetch,
    stale: withPolicy(cache, stale, policy),
    notSuccess: [...disabled.success],
    notDenial: [...disabled.denial],
    keepTtl,
  }
}

function parseBudget(p: Property, budget: Budget): Budget {
  const [entries, maxTtl, minTtl] = p.arguments(1, 3)
  return {
    entries: entries!.integer(0, MAX_ENTRIES, 'capacity'),
    maxTtl: maxTtl?.integer(1, MAX_TTL, 'ttl') ?? budget.maxTtl,
    minTtl: minTtl?.integer(0, MAX_TTL, 'minimum ttl') ?? budget.minTtl,
  }
}

function parsePrefetch(p: Property): Prefetch | undefined {
  const [amount, gap, percentage] = p.arguments(1, 3)
  const hits = amount!.integer(0, MAX_TTL, 'amount')
  const gapMs = gap?.duration({}, 'duration') ?? MINUTE_MS
  let percent = 10
  if (percentage !== undefined) {
    const digits = /^(\d{1,3})%$/.exec(percentage.text)?.[1]
    percent = Number(digits)
    if (digits === undefined || percent < 10 || percent > 90) {
      throw percentage.error(`invalid percentage "${percentage.text}", expected 10% to 90%`, 'COREFILE_INVALID_NUMBER')
    }
  }
  return hits === 0 ? undefined : { hits, gapMs, percent }
}

function parseStale(p: Property): Omit<Stale, 'preferPositive'> {
  const args = p.arguments(0, 5)
  const forMs = args[0]?.duration({}, 'duration') ?? 60 * MINUTE_MS
  // CoreDNS: immediate. RFC 8767 §5 asks first, for as long as a client can wait.
  if (args[1] === undefined) {
    return { forMs, mode: 'verify', waitMs: STALE_WAIT_MS, ttl: STALE_TTL, recheckMs: STALE_RECHECK_MS }
  }
  const mode = args[1].oneOf(['immediate', 'verify'], 'mode', true)
  const rest = args.slice(2)
  const waitMs = mode === 'verify' ? (rest.shift()?.duration({ maxMs: MAX_WAIT_MS }, 'timeout') ?? 0) : 0
  const [ttl, recheck, surplus] = rest
  if (surplus !== undefined) {
    throw surplus.error(`surplus argument "${surplus.text}", expected the end of the line`, 'COREFILE_SURPLUS_ARGUMENT')
  }
  const ttlMs = ttl?.duration({ maxMs: MAX_TTL * 1000 }, 'ttl') ?? STALE_TTL * 1000
  if (ttlMs % 1000 !== 0) {
    throw ttl!.error(`invalid ttl "${ttl!.text}", expected whole seconds such as 30s`, 'COREFILE_INVALID_DURATION')
  }
  const recheckMs = recheck?.duration({ maxMs: 5 * MINUTE_MS }, 'interval') ?? 0
  return { forMs, mode, waitMs, ttl: ttlMs / 1000, recheckMs }
}

function withPolicy(
  cache: Occurrence,
  stale: Omit<Stale, 'preferPositive'> | undefined,
  policy: Property | undefined,
): Stale | undefined {
  if (stale !== undefined) return { ...stale, preferPositive: policy !== undefined }
  if (policy === undefined) return undefined
  throw (policy ?? cache).error('"serve_stale_policy" without serve_stale, expected both or none')
}
