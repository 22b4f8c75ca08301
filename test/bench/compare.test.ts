import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { worse, worseText } from '../../bench/compare.ts'
import { type Results, resultsOf } from '../../bench/results.ts'
import type { Row } from '../../bench/table.ts'

const test = suite('bench/compare')

/** A run as it is after it was written and read again. */
function kept(sides: string[], ...rows: Row[]): Results {
  return JSON.parse(JSON.stringify(resultsOf(sides, rows, { rounds: 5, seconds: 3 }))) as Results
}
const cpu = (...figures: number[]): Row => ({ work: 'kube mix', unit: 'CPU µs/query', better: 'lower', figures })
const speed = (...figures: number[]): Row => ({ work: 'kube mix', unit: 'queries/s', better: 'higher', figures })
const SIDES = ['sextant', 'coredns', 'knot']

test('a ratio that fell by more than the threshold is told, with both', () => {
  const before = kept(SIDES, cpu(2, 16, 3), speed(300, 60, 200))
  const now = kept(SIDES, cpu(2.5, 16, 3.6), speed(200, 60, 190))
  assert.equal(worse(before, now, 0.15), [
    { work: 'kube mix', unit: 'CPU µs/query', peer: 'coredns', before: 8, now: 6.4 },
    { work: 'kube mix', unit: 'queries/s', peer: 'coredns', before: 5, now: 200 / 60 },
    { work: 'kube mix', unit: 'queries/s', peer: 'knot', before: 1.5, now: 200 / 190 },
  ])
})

test('a machine that is half as fast for all sides is no regression', () => {
  assert.equal(worse(kept(SIDES, cpu(2, 16, 3)), kept(SIDES, cpu(4, 32, 6)), 0.01), [])
})

test('what got better, or worse by no more than the threshold, is not told', () => {
  const before = kept(SIDES, cpu(2, 16, 3))
  assert.equal(worse(before, kept(SIDES, cpu(1, 16, 3)), 0.15), [])
  assert.equal(worse(before, kept(SIDES, cpu(2, 14, 3)), 0.15), [])
})

test('peers are found by name, wherever they stand', () => {
  const now = kept(['sextant', 'knot', 'coredns'], cpu(4, 3, 16))
  const found = worse(kept(SIDES, cpu(2, 16, 3)), now, 0.15)
  assert.equal(
    found.map(({ peer, before, now: is }) => [peer, before, is]),
    [
      ['knot', 1.5, 0.75],
      ['coredns', 8, 4],
    ],
  )
})

test('rows, peers and ratios that only one of both has are nothing to compare', () => {
  const before = kept(SIDES, cpu(2, Number.NaN, 3), speed(300, 60, 200))
  const now = kept(['sextant', 'coredns', 'other'], cpu(9, 9, 9), { ...speed(1, 1, 1), work: 'another' })
  assert.equal(worse(before, now, 0.15), [])
})

test('a side without a figure is null in what is kept', () => {
  const { rows } = kept(SIDES, cpu(2, Number.NaN))
  assert.equal(rows[0]!.figures, [2, null, null])
  assert.equal(rows[0]!.ratios, [null, null])
})

test('people are told what was and what is', () => {
  assert.is(worseText([], 0.15), 'no ratio is worse by more than 15 %\n')
  const one = { work: 'kube mix', unit: 'CPU µs/query', peer: 'knot', before: 1.5, now: 0.75 }
  assert.is(worseText([one], 0.1), 'worse by more than 10 %:\n  kube mix, CPU µs/query: × knot was 1.50, is 0.75\n')
})

test.run()
