/** RFC 8767, Serving Stale Data to Improve DNS Resiliency. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { text } from '../harness/message.ts'
import { makeTheClockMovable, skip } from '../harness/time-travel.ts'
import { asked, probe } from './probe.ts'
import { plainUpstream } from './world.ts'

makeTheClockMovable()
const test = suite('RFC 8767')
const CLIENT_TIMER_MS = 1800
const opt = {}
let isDead = false
const made = probe(test, [], {
  cache: 'cache 3600 {\nserve_stale\n}',
  script(one) {
    if (isDead) return undefined
    return one.name.startsWith('no') ? plainUpstream(one) : answer(one, [`${one.spelled} 60 A 192.0.2.1`])
  },
})

for (const { name, stale } of [
  { name: 'www.up.test', stale: 'NOERROR rd ra\n;; OPT 1232 ede=3\n;; ANSWER\nwww.up.test. 30 IN A 192.0.2.1' },
  {
    name: 'none.up.test',
    stale: text`NXDOMAIN rd ra
    ;; OPT 1232 ede=19
    ;; AUTHORITY
    up.test. 30 IN SOA ns.up.test. hostmaster.up.test. SERIAL 7200 900 1209600 60`,
  },
]) {
  test(`I9 S RFC 8767 §5: when no upstream answers, what has ended is served after 1.8 s, with TTL 30: ${name}`, async () => {
    const { world } = made
    isDead = false
    await asked(world, { name, opt })
    skip(1000)
    isDead = true
    const startedAtMs = performance.now()
    equal(await asked(world, { name, opt }), stale)
    const tookMs = performance.now() - startedAtMs
    ok(tookMs > CLIENT_TIMER_MS - 100 && tookMs < 2 * CLIENT_TIMER_MS, `${tookMs} ms`)

    const queries = world.upstream.asked.length
    equal(await asked(world, { name, opt }), stale)
    equal(world.upstream.asked.length, queries, 'within 30 s of a failure nobody is asked again')
  })

  test(`I9 S RFC 8767 §5: nothing is served that ended days ago: ${name}`, async () => {
    skip(4 * 86_400)
    ok((await asked(made.world, { name, opt })).startsWith('SERVFAIL'))
  })
}

test.run()
