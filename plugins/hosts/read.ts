/** The text of a hosts file, and what the Corefile adds to it, line by line into a table. */
import { type HostsLine, parseLine } from './line.ts'
import type { HostsTable } from './table.ts'

const NEWLINE = 0x0a

/** Fills a table, and yields after each line: whoever fills a large one lets others have their turn there. */
export function* fill(table: HostsTable, text: Buffer, more: readonly HostsLine[]): Generator<void> {
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf(NEWLINE, at)
    const end = newline < 0 ? text.length : newline
    const line = parseLine(text.toString('utf8', at, end))
    if (line !== undefined) table.add(line.address, line.names)
    at = end + 1
    yield
  }
  for (const { address, names } of more) table.add(address, names)
}
