/**
 * A run against one that was kept. Figures are of a machine and a moment, ratios to a peer of the same run are not: a ratio
 * that fell is a regression, or noise where the threshold is small.
 */
import type { Results } from './results.ts'

export interface Worse {
  readonly work: string
  readonly unit: string
  readonly peer: string
  /** How many times better the first side is than the peer: then, and now. */
  readonly before: number
  readonly now: number
}

/** Rows whose ratio fell by more than `threshold`, a share. Rows, peers and ratios that one of both has not are no rows. */
export function worse(before: Results, now: Results, threshold: number): Worse[] {
  const found: Worse[] = []
  for (const row of now.rows) {
    const kept = before.rows.find(({ work, unit }) => work === row.work && unit === row.unit)
    if (kept === undefined) continue
    now.sides.slice(1).forEach((peer, i) => {
      const at = before.sides.indexOf(peer) - 1
      const [ratio, keptRatio] = [row.ratios[i], at < 0 ? undefined : kept.ratios[at]]
      if (ratio == null || keptRatio == null || ratio >= keptRatio * (1 - threshold)) return
      found.push({ work: row.work, unit: row.unit, peer, before: keptRatio, now: ratio })
    })
  }
  return found
}

/** The same for people. */
export function worseText(found: readonly Worse[], threshold: number): string {
  const percent = `${(threshold * 100).toFixed(0)} %`
  if (found.length === 0) return `no ratio is worse by more than ${percent}\n`
  const lines = found.map(
    ({ work, unit, peer, before, now }) => `${work}, ${unit}: × ${peer} was ${before.toFixed(2)}, is ${now.toFixed(2)}`,
  )
  return `worse by more than ${percent}:\n${lines.map(line => `  ${line}\n`).join('')}`
}
