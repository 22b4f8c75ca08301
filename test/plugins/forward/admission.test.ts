/** Who may wait for upstreams: fair shares when the limit is near, and what one client over UDP may have. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { Admission, isTooLate } from '../../../plugins/forward/admission.ts'
import { Query } from '../../../server/plugin.ts'
import type { Peer } from '../../../server/wire/query.ts'
import { answer, type Script } from '../../harness/fake-upstream.ts'
import { query } from '../../harness/message.ts'
import { withBlock } from './block.ts'

function from(address: string, stream = false): Query {
  const q = new Query()
  q.stream = stream
  q.receivedAtMs = 0
  q.peer = { address } as Peer
  return q
}

test('one that floods gets seven eighths, the others share the rest', () => {
  const admission = new Admission(100)
  const admitted = (address: string, tries: number) =>
    Array.from({ length: tries }, () => admission.enter(from(address))).filter(one => one !== undefined).length
  equal(admitted('10.0.0.1', 1000), 88)
  equal(admitted('10.0.0.2', 10), 10)
  equal(admitted('10.0.0.1', 10), 0)
  equal(admitted('10.0.0.3', 10), 2)
  equal(admission.waiting, 100)
})

test('below that nobody is counted off against the others; alone, one has all of a small limit', () => {
  const small = new Admission(5)
  for (let i = 0; i < 5; i++) ok(small.enter(from('10.0.0.1')))
  const admission = new Admission(1000)
  for (let i = 0; i < 870; i++) ok(admission.enter(from('10.0.0.1')))
  for (let i = 0; i < 10; i++) ok(admission.enter(from('10.0.0.2')))
})

test('whoever was let in leaves again, and nothing is remembered of it', () => {
  const admission = new Admission(100)
  for (let round = 0; round < 50; round++) {
    const inside = Array.from({ length: 100 }, (_, i) => {
      const q = from(`10.0.0.${i}`, i % 2 === 0)
      return { q, client: admission.enter(q) }
    })
    for (const { q, client } of inside) admission.leave(q, client!)
    equal(admission.waiting, 0)
  }
  ok(admission.enter(from('10.0.0.1')))
})

test('#39 at most 1,000 of one client over UDP; what comes late is not sent to it until it has half of that', () => {
  const admission = new Admission(10_000)
  const inside = Array.from({ length: 1000 }, () => {
    const q = from('10.0.0.1')
    return { q, client: admission.enter(q)! }
  })
  const [one] = inside
  const isLateAfter = (ms: number) => {
    one!.q.receivedAtMs = performance.now() - ms
    return isTooLate(one!.q, one!.client)
  }
  equal(isLateAfter(5000), false)
  equal(admission.enter(from('10.0.0.1')), undefined)
  ok(admission.enter(from('10.0.0.2')))
  ok(admission.enter(from('10.0.0.1', true)), 'an address cannot be forged over TCP')
  deepEqual([1000, 1901].map(isLateAfter), [false, true])
  for (const { q, client } of inside.slice(0, 501)) admission.leave(q, client)
  equal(isLateAfter(5000), false)
})

test('#39 DNSBomb: a client with 1,000 questions that are answered after 2.2 s gets none of the answers', () => {
  const slow: Script = asked => [{ send: answer(asked, [`${asked.name} 9 A 192.0.2.1`]), afterMs: 2200 }]
  return withBlock([slow], 'forward . %1', async ({ send }) => {
    const rcodes = new Map<string, number>()
    const tally = (reply: Uint8Array) => {
      const key = reply.length === 0 ? 'withheld' : `rcode ${reply[3]! & 15}`
      rcodes.set(key, (rcodes.get(key) ?? 0) + 1)
    }
    const bomb = Array.from({ length: 1200 }, (_, i) => send(query(`n${i}.example`), false, '10.0.0.1').then(tally))
    const other = await send(query('www.example'), false, '10.0.0.2')
    equal(other[3]! & 15, 0)
    await Promise.all(bomb)
    equal(rcodes.get('rcode 5'), 200)
    ok(rcodes.get('withheld')! >= 500, JSON.stringify([...rcodes]))
  })
})

test('#38 max_concurrent: a client that floods is refused, the others are served', () => {
  const slow: Script = asked => [{ send: answer(asked, [`${asked.name} 9 A 192.0.2.1`]), afterMs: 300 }]
  return withBlock([slow], 'forward . %1 {\nmax_concurrent 40\n}', async ({ send }) => {
    const flood = Array.from({ length: 200 }, (_, i) => send(query(`n${i}.example`), false, '10.0.0.1'))
    const others = Array.from({ length: 5 }, (_, i) => send(query(`o${i}.example`), false, `10.0.1.${i}`))
    const rcodeOf = (reply: Uint8Array) => reply[3]! & 15
    deepEqual((await Promise.all(others)).map(rcodeOf), Array(5).fill(0))
    equal((await Promise.all(flood)).filter(reply => rcodeOf(reply) === 0).length, 35)
  })
})

test.run()
