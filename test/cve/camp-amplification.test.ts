/**
 * NXNS, NRDelegation, CAMP, Technitium VA-26-138-02: one question of a client made a resolver ask hundreds, because
 * replies named servers to be found, chains to be followed, and failures to be tried again.
 *
 * Shown here: whatever a reply says, it makes `forward` ask nothing. Only silence, junk, refused EDNS and closed
 * connections do: two queries for each upstream, and one more if the last of them ends in junk or refused EDNS
 * (plugins/forward/flight.ts). Of a chain of aliases ten are handed on (taken.ts).
 */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { type Asked, answer, type Script } from '../harness/fake-upstream.ts'
import { query } from '../harness/message.ts'
import { withBlock } from '../plugins/forward/block.ts'

const many = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i))
const alias = (asked: Asked, count: number) =>
  many(count, i => `${i === 0 ? asked.name : `c${i}.test.`} 60 CNAME c${i + 1}.test.`)

const hostile: { name: string; reply: Script; records?: number }[] = [
  {
    name: 'a referral to 500 servers without addresses (NXNS)',
    reply: asked => answer(asked, [], { authority: many(500, i => `example. 60 NS ns${i}.victim.test.`) }),
  },
  {
    name: 'a referral to the name itself (NRDelegation)',
    reply: asked => answer(asked, [], { authority: many(500, i => `${asked.name} 60 NS n${i}.${asked.name}`) }),
  },
  {
    name: 'a chain of 300 aliases without an end (CAMP)',
    reply: asked => answer(asked, alias(asked, 300)),
    records: 10,
  },
  {
    name: 'a chain of 11 aliases with an address at its end',
    reply: asked => answer(asked, [...alias(asked, 11), 'c11.test. 60 A 192.0.2.1']),
    records: 10,
  },
  {
    name: 'a chain of 10 aliases with an address at its end',
    reply: asked => answer(asked, [...alias(asked, 10), 'c10.test. 60 A 192.0.2.1']),
    records: 11,
  },
  {
    name: '300 aliases of the same name',
    reply: asked =>
      answer(
        asked,
        many(300, i => `${asked.name} 60 CNAME c${i}.test.`),
      ),
    records: 1,
  },
  {
    name: 'services with 500 targets',
    reply: asked =>
      answer(
        asked,
        many(500, i => `${asked.name} 60 SRV 0 0 53 t${i}.victim.test.`),
      ),
    records: 500,
  },
  { name: 'SERVFAIL', reply: asked => answer(asked, [], { rcode: 'SERVFAIL' }) },
  { name: 'REFUSED', reply: asked => answer(asked, [], { rcode: 'REFUSED' }) },
]

for (const { name, reply, records = 0 } of hostile) {
  test(`one query, whatever the reply says: ${name}`, () =>
    withBlock([reply, reply], 'cache\nforward . %1 %2', async ({ send, upstreams }) => {
      const type = name.startsWith('services') ? 'SRV' : 'A'
      const found = Buffer.from(await send(query('www.example', { type }), true))
      equal(found.readUInt16BE(6), records)
      equal(upstreams.flatMap(one => one.asked).length, 1)
    }))
}

/** The most that can be made of a question: EDNS refused, junk, silence, connections closed. */
const worst: Script = asked => {
  if (asked.transport === 'tcp') return [{ close: true }]
  if (asked.edns !== undefined) return answer(asked, [], { rcode: 'FORMERR' })
  return answer(asked, [], { id: asked.id ^ 1 })
}
/** What is asked for one question, by upstreams that all do the same. */
async function queriesFor(script: Script, count: number): Promise<string[]> {
  const to = many(count, i => `%${i + 1}`).join(' ')
  let asked: string[] = []
  await withBlock(
    Array.from({ length: count }, () => script),
    `cache\nforward . ${to} {\nread_timeout 120ms\nmax_fails 0\n}`,
    async ({ ask, upstreams }) => {
      equal(await ask('www.example'), 'SERVFAIL rd ra')
      asked = upstreams.flatMap(one => one.log)
    },
  )
  return asked
}

test('two queries for each upstream; one more where EDNS is refused and all else is junk', async () => {
  const kinds: { name: string; script: Script; more: number }[] = [
    { name: 'silence', script: () => undefined, more: 0 },
    { name: 'junk', script: asked => answer(asked, [], { id: asked.id ^ 1 }), more: 0 },
    { name: 'all there is', script: worst, more: 1 },
  ]
  const cases = kinds.flatMap(kind => [1, 2, 4].map(count => ({ ...kind, count })))
  await Promise.all(
    cases.map(async ({ name, script, more, count }) => {
      const asked = await queriesFor(script, count)
      ok(asked.length <= 2 * count + more, `${name}: ${asked.join(', ')}`)
    }),
  )
})

test('a client who asks again while it fails makes no more of it', () =>
  withBlock(
    [() => undefined],
    'cache\nforward . %1 {\nread_timeout 100ms\nmax_fails 0\n}',
    async ({ ask, upstreams }) => {
      for (let i = 0; i < 20; i++) await Promise.all(many(20, () => 'www.example').map(name => ask(name)))
      equal(upstreams[0]!.asked.length, 2)
    },
  ))

test.run()
