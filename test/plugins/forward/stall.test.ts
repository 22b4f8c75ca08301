/** #38: an upstream stalls while questions go on: the excess is refused at once, everybody else is served as before. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { type Asked, answer, type Script } from '../../harness/fake-upstream.ts'
import { query } from '../../harness/message.ts'
import { timed, withBlock } from './block.ts'

const LIMIT = 1000
const EXCESS = 500
const rcodeOf = (reply: Uint8Array) => reply[3]! & 15
const [NOERROR, SERVFAIL, REFUSED] = [0, 2, 5]
/** Each question from a client of its own: shares of clients are not what this is about. */
const clientOf = (i: number) => `10.0.${i >> 8}.${i & 255}`
/** Whatever a TTL has become meanwhile. */
const aged = (reply: string) => reply.replace(/ \d+ IN /g, ' TTL IN ')
const good = (asked: Asked) => answer(asked, [`${asked.name} 300 A 192.0.2.1`])

const block = (extra = '') => `
  cache
  forward stalled.test %1 {
    max_concurrent ${LIMIT}
    read_timeout 800ms
    max_connect_attempts 1
    max_fails 0
    ${extra}
  }
  forward . %2`

test('#38 the excess is REFUSED and not kept, cached names and other zones are answered, then all is as before', () => {
  let stalls = false
  const stalling: Script = asked => (stalls ? undefined : good(asked))
  return withBlock([stalling, good], block(), async ({ ask, send, upstreams }) => {
    const kept = await ask('kept.stalled.test')
    stalls = true
    const all = Array.from({ length: LIMIT + EXCESS }, (_, i) =>
      timed(send(query(`n${i}.stalled.test`), false, clientOf(i))),
    )
    const refused = await Promise.all(all.slice(LIMIT))
    deepEqual([...new Set(refused.map(([reply]) => rcodeOf(reply)))], [REFUSED])
    ok(Math.max(...refused.map(([, tookMs]) => tookMs)) < 700, 'the excess waits for nobody')
    for (let i = 0; i < 50; i++) {
      const [found, tookMs] = await timed(Promise.all([ask('kept.stalled.test'), ask(`n${i}.other.test`)]))
      equal(aged(found[0]), aged(kept))
      ok(found[1].startsWith('NOERROR'))
      ok(tookMs < 500, `took ${tookMs} ms`)
    }
    const waited = await Promise.all(all.slice(0, LIMIT))
    deepEqual([...new Set(waited.map(([reply]) => rcodeOf(reply)))], [SERVFAIL])
    ok(Math.max(...waited.map(([, tookMs]) => tookMs)) < 4500)
    stalls = false
    equal(rcodeOf(await send(query(`n${LIMIT}.stalled.test`))), NOERROR) // what was refused is asked for at once
    equal(upstreams[1]!.asked.length, 50)
  })
})

test('#38 a thousand clients who want what is stalled wait in one place', () =>
  withBlock([() => undefined, good], block(), async ({ send, upstreams }) => {
    const all = Array.from({ length: LIMIT }, (_, i) => send(query('www.stalled.test'), false, clientOf(i)))
    const more = await Promise.all(
      Array.from({ length: EXCESS }, (_, i) => send(query('www.stalled.test'), false, clientOf(LIMIT + i))),
    )
    deepEqual([...new Set(more.map(rcodeOf))], [REFUSED])
    deepEqual([...new Set((await Promise.all(all)).map(rcodeOf))], [SERVFAIL])
    equal(upstreams[0]!.asked.length, 1)
  }))

test.run()
