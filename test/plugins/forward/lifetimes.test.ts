/** What ends with an upstream, a question or a configuration, and what goes on. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin } from '../../../plugins/forward/forward.ts'
import type { Exchange } from '../../../plugins/forward/transport/exchange.ts'
import { Echoes } from '../../../plugins/forward/upstream/echo.ts'
import { inquire } from '../../../plugins/forward/upstream/inquiry.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { answer, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { chainOf } from '../../harness/stage.ts'
import { makeTheClockMovable, nextTick, skip } from '../../harness/time-travel.ts'
import { upstreamOf, withBlock } from './block.ts'

makeTheClockMovable()

const good: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.1`])
const inLowerCase: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.2`], { question: asked.name })
const silent: Script = () => undefined
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Runs `task` while something keeps the process alive, as listeners do. */
async function awake(task: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 1 << 30)
  await task().finally(() => clearInterval(timer))
}

test('an upstream that is not in the list any more is not checked, although questions to it fail still', () =>
  awake(async () => {
    const fake = await fakeUpstream(silent)
    const upstream = upstreamOf(`forward . ${fake.address} {\nhealth_check 20ms\n}`)
    const late = { sentAtMs: performance.now(), heardAtMs: 0, isCheck: false } as Exchange
    upstream.close()
    upstream.standing.failed(late)
    await sleep(200)
    equal(fake.asked.length, 0)
    await fake.close()
  }))

test('an upstream that looped is not asked again once it is not in the list any more', () =>
  awake(async () => {
    const fake = await fakeUpstream(silent)
    const upstream = upstreamOf(`forward . ${fake.address}`)
    const echoes = new Echoes(upstream, { pauseMs: 20, tokenMs: 20 })
    echoes.confirm({ qnameText: 'a.b.', nameFrom: () => nameFromText('.') } as never)
    match(upstream.disabled!, /^loop/)
    echoes.end()
    upstream.close()
    await sleep(200)
    equal(fake.asked.length, 0)
    await fake.close()
  }))

test('a connection is not kept open for a question of our own that nobody answered', () =>
  awake(async () => {
    const fake = await fakeUpstream(silent)
    const upstream = upstreamOf(`forward . ${fake.address} {\nforce_tcp\n}`)
    const asked = inquire(upstream, nameFromText('www.example.'), TYPE.HINFO, 0)
    while (fake.asked.length === 0) await sleep(5)
    skip(2.1)
    equal(await asked, false)
    equal(fake.open, 1)
    skip(11)
    await nextTick()
    await sleep(50)
    equal(fake.open, 0)
    upstream.close()
    await fake.close()
  }))

test('a socket that takes no more queries waits as long as a question does', () => {
  const asked: (() => void)[] = []
  return withBlock(
    [silent],
    'forward . %1 {\nread_timeout 20s\nmax_connect_attempts 1\n}',
    async ({ ask, upstreams }) => {
      const [upstream] = upstreams
      upstream!.script = question => {
        const { port } = question
        asked.push(() => upstream!.volunteer(answer(question, [`${question.name} 60 A 192.0.2.1`]), port))
        return undefined
      }
      const reply = ask('www.example')
      while (asked.length === 0) await sleep(5)
      for (let i = 0; i < 3; i++) {
        skip(5) // idle for longer than `expire`
        await nextTick()
      }
      asked[0]!()
      match(await reply, /192\.0\.2\.1/)
    },
  )
})

test('a reload keeps what is known of upstreams, also of those of a second line for the same names', () => {
  const denied: Script = asked => answer(asked, [], { rcode: 'NXDOMAIN' })
  const withoutEdns: Script = asked =>
    asked.edns === undefined ? good(asked) : answer(asked, [], { rcode: 'FORMERR', question: 'none' })
  const lines = 'forward . %1 {\nnext NXDOMAIN\n}\nforward . %2'
  return withBlock([denied, withoutEdns], lines, async before => {
    const [first, second] = before.upstreams
    for (let i = 0; i < 30; i++) match(await before.ask(`name-number-${i}.example`), /192\.0\.2\.1/)
    const after = chainOf([plugin], lines.replace('%1', first!.address).replace('%2', second!.address))
    const [stage] = after.stages
    await stage!.start?.(before.stages[0])
    match(await after.ask('after-that.example'), /192\.0\.2\.1/)
    equal(second!.asked.at(-1)!.nth, 0, 'it is known not to read EDNS')
    first!.script = asked => (asked.transport === 'tcp' ? good(asked) : inLowerCase(asked))
    match(await after.ask('later-than-that.example'), /192\.0\.2\.1/)
    deepEqual(first!.log.slice(-2), ['udp later-than-that.example. A', 'tcp later-than-that.example. A'])
    await stage!.stop?.()
  })
})

test.run()
