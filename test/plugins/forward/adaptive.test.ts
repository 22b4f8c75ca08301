/** What a `forward` learns from its traffic: how long upstreams take, whom to ask as well, who is back. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import type { Exchange } from '../../../plugins/forward/transport/exchange.ts'
import { Latency } from '../../../plugins/forward/upstream/latency.ts'
import { RANK, Standing } from '../../../plugins/forward/upstream/standing.ts'
import { type Asked, answer, type Script } from '../../harness/fake-upstream.ts'
import { query } from '../../harness/message.ts'
import { timed, withBlock } from './block.ts'

const says =
  (address: string, afterMs = 0): Script =>
  asked => [{ send: answer(asked, [`${asked.name} 300 A ${address}`]), afterMs }]
const silent: Script = () => undefined
const questions = (asked: readonly Asked[]) => asked.filter(one => one.type === 'A').length
const rcodeOf = (reply: Uint8Array) => reply[3]! & 15

test('latency: the time of 95 in 100, whatever the other five take', () => {
  const latency = new Latency()
  equal(latency.patienceMs, 800)
  equal(latency.hedgeMs, 800)
  for (let i = 0; i < 2000; i++) latency.observe(i % 25 === 0 ? 900 : 20 + (i % 10))
  ok(latency.p95Ms >= 29 && latency.p95Ms <= 36, `p95 ${latency.p95Ms} ms`)
  equal(latency.hedgeMs, latency.p95Ms)
  for (let i = 0; i < 2000; i++) latency.observe(i % 10 === 0 ? 300 : 2)
  ok(latency.p95Ms >= 300 && latency.p95Ms <= 360, `p95 ${latency.p95Ms} ms`)
  for (let i = 0; i < 20_000; i++) latency.observe(0.3)
  equal(latency.hedgeMs, 10)
  equal(latency.patienceMs, 200)
})

test('latency: what was long ago counts for little, and a reload keeps what is known', () => {
  const latency = new Latency()
  for (let i = 0; i < 1000; i++) latency.observe(400)
  for (let i = 0; i < 4000; i++) latency.observe(5)
  ok(latency.p95Ms < 8, `p95 ${latency.p95Ms} ms`)
  const heir = new Latency()
  heir.inherit(latency)
  deepEqual([heir.p95Ms, heir.smoothedMs, heir.patienceMs], [latency.p95Ms, latency.smoothedMs, latency.patienceMs])
})

/** A standing of an upstream that takes 5 ms, and what its checks were told. */
function standing() {
  const latency = new Latency()
  for (let i = 0; i < 50; i++) latency.observe(5)
  const told: string[] = []
  const checks = { start: () => told.push('start'), stop: () => told.push('stop') }
  return { is: new Standing(latency, checks), told }
}
const at = (sentAtMs: number, heardAtMs = 0, isCheck = false) => ({ sentAtMs, heardAtMs, isCheck }) as Exchange

test('standing: silence beyond patience makes suspect, an answered check puts one question on trial', () => {
  const { is, told } = standing()
  is.sent(at(1000))
  is.sent(at(1100))
  equal(is.rank(1150), RANK.first)
  equal(is.rank(1201), RANK.last)
  deepEqual(told, ['start'])
  is.heard(at(1300, 1310, true))
  equal(is.rank(1320), RANK.first) // one question …
  is.sent(at(1320))
  equal(is.rank(1321), RANK.later) // … and no second one
  is.heard(at(1320, 1330))
  equal(is.rank(1331), RANK.first)
  deepEqual(told, ['start', 'stop', 'stop'])
})

test('standing: the question on trial goes unanswered, and all begins anew', () => {
  const { is, told } = standing()
  is.failed(at(1000))
  is.heard(at(1100, 1110, true))
  is.sent(at(1200))
  equal(is.rank(1500), RANK.last)
  deepEqual(told, ['start', 'stop', 'start'])
})

test('standing: a failure of a query before the last answer is none', () => {
  const { is } = standing()
  is.heard(at(1000, 1010))
  is.failed(at(900))
  deepEqual([is.isSuspect, is.fails], [false, 0])
  is.failed(at(1020))
  deepEqual([is.isSuspect, is.fails], [true, 1])
})

test('a slow answer is not waited for: the next upstream is asked at p95, and few questions are asked twice', async () => {
  const uneven: Script = asked =>
    asked.type !== 'A' ? undefined : says('192.0.2.1', asked.name.startsWith('slow') ? 1500 : 5)(asked)
  await withBlock([uneven, says('192.0.2.2', 5)], 'forward . %1 %2 {\npolicy sequential\n}', async block => {
    for (let i = 0; i < 60; i++) await block.ask(`n${i}.example`)
    const before = questions(block.upstreams[1]!.asked)
    ok(before <= 8, `${before} of 60 asked twice`)
    const [reply, tookMs] = await timed(block.ask('slow.example'))
    ok(reply.includes('192.0.2.2'), reply)
    ok(tookMs < 190, `took ${tookMs} ms, expected less than the patience for silence`)
  })
})

