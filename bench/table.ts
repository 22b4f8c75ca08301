/** Figures of two sides as a table with ratios, or as JSON to keep. */
import { cpus, release } from 'node:os'

export interface Row {
  work: string
  unit: string
  /** One figure for each side. */
  figures: number[]
  better: 'higher' | 'lower'
}

function shown(figure: number): string {
  if (Number.isNaN(figure)) return '-'
  if (figure >= 1000) return Math.round(figure).toLocaleString('en')
  return figure.toPrecision(3)
}

/** How many times better the first side is than the second. */
export function ratio(row: Row): number | undefined {
  const [ours, theirs] = row.figures
  if (ours === undefined || theirs === undefined || theirs === 0 || ours === 0) return undefined
  return row.better === 'higher' ? ours / theirs : theirs / ours
}

export function print(names: string[], rows: Row[], json: boolean): void {
  if (json) {
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version }
    const kept = rows.map(row => ({ ...row, ratio: ratio(row) }))
    process.stdout.write(`${JSON.stringify({ machine, sides: names, rows: kept }, null, 2)}\n`)
    return
  }
  const lines = [['work', 'unit', ...names, ...(names.length > 1 ? ['times better'] : [])]]
  for (const row of rows) {
    const times = ratio(row)
    lines.push([row.work, row.unit, ...row.figures.map(shown), ...(names.length < 2 ? [] : [times?.toFixed(2) ?? '-'])])
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  for (const line of lines) {
    const cells = line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
    process.stdout.write(`${cells.join('  ')}\n`)
  }
}
