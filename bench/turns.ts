/** Servers measured in turns, so that what else the machine does meets all of them; and the rows that this makes. */
import type { Run, Target } from './dnsperf.ts'
import { median, type Row } from './table.ts'

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

/** A row for each column, of one measurement a side; a side without one has no figure there either. */
export function rowsOf<T>(work: string, columns: readonly Column<T>[], sides: readonly (T | undefined)[]): Row[] {
  return mediansOf(
    work,
    columns,
    sides.map(side => (side === undefined ? [] : [side])),
  )
}

/** A row for each column: the median of a side's runs, NaN for a side that has none. */
export function mediansOf<T>(work: string, columns: readonly Column<T>[], sides: readonly (readonly T[])[]): Row[] {
  return columns.map(({ unit, better, of }) => ({
    work,
    unit,
    better,
    figures: sides.map(runs => median(runs.map(of))),
  }))
}

/** So many runs of each server, none of one that is not there. Every other round goes the other way round. */
export async function inTurns<S extends Target, T>(
  targets: readonly (S | undefined)[],
  rounds: number,
  measure: (target: S) => Promise<T>,
): Promise<T[][]> {
  const runs = targets.map(() => [] as T[])
  for (let round = 0; round < rounds; round++) {
    const order = [...targets.keys()]
    for (const i of round % 2 === 0 ? order : order.reverse()) {
      const target = targets[i]
      if (target !== undefined) runs[i]!.push(await measure(target))
    }
  }
  return runs
}
