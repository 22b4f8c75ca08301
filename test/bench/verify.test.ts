import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Run } from '../../bench/dnsperf.ts'
import type { Question } from '../../bench/mix.ts'
import { verifyAnswered, verifyShares } from '../../bench/verify.ts'

const test = suite('bench/verify')

const target = { name: 'sextant', address: '127.0.0.1', port: 53, pid: 1 }
const question = (rcode: Question['rcode']): Question => ({ name: 'a', type: 'A', rcode, answers: 0 })
/** Nine of ten exist. */
const questions = Array.from({ length: 1_000 }, (_, i) => question(i % 10 === 0 ? 'NXDOMAIN' : 'NOERROR'))
const shares = (...of: [string, number][]) => verifyShares(target, questions, new Map(of))

test('shares of rcodes are those of the questions, give or take one of a hundred', () => {
  shares(['NOERROR', 905], ['NXDOMAIN', 95])
  assert.throws(
    () => shares(['NOERROR', 920], ['NXDOMAIN', 80]),
    /sextant: 92.0 % of the replies were NOERROR, expected 90.0 %/,
  )
  assert.throws(() => shares(['NOERROR', 880], ['NXDOMAIN', 100], ['SERVFAIL', 20]), /88.0 %/)
})

test('a run without a reply proves nothing', () => {
  assert.throws(() => shares(), /no replies/)
  assert.throws(() => verifyAnswered(target, { completed: 0, rcodes: new Map() } as unknown as Run))
})

test('of names that all exist, one of a hundred may fail', () => {
  const run = (failed: number) =>
    ({ completed: 1_000, rcodes: new Map([['NOERROR', 1_000 - failed]]) }) as unknown as Run
  verifyAnswered(target, run(10))
  assert.throws(() => verifyAnswered(target, run(11)), /11 of 1000 replies are no answers/)
})

test.run()
