/** docs/standards.md says which test has which row: held to the tests, and the list of rows to being whole. */
import { equal, ok } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'uvu'

const ROOT = join(import.meta.dirname, '../..')
const document = readFileSync(join(ROOT, 'docs/standards.md'), 'utf8')

/** Rows of each group; those that are elsewhere, as the document says, are left out. */
const GROUPS: Readonly<Record<string, number>> = { A: 10, B: 7, C: 14, D: 13, E: 18, F: 33, G: 14, H: 13, I: 9 }
const ELSEWHERE = ['C14', 'H12', 'H13']

const byNumber = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true })

/** The rows that a test file names: as `id`, or first in the name of a test. */
function rowsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, 'test/rfc', file), 'utf8')
  const named = text.matchAll(/\bid: '([A-I]\d+)|\w\([`']([A-I]\d+)[ :]/g)
  return [...new Set([...named].map(([, id, first]) => id ?? first!))].sort(byNumber)
}

const listed = new Map(
  [...document.matchAll(/^\| [^|]+ \| `([\w-]+)` +\| ([^|]+?) +\|$/gm)].map(([, file, rows]) => [
    `${file}.test.ts`,
    rows === '–' ? [] : rows!.split(' '),
  ]),
)

test('every test of a standard is listed, with its rows', () => {
  const files = globSync('*.test.ts', { cwd: join(ROOT, 'test/rfc') }).filter(
    file => file !== basename(import.meta.filename),
  )
  ok(files.length > 30)
  equal([...listed.keys()].sort().join(), files.sort().join())
  for (const file of files) equal(rowsOf(file).join(' '), listed.get(file)!.join(' '), file)
})

test('every row has a test', () => {
  const tested = new Set([...listed.values()].flat())
  const all = Object.entries(GROUPS).flatMap(([group, count]) =>
    Array.from({ length: count }, (_, i) => `${group}${i + 1}`),
  )
  equal(all.filter(row => !tested.has(row)).join(), ELSEWHERE.join())
  for (const row of ELSEWHERE) ok(document.includes(row), row)
})

test.run()
