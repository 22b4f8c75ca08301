/** Figures of several sides as a table with ratios, or as JSON to keep. */

/** The order of the figures in every row. */
export const SIDES = ['sextant', 'coredns', 'unbound', 'knot'] as const

export interface Row {
  work: string
  unit: string
  /** One figure for each side, NaN for one that has none; sides at the end may be missing. */
  figures: number[]
  better: 'higher' | 'lower'
}

/** The value in the middle, NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** Three digits, and what is in front of the point in whole. */
export function shown(figure: number): string {
  if (!Number.isFinite(figure)) return '-'
  if (Math.abs(figure) >= 1000) return Math.round(figure).toLocaleString('en')
  return figure === 0 ? '0' : figure.toPrecision(3)
}

/** How many times better the first side is than each of the others; undefined where that has no meaning. */
export function ratios({ figures, better }: Row, sides = figures.length): (number | undefined)[] {
  const ours = figures[0] ?? Number.NaN
  return Array.from({ length: sides - 1 }, (_, i) => {
    const theirs = figures[i + 1] ?? Number.NaN
    const times = better === 'higher' ? ours / theirs : theirs / ours
    return Number.isFinite(times) && times > 0 ? times : undefined
  })
}

/** The rows as text, sides without any figure left out. `× name`: how many times better the first side is. */
export function tableText(names: readonly string[], rows: readonly Row[]): string {
  const has = names.map((_, i) => i === 0 || rows.some(({ figures }) => Number.isFinite(figures[i])))
  const peers = [...names.keys()].slice(1).filter(i => has[i])
  const lines = [['work', 'unit', names[0]!, ...peers.map(i => names[i]!), ...peers.map(i => `× ${names[i]}`)]]
  for (const row of rows) {
    const times = ratios(row, names.length)
    const figures = [0, ...peers].map(i => shown(row.figures[i] ?? Number.NaN))
    lines.push([row.work, row.unit, ...figures, ...peers.map(i => times[i - 1]?.toFixed(2) ?? '-')])
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const padded = (cell: string, i: number) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
  return lines.map(line => `${line.map(padded).join('  ').trimEnd()}\n`).join('')
}
