import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ladderRows } from '../../bench/ladder/ladder.ts'
import { RUNGS } from '../../bench/ladder/rungs.ts'
import { ladderCases } from '../../bench/micro/ladder.ts'

const test = suite('bench/ladder')

test('each rung is compared with the one that it stands on', () => {
  const rungs = [{ name: 'echo' }, { name: 'refused' }, { name: 'whoami' }, { name: 'kubernetes', onto: 1 }]
  const rows = ladderRows('ladder', 'ns', [2000, 2300, 3000, 2800], rungs)
  assert.equal(
    rows.map(({ work, unit, figures }) => `${work}, ${unit}: ${figures}`),
    [
      'ladder: echo, ns: 2000',
      'ladder: refused, ns: 2300',
      'ladder: refused, more ns: 300',
      'ladder: whoami, ns: 3000',
      'ladder: whoami, more ns: 700',
      'ladder: kubernetes, ns: 2800',
      'ladder: kubernetes, more ns: 500',
    ],
  )
})

test('a rung without a figure has no row, and who stands on it no difference', () => {
  const rows = ladderRows('ladder', 'ns', [Number.NaN, 90, 120], [{ name: 'a' }, { name: 'b' }, { name: 'c' }])
  assert.equal(
    rows.map(({ work, figures }) => `${work} ${figures}`),
    ['ladder: b 90', 'ladder: c 120', 'ladder: c 30'],
  )
})

test('the steps in process have names of the rungs, in their order', () => {
  const names = RUNGS.map(({ name }) => name)
  const places = ladderCases().map(({ name }) => names.indexOf(name))
  assert.ok(places.length > 5 && places.every(place => place >= 0))
  assert.equal(
    places,
    places.toSorted((a, b) => a - b),
  )
})

test.run()
