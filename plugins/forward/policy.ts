/**
 * Which upstream is asked next: the policy's order, those in good standing first. Pure choice, no sockets.
 */
import { randomBelow } from './random.ts'
import type { Upstream } from './upstream.ts'

export const POLICIES = ['random', 'round_robin', 'sequential'] as const
export type PolicyName = (typeof POLICIES)[number]

export class Policy {
  readonly name: PolicyName
  #turn = 0

  constructor(name: PolicyName) {
    this.name = name
  }

  /** Where a query begins in a list of `count` upstreams. */
  first(count: number): number {
    if (this.name === 'sequential' || count === 1) return 0
    if (this.name === 'random') return randomBelow(count)
    this.#turn = (this.#turn + 1) % count
    return this.#turn
  }
}

/**
 * The best of the list, looked through from `first` on: not disabled, least often tried by this query (`tried` holds one
 * entry for each try), not down, not suspect. Undefined if all are down or disabled.
 */
export function choose(list: readonly Upstream[], first: number, tried: readonly Upstream[]): Upstream | undefined {
  let best: Upstream | undefined
  let bestRank = Number.POSITIVE_INFINITY
  for (let i = 0; i < list.length; i++) {
    const upstream = list[(first + i) % list.length]!
    if (upstream.disabled !== undefined || upstream.down) continue
    let rank = upstream.suspect ? 1 : 0
    for (const one of tried) if (one === upstream) rank += 2
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
