/**
 * Times small things in turns: every round runs each case once, so that what the machine does meanwhile meets all of them,
 * and the median of the rounds counts. Time is that of this thread on a processor: others share the machine.
 */
import { threadNs } from '../client/calls.ts'
import { median } from '../table.ts'

export interface Case {
  readonly name: string
  /** Does it so many times. */
  readonly run: (times: number) => void
  /** The case whose time is a part of this one's and is to be taken off: preparation, or the step before. */
  readonly base?: Case
}

export interface Timed {
  readonly name: string
  /** Of one time, without the base's. */
  readonly ns: number
  /** What one time leaves for the collector. */
  readonly heapBytes: number
}

export interface Rounds {
  readonly rounds: number
  /** How often a case is run in one round. */
  readonly times: number
  /** Before the first round, for the compiler. */
  readonly warmUp: number
}

export const ROUNDS: Rounds = { rounds: 15, times: 20_000, warmUp: 100_000 }

/** Times the cases, and the bases that they have. */
export function time(cases: readonly Case[], { rounds, times, warmUp }: Rounds = ROUNDS): Timed[] {
  const all = [...new Set(cases.flatMap(each => (each.base === undefined ? [each] : [each.base, each])))]
  const found = new Map(all.map(each => [each, { ns: [] as number[], heapBytes: [] as number[] }]))
  for (const { run } of all) run(warmUp)
  for (let round = 0; round < rounds; round++) {
    for (const [{ run }, { ns, heapBytes }] of found) {
      const before = process.memoryUsage().heapUsed
      const startNs = threadNs()
      run(times)
      ns.push((threadNs() - startNs) / times)
      heapBytes.push((process.memoryUsage().heapUsed - before) / times)
    }
  }
  const of = (each: Case) => median(found.get(each)!.ns)
  return cases.map(each => ({
    name: each.name,
    ns: of(each) - (each.base === undefined ? 0 : of(each.base)),
    heapBytes: median(found.get(each)!.heapBytes),
  }))
}
