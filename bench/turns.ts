/** Servers measured in turns, so that what else the machine does meets all of them; and the rows that this makes. */
import type { Run, Target } from './dnsperf.ts'
import type { Row } from './table.ts'

export interface Column<T> {
  readonly unit: string
  readonly better: Row['better']
  readonly of: (figures: T) => number
}

export const RUN_COLUMNS: readonly Column<Run>[] = [
  { unit: 'queries/s', better: 'higher', of: run => run.queriesPerS },
  { unit: 'CPU µs/query', better: 'lower', of: run => run.cpuUsPerQuery },
  { unit: 'queries/s per core', better: 'higher', of: run => run.queriesPerCoreS },
  { unit: 'lost', better: 'lower', of: run => run.lost },
]

/** A row for each column; a side without figures has none there either. */
export function rowsOf<T>(work: string, columns: readonly Column<T>[], sides: readonly (T | undefined)[]): Row[] {
  return columns.map(({ unit, better, of }) => ({
    work,
    unit,
    better,
    figures: sides.map(side => (side === undefined ? Number.NaN : of(side))),
  }))
}

/** Each server's run with the median CPU per query, out of so many rounds; undefined for one that is not there. */
export async function inTurns(
  targets: readonly (Target | undefined)[],
  rounds: number,
  measure: (target: Target) => Promise<Run>,
): Promise<(Run | undefined)[]> {
  const runs = targets.map(() => [] as Run[])
  for (let round = 0; round < rounds; round++) {
    for (const [i, target] of targets.entries()) if (target !== undefined) runs[i]!.push(await measure(target))
  }
  return runs.map(of => of.toSorted((a, b) => a.cpuUsPerQuery - b.cpuUsPerQuery)[of.length >> 1])
}
