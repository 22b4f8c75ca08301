/** The lines of `dnsperf -v`, counted. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Latencies } from '../../bench/latencies.ts'

const taken = (lines: readonly string[]) => {
  const found = new Latencies()
  for (const line of lines) found.take(line)
  return found
}

test('answers, what was lost, and what is none of both', () => {
  const found = taken(['> NOERROR a.test A 0.000123', '> T b.test A', 'Statistics:', '> NXDOMAIN c.test A 0.007'])
  assert.is(found.answered, 2)
  assert.is(found.lost, 1)
  assert.equal(
    [...found.rcodes],
    [
      ['NOERROR', 1],
      ['NXDOMAIN', 1],
    ],
  )
  assert.is(found.maxMs, 7)
  assert.is(found.overOfMillion(5), 500_000)
})

test('percentiles to 0.01 ms, none above the longest', () => {
  const found = taken(Array.from({ length: 1000 }, (_, i) => `> NOERROR a.test A ${((i + 1) / 1e6).toFixed(6)}`))
  assert.ok(Math.abs(found.p50Ms - 0.5) <= 0.011, `${found.p50Ms}`)
  assert.ok(Math.abs(found.p99Ms - 0.99) <= 0.011, `${found.p99Ms}`)
  assert.is(found.p999Ms, 1)
  assert.is(found.maxMs, 1)
})

test('longer than the last bucket: counted there', () => {
  const found = taken(['> NOERROR a.test A 2.5'])
  assert.is(found.maxMs, 2500)
  assert.ok(found.p50Ms <= 2000)
})

test('no answer has no percentile', () => {
  assert.ok(Number.isNaN(taken([]).p50Ms))
})

test.run()
