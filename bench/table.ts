/** Figures of two sides or more as a table with ratios, or as JSON to keep. */
import { cpus, release } from 'node:os'

export interface Row {
  work: string
  unit: string
  /** One figure for each side, NaN for one that has none. */
  figures: number[]
  better: 'higher' | 'lower'
}

function shown(figure: number): string {
  if (Number.isNaN(figure)) return '-'
  if (figure >= 1000) return Math.round(figure).toLocaleString('en')
  return figure.toPrecision(3)
}

/** How many times better the first side is than each of the others; undefined where that has no meaning. */
export function ratios(row: Row): (number | undefined)[] {
  const [ours = Number.NaN, ...others] = row.figures
  return others.map(theirs => {
    const times = row.better === 'higher' ? ours / theirs : theirs / ours
    return Number.isFinite(times) && times > 0 ? times : undefined
  })
}

export function print(names: readonly string[], rows: readonly Row[], json: boolean): void {
  if (json) {
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version }
    const kept = rows.map(row => ({ ...row, ratios: ratios(row) }))
    process.stdout.write(`${JSON.stringify({ machine, sides: names, rows: kept }, null, 2)}\n`)
    return
  }
  const peers = names.slice(1)
  const lines = [['work', 'unit', ...names, ...peers.map(name => `× ${name}`)]]
  for (const row of rows) {
    lines.push([row.work, row.unit, ...row.figures.map(shown), ...ratios(row).map(times => times?.toFixed(2) ?? '-')])
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  for (const line of lines) {
    const cells = line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
    process.stdout.write(`${cells.join('  ')}\n`)
  }
}
