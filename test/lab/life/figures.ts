/** What was found under load, for the table at the end of `lab life`. */

export interface Figures {
  asked: number
  /** Given up by the C library after its retries. */
  failed: number
  /** Datagrams that brought no answer, or none in time. */
  lost: number
  /** The longest time in which a pod got no answer, ms. */
  gap: number
}

interface Row extends Figures {
  what: string
}

const rows: Row[] = []
const remarks: string[] = []

export function record(what: string, figures: Figures): void {
  rows.push({ what, ...figures })
}

/** A figure that is none of lookups: a line below the table. */
export function remark(text: string): void {
  remarks.push(text)
}

/** Empty where nothing was recorded. */
export function figuresTable(): string {
  if (rows.length === 0) return remarks.join('\n')
  const widest = Math.max(...rows.map(({ what }) => what.length))
  const columns = ['lookups', 'failed', 'lost datagrams', 'longest gap, ms']
  const line = (what: string, cells: readonly string[]): string =>
    `${what.padEnd(widest)}${cells.map((cell, i) => cell.padStart(columns[i]!.length + 2)).join('')}`
  const number = (value: number): string => value.toLocaleString('en-US')
  const body = rows.map(({ what, asked, failed, lost, gap }) => line(what, [asked, failed, lost, gap].map(number)))
  return [line('', columns), ...body, ...remarks].join('\n')
}
