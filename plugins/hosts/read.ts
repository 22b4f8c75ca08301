/** The text of a hosts file, and what the Corefile adds to it, line by line into a table. */
import { type HostsLine, parseLine } from './line.ts'
import type { HostsTable } from './table.ts'

const NEWLINE = 0x0a
const NOTHING = Buffer.alloc(0)
/** Of a longer line each piece would be copied again: it is none. */
const MAX_LINE_BYTES = 1 << 20

/** Takes a text in pieces. Yields after each line: whoever fills a large table lets others have their turn there. */
export class Filling {
  readonly table: HostsTable
  /** The beginning of a line whose end is still to come. */
  #rest: Buffer = NOTHING

  constructor(table: HostsTable) {
    this.table = table
  }

  *take(piece: Buffer): Generator<void> {
    const text = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    let at = 0
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, at)) {
      this.#add(text.toString('utf8', at, end))
      at = end + 1
      yield
    }
    this.#rest = text.subarray(at)
    if (this.#rest.length > MAX_LINE_BYTES) throw new Error(`a line of more than ${MAX_LINE_BYTES} octets`)
  }

  /** The text is over; `more` are lines that follow it. */
  end(more: readonly HostsLine[]): HostsTable {
    this.#add(this.#rest.toString())
    for (const { address, names } of more) this.table.add(address, names)
    return this.table
  }

  #add(text: string): void {
    const line = parseLine(text)
    if (line !== undefined) this.table.add(line.address, line.names)
  }
}
