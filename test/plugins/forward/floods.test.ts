/** Many at once: what is bounded stays bounded, and a forger gets nothing. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { deadlines } from '../../../server/wheel.ts'
import { answer, type Script } from '../../harness/fake-upstream.ts'
import { query } from '../../harness/message.ts'
import { timed, withBlock } from './block.ts'

/** Each question from a client of its own. */
const clientOf = (i: number) => `10.0.${i >> 8}.${i & 255}`

test('#36 20,000 names and a silent upstream: 6,144 wait, the rest is REFUSED at once, then all is forgotten', () =>
  withBlock(
    [() => undefined],
    'forward . %1 {\nread_timeout 1s\nmax_connect_attempts 1\nmax_fails 0\n}',
    async ({ send }) => {
      const before = process.memoryUsage().rss
      let early = 0
      const startedAtMs = performance.now()
      const all = Array.from({ length: 20_000 }, (_, i) =>
        send(query(`n${i}.example`), false, clientOf(i)).then(reply => {
          if (waiting) early++
          return reply[3]! & 15
        }),
      )
      let waiting = true
      await new Promise(resolve => setImmediate(resolve))
      waiting = false
      equal(early, 20_000 - 6144)
      ok(process.memoryUsage().rss - before < 300e6)
      deepEqual([...new Set(await Promise.all(all))].sort(), [2, 5])
      ok(performance.now() - startedAtMs < 60_000)
      // What still turns in the wheel are the sockets' own deadlines.
      ok(deadlines() < 5, `${deadlines()} deadlines`)
    },
  ))

test('#36 a limit that the Corefile sets above the default one is obeyed', () =>
  withBlock(
    [() => undefined],
    'forward . %1 {\nread_timeout 1s\nmax_connect_attempts 1\nmax_fails 0\nmax_concurrent 7000\n}',
    async ({ send }) => {
      const rcodes = await Promise.all(
        Array.from({ length: 7100 }, (_, i) =>
          send(query(`n${i}.example`), false, clientOf(i)).then(reply => reply[3]! & 15),
        ),
      )
      equal(rcodes.filter(rcode => rcode === 5).length, 100)
    },
  ))

test('without health checks a suspect upstream gets a second chance', async () => {
  let alive = false
  const first: Script = asked => (alive ? answer(asked, [`${asked.name} 9 A 192.0.2.1`]) : undefined)
  const second: Script = asked => answer(asked, [`${asked.name} 9 A 192.0.2.2`])
  await withBlock(
    [first, second],
    'forward . %1 %2 {\npolicy sequential\nmax_fails 0\n}',
    async ({ ask, upstreams }) => {
      await ask('a.example')
      alive = true
      for (
        const endMs = performance.now() + 10_000;
        performance.now() < endMs;
        await new Promise(r => setTimeout(r, 50))
      ) {
        const [found, tookMs] = await timed(ask('b.example'))
        ok(tookMs < 700, `took ${tookMs} ms`)
        if (found.includes('192.0.2.1')) return
      }
      throw new Error(`not asked again: ${upstreams[0]!.log}`)
    },
  )
})

test.run()
