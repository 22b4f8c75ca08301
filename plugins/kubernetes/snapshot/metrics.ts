/** What operators can see of snapshots, by file. */
import { cells, counter, gauge } from '../../../server/metrics.ts'

export interface Observed {
  readonly file: string
  /** Age of what stands in the file, in seconds; undefined if nothing of ours does. */
  readonly ageS: number | undefined
  /** Answers come from it. */
  readonly isInUse: boolean
}

export const writes = counter('sextant_kubernetes_snapshot_writes_total', 'Snapshots of the index written.', 'file')
export const writeFailures = counter(
  'sextant_kubernetes_snapshot_write_failures_total',
  'Snapshots of the index that could not be written.',
  'file',
)
const age = gauge('sextant_kubernetes_snapshot_age_seconds', 'Age of the snapshot on disk.', 'file')
const inUse = gauge('sextant_kubernetes_snapshot_in_use', 'Whether answers come from the snapshot.', 'file')

const observed = new Set<Observed>()

export function count(cell: number): void {
  cells[cell]! += 1
}

/** Shows a snapshot in each scrape, until the result is called. */
export function observe(snapshot: Observed): () => void {
  observed.add(snapshot)
  return () => {
    observed.delete(snapshot)
    if ([...observed].some(({ file }) => file === snapshot.file)) return
    age.remove(snapshot.file)
    inUse.remove(snapshot.file)
  }
}

age.onScrape(() => {
  for (const { file, ageS } of observed) if (ageS !== undefined) age.set(ageS, file)
})
inUse.onScrape(() => {
  for (const { file, isInUse } of observed) inUse.set(isInUse ? 1 : 0, file)
})
