import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Target } from '../../bench/dnsperf.ts'
import { inTurns, mediansOf, rowsOf } from '../../bench/turns.ts'

const test = suite('bench/turns')

const target = (name: string): Target => ({ name, address: '127.0.0.1', port: 53, pid: 1 })

test('sides are measured in turns, every other round the other way round, and one that is missing is left out', async () => {
  const asked: string[] = []
  const runs = await inTurns([target('a'), undefined, target('b')], 3, async ({ name }) => {
    asked.push(name)
    return asked.length
  })
  assert.is(asked.join(''), 'abbaab')
  assert.equal(runs, [[1, 4, 5], [], [2, 3, 6]])
})

test('each column has the median of its own', () => {
  const columns = [
    { unit: 'x', better: 'lower' as const, of: ([x]: number[]) => x! },
    { unit: 'y', better: 'higher' as const, of: ([, y]: number[]) => y! },
  ]
  const runs = [
    [
      [1, 9],
      [2, 7],
      [3, 8],
    ],
    [],
  ]
  assert.equal(mediansOf('w', columns, runs), [
    { work: 'w', unit: 'x', better: 'lower', figures: [2, Number.NaN] },
    { work: 'w', unit: 'y', better: 'higher', figures: [8, Number.NaN] },
  ])
  assert.equal(rowsOf('w', columns.slice(0, 1), [[5, 0], undefined])[0]!.figures, [5, Number.NaN])
})

test.run()
