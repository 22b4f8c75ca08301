/** The case of the question: random towards upstreams, demanded of those that keep it, and nobody else's business. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { Spelling, spellAtRandom } from '../../../../plugins/forward/upstream/spelling.ts'
import { type Asked, answer, type Script } from '../../../harness/fake-upstream.ts'
import { text } from '../../../harness/message.ts'
import { timed, withBlock } from '../block.ts'

const good: Script = asked => answer(asked, [`${asked.name} 300 A 192.0.2.1`])
const inLowerCase = (asked: Asked) => answer(asked, [`${asked.name} 300 A 192.0.2.2`], { question: asked.name })
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

test('each letter is in upper case half of the time, on its own; nothing else changes', () => {
  const name = Buffer.from(`\x1a${LETTERS}\x051-_2z\x00`, 'latin1')
  const upper = new Array(name.length).fill(0)
  let pairs = 0
  const rounds = 20_000
  for (let round = 0; round < rounds; round++) {
    const spelled = Buffer.from(name)
    spellAtRandom(spelled, 0, spelled.length)
    equal(spelled.toString('latin1').toLowerCase(), name.toString('latin1'))
    for (let i = 0; i < name.length; i++) if (spelled[i] !== name[i]) upper[i]++
    if (spelled[1] !== name[1] && spelled[2] !== name[2]) pairs++
  }
  for (let i = 0; i < name.length; i++) {
    const isLetter = LETTERS.includes(String.fromCharCode(name[i]!))
    ok(isLetter ? Math.abs(upper[i] / rounds - 0.5) < 0.03 : upper[i] === 0, `octet ${i}: ${upper[i]} of ${rounds}`)
  }
  ok(Math.abs(pairs / rounds - 0.25) < 0.03)
})

test('kept 16 times in a row it is demanded; three others in a row, or one over TCP, end that', () => {
  const spelling = new Spelling()
  const keep = (times: number) => {
    for (let i = 0; i < times; i++) ok(spelling.judge(true, true, false))
  }
  keep(15)
  equal(spelling.judge(false, true, false), true)
  keep(15)
  equal(spelling.isKept, false)
  ok(spelling.judge(true, false, false)) // nothing to keep: shows nothing
  equal(spelling.isKept, false)
  keep(1)
  equal(spelling.isKept, true)
  deepEqual(
    [1, 2].map(() => spelling.judge(false, true, false)),
    [false, false],
  )
  keep(1)
  deepEqual(
    [1, 2, 3].map(() => spelling.judge(false, true, false)),
    [false, false, false],
  )
  equal(spelling.isKept, false)
  keep(16)
  equal(spelling.judge(false, true, true), true)
  equal(spelling.isKept, false)
})

test('the question goes out in random case, each time another one; `query_case lower` turns that off', async () => {
  const spelled = async (block: string) => {
    let seen: string[] = []
    await withBlock([good], `forward . %1 {\n${block}\n}`, async ({ ask, upstreams }) => {
      for (let i = 0; i < 20; i++) await ask('a-name-of-many-letters.example')
      seen = upstreams[0]!.asked.map(one => one.spelled)
    })
    return seen
  }
  const random = await spelled('')
  equal(new Set(random).size, 20)
  for (const one of random) equal(one.toLowerCase(), 'a-name-of-many-letters.example.')
  deepEqual(new Set(await spelled('query_case lower')), new Set(['a-name-of-many-letters.example.']))
})

test('a forged reply in another case is junk once the upstream has been seen to keep it; TCP brings the answer', () => {
  let forge = false
  const script: Script = asked => (forge && asked.transport === 'udp' ? inLowerCase(asked) : good(asked))
  return withBlock([script], 'forward . %1', async ({ ask, upstreams }) => {
    for (let i = 0; i < 30; i++) await ask(`name-number-${i}.example`)
    forge = true
    const [found, tookMs] = await timed(ask('another-long-name.example'))
    equal(
      found,
      text`
        NOERROR rd ra
        ;; ANSWER
        another-long-name.example. 300 IN A 192.0.2.1`,
    )
    ok(tookMs < 1000)
    deepEqual(upstreams[0]!.log.slice(30), ['udp another-long-name.example. A', 'tcp another-long-name.example. A'])
  })
})

test('an upstream that keeps the case no more is believed again, over UDP too', () => {
  let keeps = true
  return withBlock(
    [asked => (keeps ? good(asked) : inLowerCase(asked))],
    'forward . %1',
    async ({ ask, upstreams }) => {
      for (let i = 0; i < 30; i++) await ask(`name-number-${i}.example`)
      keeps = false
      for (let i = 0; i < 5; i++) ok((await ask(`later-name-${i}.example`)).includes('192.0.2.2'))
      deepEqual(
        upstreams[0]!.log.slice(-3),
        [2, 3, 4].map(i => `udp later-name-${i}.example. A`),
      )
    },
  )
})

test('neither clients nor the cache see how the question was spelled', () => {
  // The alias ends in a pointer into the question.
  const script: Script = asked => {
    const octets = Buffer.from(answer(asked, []))
    octets[7] = 2
    const owner = Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, 0x63, 0x64, 0x6e, 0xc0, 16])
    const alias = Buffer.from([3, 0x63, 0x64, 0x6e, 0xc0, 16, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7])
    return Buffer.concat([octets, owner, alias])
  }
  return withBlock([script], 'forward . %1', async ({ ask }) => {
    for (let i = 0; i < 10; i++) {
      equal(
        await ask('www.somewhere.example'),
        text`
          NOERROR rd ra
          ;; ANSWER
          www.somewhere.example. 60 IN CNAME cdn.somewhere.example.
          cdn.somewhere.example. 60 IN A 192.0.2.7`,
      )
    }
  })
})

test.run()
