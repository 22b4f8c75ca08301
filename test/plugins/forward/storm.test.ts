/**
 * Upstreams that do at random all that is wrong, and many questions at a time: each has the answer to it or an error, in
 * time, nothing of another one, and nothing is left waiting.
 */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { waitingQueries } from '../../../server/serve.ts'
import { deadlines } from '../../../server/wheel.ts'
import { type Act, type Asked, answer, type Script } from '../../harness/fake-upstream.ts'
import { query, readReply } from '../../harness/message.ts'
import { timed, withBlock } from './block.ts'

const CLIENTS = 40
const QUESTIONS = 15

const below = (limit: number) => Math.floor(Math.random() * limit)
/** `n7.x` has 10.0.0.7. */
const addressOf = (name: string) => `10.0.${Number(name.slice(1, -2)) >> 8}.${Number(name.slice(1, -2)) & 255}`
const right = (asked: Asked, question = asked.spelled) =>
  answer(asked, [`${asked.name} 60 A ${addressOf(asked.name.slice(0, -1))}`], { question })

function withCounts(message: Uint8Array, answers: number): Uint8Array {
  const broken = Buffer.from(message)
  broken.writeUInt16BE(answers, 6)
  return broken
}

const replies: ((asked: Asked) => Uint8Array)[] = [
  asked => answer(asked, [], { rcode: 'FORMERR', question: 'none' }),
  asked => answer(asked, [], { rcode: 'NOTIMP', question: 'none', tc: true }),
  asked => answer(asked, [], { rcode: 'FORMERR' }),
  asked => answer(asked, [], { rcode: 'SERVFAIL' }),
  asked => answer(asked, [], { tc: true }),
  asked => answer(asked, [`${asked.name} 60 A 6.6.6.6`], { id: asked.id ^ (1 + below(9)) }),
  asked => answer(asked, ['other.x. 60 A 6.6.6.6'], { question: 'other.x' }),
  asked => withCounts(right(asked), 9),
  asked => right(asked).subarray(0, 12 + below(20)),
  asked => right(asked, asked.name),
  ...Array.from({ length: 5 }, () => (asked: Asked) => right(asked)),
]

const wild: Script = asked => {
  const acts: Act[] = Array.from({ length: below(4) }, () => ({
    send: replies[below(replies.length)]!(asked),
    afterMs: below(4) === 0 ? below(150) : below(5),
  }))
  return asked.transport === 'tcp' && below(8) === 0 ? [...acts, { close: true }] : acts
}

for (const block of [
  '',
  'max_connect_attempts 0\nfailover SERVFAIL FORMERR\nnext SERVFAIL',
  'force_tcp\nmax_fails 0',
  'policy sequential\nprefer_udp\nfailover SERVFAIL\nmax_concurrent 30',
]) {
  test(`a storm: ${block.replaceAll('\n', ', ') || 'as it is by default'}`, () =>
    withBlock(
      [wild, wild, wild],
      `forward . %1 %2 {\nread_timeout 100ms\n${block}\n}\nforward . %3`,
      async ({ send }) => {
        let asked = 0
        const client = async (from: string) => {
          for (let i = 0; i < QUESTIONS; i++) {
            const name = `n${below(4) > 0 ? ++asked : below(asked + 1)}.x`
            const message = query(name, below(2) > 0 ? { edns: 1232, dnssecOk: below(2) > 0 } : {})
            const [found, tookMs] = await timed(send(message, below(3) === 0, from))
            const { questions, answers } = readReply(found)
            ok(tookMs < 4500, `took ${tookMs} ms`)
            equal(questions![0]!.name, name)
            const isWhole = (found[2]! & 2) === 0 && (found[3]! & 15) === 0
            const records = answers!.map(one => `${one.name} ${(one as { data?: unknown }).data}`)
            equal(records.join(), isWhole ? `${name} ${addressOf(name)}` : '')
          }
        }
        await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(`192.0.2.${i % 7}`)))
        equal(waitingQueries(), 0)
      },
    ))
}

test('nothing is left waiting', async () => {
  const awake = setInterval(() => {}, 1 << 30)
  for (const endMs = performance.now() + 20_000; deadlines() > 0 && performance.now() < endMs; ) {
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  clearInterval(awake)
  equal(deadlines(), 0)
})

test.run()
