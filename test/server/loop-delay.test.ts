/** The metric of long turns, as a scrape shows it: in this thread, and in another one beside it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { samples } from '../../plugins/prometheus/exposition.ts'
import { watchLoop } from '../../server/loop-delay.ts'
import { families } from '../../server/metrics.ts'
import { corefile, makeThreadBundle, removeThreadBundle, tellAnother, until, withThreads } from '../harness/census.ts'

const NAME = 'sextant_event_loop_delay_seconds'
const MAX = 'sextant_event_loop_delay_max_seconds'

const test = suite('loop delay')
test.before(async () => {
  await makeThreadBundle()
  watchLoop()
  watchLoop() // counts nothing twice
})
test.after(removeThreadBundle)

/** Turns of more than so many seconds. */
function longer(than: number): number {
  families.get(MAX)!.refresh!()
  const all = samples(families.get(NAME)!)
  const of = (suffix: string, le?: number) =>
    all.find(
      ({ metricName, labels }) => metricName === NAME + suffix && (le === undefined || Number(labels.le) === le),
    )!
  return of('_count').value - of('_bucket', than).value
}

function longest(): number {
  families.get(MAX)!.refresh!()
  return samples(families.get(MAX)!)[0]!.value
}

/** Works for so long, in a turn of its own. */
async function work(ms: number): Promise<void> {
  await sleep(1)
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
  await sleep(1)
}

test('a turn of 30 ms is in its bucket, and is the longest until somebody has looked', async () => {
  await sleep(1)
  const before = longer(0.02)
  longest()
  await work(30)
  assert.ok(longer(0.02) > before) // others may hold this thread up as well
  const found = longest()
  assert.ok(found >= 0.03, `${found}`)
  await sleep(1)
  const next = longest()
  assert.ok(next < found, `${next} after ${found}`)
})

test('waiting is no turn', async () => {
  await sleep(1)
  const before = longer(0.1)
  await sleep(250)
  assert.is(longer(0.1), before)
})

test('a scrape shows the longest turn of all threads', async () => {
  await withThreads(corefile(2), async server => {
    longest()
    await tellAnother(server, 'hold')
    await until(() => longest() >= 0.2, 'the longest turn')
  })
})

test.run()
