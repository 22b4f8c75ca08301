/** What a run of the suite was told, and what a work is that measures. */
import type { Target } from './dnsperf.ts'
import type { Sides } from './sides.ts'
import type { Row } from './table.ts'

export interface Settings {
  /** Runs of each side, of which the median counts. */
  readonly rounds: number
  /** Of one run. */
  readonly seconds: number
  /** Of works that wait for something to show: floods, silence, changes. */
  readonly longSeconds: number
  /** A cluster to take instead of the replayed one; it holds the same services (cluster/objects.ts). */
  readonly kubeconfig: string | undefined
  /** A server that runs already and knows that cluster, in the place of CoreDNS. */
  readonly peer: Target | undefined
}

/** `npm run bench` measures `main`, `bench:forward` and `bench:scale` the others. */
export type Suite = 'main' | 'forward' | 'scale'

export interface Work {
  readonly name: string
  readonly suites: readonly Suite[]
  readonly measure: (sides: Sides, settings: Settings) => Promise<Row[]>
}
