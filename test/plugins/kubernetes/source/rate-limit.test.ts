/** `apiserver_qps`, `apiserver_burst` and `apiserver_max_inflight`, each by itself: when requests are let through. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RateLimit, type RateLimitSettings } from '../../../../plugins/kubernetes/source/rate-limit.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))
const { signal } = new AbortController()

/** A limit, and the requests that it let through so far. */
function limited(over: Partial<RateLimitSettings>) {
  const clock = new FakeClock()
  const limit = new RateLimit(clock, { qps: 0, burst: 0, maxInflight: 0, ...over })
  const through: (() => void)[] = []
  const ask = (count: number) => {
    for (let i = 0; i < count; i++) void limit.take(signal).then(answered => through.push(answered))
  }
  const after = async (ms: number) => {
    clock.advance(ms)
    await turn()
    return through.length
  }
  return { ask, after, through }
}

const rates: { name: string; over: Partial<RateLimitSettings>; atOnce: number; perSecond: number }[] = [
  { name: 'no limit', over: {}, atOnce: 40, perSecond: 0 },
  { name: 'qps and burst', over: { qps: 2, burst: 3 }, atOnce: 3, perSecond: 2 },
  { name: 'qps alone: client-go bursts to 10', over: { qps: 4 }, atOnce: 10, perSecond: 4 },
  { name: 'burst alone: client-go goes on with 5', over: { burst: 20 }, atOnce: 20, perSecond: 5 },
  { name: 'less than one a second', over: { qps: 0.5, burst: 1 }, atOnce: 1, perSecond: 0.5 },
]
for (const { name, over, atOnce, perSecond } of rates) {
  test(`${name}: ${atOnce} of 40 requests at once`, async () => {
    const { ask, after } = limited(over)
    ask(40)
    assert.is(await after(0), atOnce)
    assert.is(await after(4_000), Math.min(40, atOnce + 4 * perSecond))
    assert.is(await after(4_000), Math.min(40, atOnce + 8 * perSecond))
  })
}

test('what was not used comes back, up to the burst', async () => {
  const { ask, after } = limited({ qps: 2, burst: 3 })
  ask(3)
  await after(60_000)
  ask(9)
  assert.is(await after(0), 6)
})

test('max_inflight alone: the next is let through once one was answered', async () => {
  const { ask, after, through } = limited({ maxInflight: 2 })
  ask(5)
  assert.is(await after(60_000), 2)
  through[0]!()
  assert.is(await after(0), 3)
  through[1]!()
  through[2]!()
  assert.is(await after(0), 5)
  for (const answered of through.slice(3)) answered()
  ask(3)
  assert.is(await after(0), 7)
})

test.run()
