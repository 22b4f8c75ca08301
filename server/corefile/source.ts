/**
 * The text of one configuration file and positions in it. Errors find their source line here.
 * Lines and columns are 1-based; a column counts UTF-16 code units, as editors do. A leading byte order mark is not text.
 */

/** One file as it was read. `file` is the name that errors show: the path as given, relative or absolute. */
export class Source {
  readonly file: string
  readonly text: string
  #lineStarts: number[] | undefined

  constructor(file: string, text: string) {
    this.file = file
    this.text = text.startsWith('\uFEFF') ? text.slice(1) : text
  }

  /** The text of a 1-based line without its line end; empty past the last line. */
  line(number: number): string {
    this.#lineStarts ??= findLineStarts(this.text)
    const start = this.#lineStarts[number - 1]
    if (start === undefined) return ''
    const next = this.#lineStarts[number]
    const line = this.text.slice(start, next === undefined ? this.text.length : next - 1)
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }
}

/** Where something stands: `length` code units from `line` and `column` of a source. */
export interface Position {
  readonly source: Source
  readonly line: number
  readonly column: number
  readonly length: number
  /** References to environment variables that are not set, as written: `{$NAME}`. Errors here name them. */
  readonly unset?: readonly string[]
}

function findLineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
