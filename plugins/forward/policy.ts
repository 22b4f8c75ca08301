/**
 * Which upstream is asked next: the policy's order, those in good standing first. Pure choice, no sockets.
 */
import { randomBelow } from './random.ts'
import { RANK } from './upstream/standing.ts'
import type { Upstream } from './upstream/upstream.ts'

export const POLICIES = ['random', 'round_robin', 'sequential'] as const
export type PolicyName = (typeof POLICIES)[number]

/** Without a policy: an upstream is as near as the fastest one if it takes no more than twice as long, and this more. */
const NEAR_MS = 50
/** One query in so many goes to any upstream: who was slow may be so no more. */
const EXPLORED = 32

export class Policy {
  /** Undefined: the Corefile names none. */
  readonly name: PolicyName | undefined
  #turn = 0

  constructor(name: PolicyName | undefined) {
    this.name = name
  }

  /** Where a query begins in the list. */
  first(list: readonly Upstream[]): number {
    const count = list.length
    if (count < 2 || this.name === 'sequential') return 0
    if (this.name === 'round_robin') {
      this.#turn = (this.#turn + 1) % count
      return this.#turn
    }
    const any = randomBelow(count)
    return this.name === 'random' || randomBelow(EXPLORED) === 0 ? any : nearFrom(list, any)
  }
}

/** The first one from `from` on that is about as fast as the fastest, or not known yet. */
function nearFrom(list: readonly Upstream[], from: number): number {
  let fastestMs = Number.POSITIVE_INFINITY
  for (const { latency } of list) if (latency.smoothedMs >= 0) fastestMs = Math.min(fastestMs, latency.smoothedMs)
  const count = list.length
  for (let i = 0; i < count; i++) {
    const at = (from + i) % count
    if (list[at]!.latency.smoothedMs <= 2 * fastestMs + NEAR_MS) return at
  }
  return from
}

/**
 * The best of the list, looked through from `first` on: not disabled, least often tried by this query (`tried` holds one
 * entry for each try), not down, in good standing. Undefined if all are down or disabled.
 */
export function choose(
  list: readonly Upstream[],
  first: number,
  tried: readonly Upstream[],
  nowMs: number,
): Upstream | undefined {
  let best: Upstream | undefined
  let bestRank = Number.POSITIVE_INFINITY
  for (let i = 0; i < list.length; i++) {
    const upstream = list[(first + i) % list.length]!
    if (upstream.disabled !== undefined || upstream.down) continue
    let rank = upstream.standing.rank(nowMs)
    for (const one of tried) if (one === upstream) rank += RANK.last + 1
    if (rank < bestRank) {
      best = upstream
      bestRank = rank
    }
  }
  return best
}

/** One of those that are not disabled, by chance: when all are down, one is asked nevertheless. */
export function chooseAny(list: readonly Upstream[]): Upstream | undefined {
  const enabled = list.filter(upstream => upstream.disabled === undefined)
  return enabled.length === 0 ? undefined : enabled[randomBelow(enabled.length)]
}
