/** RFC 9520, Negative Caching of DNS Resolution Failures. */
import { equal, match } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { makeTheClockMovable, skip } from '../harness/time-travel.ts'
import { asked, probe } from './probe.ts'

makeTheClockMovable()
const test = suite('RFC 9520')
const made = probe(test, [], {
  script: one => (one.name.startsWith('silent') ? undefined : answer(one, [], { rcode: 'SERVFAIL' })),
})

for (const name of ['broken.up.test', 'silent.up.test']) {
  test(`I5 M RFC 9520 §3.2: a failure is kept for a second at least, and less than five minutes: ${name}`, async () => {
    const { world } = made
    const ask = { name, opt: {} }
    match(await asked(world, ask), /^SERVFAIL/)
    const first = world.upstream.asked.length
    skip(1)
    match(await asked(world, ask), /^SERVFAIL rd ra\n;; OPT 1232 ede=/)
    equal(world.upstream.asked.length, first)
    skip(299)
    match(await asked(world, ask), /^SERVFAIL/)
    equal(world.upstream.asked.length > first, true)
  })
}

test.run()