test('when all are slow at once no more than the share is asked twice', async () => {
  let slowMs = 5
  const script: Script = asked => says('192.0.2.1', slowMs)(asked)
  await withBlock([script, script], 'forward . %1 %2 {\npolicy sequential\n}', async ({ send, upstreams }) => {
    for (let i = 0; i < 40; i++) await send(query(`n${i}.example`))
    slowMs = 60
    const before = questions(upstreams[1]!.asked)
    await Promise.all(Array.from({ length: 100 }, (_, i) => send(query(`m${i}.example`), false, `10.0.0.${i}`)))
    const twice = questions(upstreams[1]!.asked) - before
    ok(twice <= 32, `${twice} of 100 asked twice`)
  })
})

test('an upstream that died costs nobody 1 s, and then nothing; after it is back one question tries it first', async () => {
  let dead = false
  const first: Script = asked => (dead ? undefined : says('192.0.2.1')(asked))
  const block = 'policy sequential\nhealth_check 50ms'
  await withBlock([first, says('192.0.2.2')], `forward . %1 %2 {\n${block}\n}`, async ({ ask, upstreams }) => {
    for (let i = 0; i < 30; i++) await ask(`n${i}.example`)
    dead = true
    const tookMs: number[] = []
    for (let i = 0; i < 200; i++) tookMs.push((await timed(ask(`m${i}.example`)))[1])
    ok(Math.max(...tookMs) < 1000, `the slowest took ${Math.max(...tookMs)} ms`)
    const late = tookMs.slice(100)
    ok(late.filter(one => one > 100).length <= 2, `${late}`)
    dead = false
    for (const endMs = performance.now() + 5000; !(await ask('back.example')).includes('192.0.2.1'); ) {
      ok(performance.now() < endMs, 'it is not asked again')
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    ok(upstreams[0]!.asked.some(one => one.type === 'NS'))
  })
})

test('checks that are answered do not bring all questions back to an upstream that answers none', async () => {
  const onlyChecks: Script = asked => (asked.type === 'NS' ? answer(asked, []) : undefined)
  const block = 'policy sequential\nhealth_check 20ms'
  await withBlock([onlyChecks, says('192.0.2.2')], `forward . %1 %2 {\n${block}\n}`, async ({ send, upstreams }) => {
    const all = Array.from({ length: 300 }, async (_, i) => {
      await new Promise(resolve => setTimeout(resolve, i * 10))
      const [reply, tookMs] = await timed(send(query(`n${i}.example`)))
      equal(rcodeOf(reply), 0)
      return tookMs
    })
    const tookMs = await Promise.all(all)
    ok(Math.max(...tookMs) < 1000)
    // Until the first patience is over all go there, from then on one at a time.
    const tried = questions(upstreams[0]!.asked)
    ok(tried < 150, `${tried} of 300 questions put to it`)
    ok(tookMs.slice(150).filter(one => one > 150).length < 30)
  })
})

test('without a policy a far upstream is asked seldom, near ones alike; `policy random` asks all alike', async () => {
  const asked = async (policy: string) => {
    let counts: number[] = []
    await withBlock(
      [says('192.0.2.1'), says('192.0.2.2', 3), says('192.0.2.3', 120)],
      `forward . %1 %2 %3 {\n${policy}\n}`,
      async ({ send, upstreams }) => {
        for (let i = 0; i < 60; i++) await send(query(`warm${i}.example`))
        for (const upstream of upstreams) upstream.asked.length = 0
        for (let i = 0; i < 120; i++) await send(query(`n${i}.example`))
        counts = upstreams.map(one => one.asked.length)
      },
    )
    return counts
  }
  const near = await asked('')
  ok(near[2]! <= 20 && near[0]! >= 25 && near[1]! >= 25, `${near}`)
  const random = await asked('policy random')
  ok(random[2]! >= 20, `${random}`)
})

test('#19 every query ends 4.5 s after it came, also one that joins late or goes on with the next forward', async () => {
  const late: Script = asked => [{ send: answer(asked, [], { rcode: 'NXDOMAIN' }), afterMs: 2500 }]
  await withBlock(
    [late, silent],
    'forward a.example %1 {\nnext NXDOMAIN\nmax_connect_attempts 1\n}\nforward . %2',
    async ({ send }) => {
      const first = timed(send(query('www.a.example')))
      await new Promise(resolve => setTimeout(resolve, 2000))
      const second = timed(send(query('www.a.example')))
      const [reply, tookMs] = await first
      equal(rcodeOf(reply), 2)
      ok(tookMs > 4200 && tookMs < 4600, `took ${tookMs} ms`)
      const [joined, joinedMs] = await second
      equal(rcodeOf(joined), 2)
      ok(joinedMs < 4600, `the one that joined took ${joinedMs} ms`)
    },
  )
})

test('a read_timeout that is longer is waited for', () =>
  withBlock([says('192.0.2.1', 4900)], 'forward . %1 {\nread_timeout 6s\n}', async ({ ask }) => {
    const [reply, tookMs] = await timed(ask('www.example'))
    ok(reply.includes('192.0.2.1'), reply)
    ok(tookMs > 4800)
  }))

test.run()
