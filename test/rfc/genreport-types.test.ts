/** The types that ISC's genreport asks a zone for (its group TYPE, RFC 8906 §8.1.2): each is a question like any other. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { NODATA } from './replies.ts'

const test = suite('genreport types')
/** A to LOC, but NS, SOA and ANY's like; then the others up to DOA, DLV, and two that are nothing. */
const TYPES = [
  1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 33, 35, 36,
  37, 38, 39, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 59, 60, 61, 62, 99, 104, 105, 106, 107, 108, 109, 256,
  257, 258, 259, 666, 1000, 32_769,
]

const rows: Row[] = TYPES.map(type => ({
  id: 'E1',
  level: 'M',
  source: 'RFC 8906 §8.1.2',
  what: `type ${type}`,
  ask: { name: Z, type },
  is: NODATA,
}))
probe(test, rows)

test.run()
