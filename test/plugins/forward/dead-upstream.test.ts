/** #18: one of two upstreams is a black hole. The first client pays once, the others nothing, and nobody is lost. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { answer, type Script } from '../../harness/fake-upstream.ts'
import { timed, withBlock } from './block.ts'

const FIRST = 40
const LATER = 500
const AT_ONCE = 10
const SLOW_MS = 200
/** One question in ten may be put to a second upstream early, and 20 more in a burst. */
const HEDGED = (FIRST + LATER) / 10 + 20
const MOST_MS = 1000

const silent: Script = () => undefined
const alive: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.2`])

for (const { policy, stream } of [
  { policy: 'random', stream: false },
  { policy: 'sequential', stream: false },
  { policy: 'sequential', stream: true },
]) {
  test(`#18 ${policy}, over ${stream ? 'TCP' : 'UDP'}: 40 questions, one of them slow; of 500 more 1 % at most; none lost`, () =>
    withBlock([silent, alive], `forward . %1 %2 {\npolicy ${policy}\n}`, async ({ ask, upstreams }) => {
      const times: number[] = []
      const question = async (name: string) => {
        const [found, tookMs] = await timed(ask(name, {}, stream))
        equal(found, `NOERROR rd ra\n;; ANSWER\n${name}. 60 IN A 192.0.2.2`)
        times.push(tookMs)
      }
      for (let i = 0; i < FIRST; i++) await question(`n${i}.example`)
      ok(Math.max(...times) < MOST_MS, `the slowest took ${Math.max(...times)} ms`)
      ok(times.filter(ms => ms > SLOW_MS).length <= 1, `${times.filter(ms => ms > SLOW_MS)} ms`)
      times.length = 0
      for (let i = 0; i < LATER; i += AT_ONCE) {
        await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => question(`m${i + j}.example`)))
      }
      const slow = times.filter(ms => ms > SLOW_MS)
      ok(slow.length <= LATER / 100, `${slow.length} of ${LATER} took ${slow} ms`)
      const wasted = upstreams[0]!.asked.filter(one => one.type === 'A').length
      ok(wasted <= HEDGED, `${wasted} questions were put to the dead one`)
    }))
}

test.run()
