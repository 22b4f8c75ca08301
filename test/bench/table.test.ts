import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { median, type Row, ratios, shown, tableText } from '../../bench/table.ts'

const test = suite('bench/table')

test('the median of an odd, an even and no number of values', () => {
  assert.is(median([3, 1, 2]), 2)
  assert.is(median([4, 1, 3, 2]), 2.5)
  assert.ok(Number.isNaN(median([])))
})

test('figures are shown with three digits, and whole where they are large', () => {
  const cases: [figure: number, text: string][] = [
    [0, '0'],
    [2.6543, '2.65'],
    [123.45, '123'],
    [1234.5, '1,235'],
    [-1234.5, '-1,234'],
    [Number.NaN, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ]
  for (const [figure, text] of cases) assert.is(shown(figure), text)
})

test('a ratio says how many times better the first side is', () => {
  const row = (better: Row['better'], ...figures: number[]): Row => ({ work: 'w', unit: 'u', better, figures })
  assert.equal(ratios(row('lower', 2, 8, 1)), [4, 0.5])
  assert.equal(ratios(row('higher', 300, 100)), [3])
  assert.equal(ratios(row('lower', 2, Number.NaN, 0)), [undefined, undefined], 'no figure, and nothing to divide')
  assert.equal(ratios(row('lower', 2, 4), 4), [2, undefined, undefined], 'sides at the end that are missing')
})

test('the table leaves out a side without any figure, and no ratio is shifted by that', () => {
  const rows: Row[] = [
    { work: 'kube mix', unit: 'CPU µs', better: 'lower', figures: [2, 8, Number.NaN, 3] },
    { work: 'ladder', unit: 'ns', better: 'lower', figures: [500] },
  ]
  assert.equal(tableText(['sextant', 'coredns', 'unbound', 'knot'], rows).split('\n'), [
    'work      unit    sextant  coredns  knot  × coredns  × knot',
    'kube mix  CPU µs     2.00     8.00  3.00       4.00    1.50',
    'ladder    ns          500        -     -          -       -',
    '',
  ])
})

test.run()
