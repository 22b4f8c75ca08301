/** RFC 2181, Clarifications to the DNS Specification: RRsets that do not fit, TTLs. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { makeTheClockMovable, skip } from '../harness/time-travel.ts'
import { option } from './message.ts'
import { asked, probe, type Row } from './probe.ts'

makeTheClockMovable()
const test = suite('RFC 2181')
const sized = (octets: number) => (message: Uint8Array) => equal(message.length, octets)
/** Makes the query so long that 25 times its octets are more than 1,232. */
const LONG = option(12, '00'.repeat(20))

function addresses(name: string, count: number, flags: string, opt = false): string {
  const records = Array.from({ length: count }, (_, i) => `${name}. 3600 IN A 10.1.0.${i}`)
  return [`NOERROR ${flags}`, ...(opt ? [';; OPT 1232'] : []), ';; ANSWER', ...records].join('\n')
}

const rows: Row[] = [
  {
    id: 'G1',
    level: 'M',
    source: 'RFC 2181 §9',
    what: 'a set that does not fit into 512 octets is cut at a whole record, with TC',
    ask: { name: 'many.big.test' },
    over: 'udp',
    is: addresses('many.big.test', 30, 'aa tc rd'),
    also: sized(12 + 19 + 30 * 16),
  },
  {
    id: 'G5',
    level: 'M',
    source: 'RFC 1035 §4.2.1',
    what: '512 octets fit',
    ask: { name: 'a5555.big.test' },
    is: addresses('a5555.big.test', 30, 'aa rd'),
    also: sized(512),
  },
  {
    id: 'G5',
    level: 'M',
    source: 'RFC 1035 §4.2.1',
    what: '513 octets do not',
    ask: { name: 'a66666.big.test' },
    is: {
      udp: addresses('a66666.big.test', 29, 'aa tc rd'),
      tcp: addresses('a66666.big.test', 30, 'aa rd'),
    },
    also: (message, over) => equal(message.length, over === 'udp' ? 513 - 16 : 513),
  },
  {
    id: 'G5',
    level: 'M',
    source: 'RFC 6891 §6.2.5',
    what: '1,232 octets fit',
    ask: { name: 'a999999999.big.test', opt: { options: LONG } },
    is: addresses('a999999999.big.test', 74, 'aa rd', true),
    also: sized(1232),
  },
  {
    id: 'G5',
    level: 'M',
    source: 'RFC 6891 §6.2.5',
    what: '1,233 octets do not',
    ask: { name: 'a0000000000.big.test', opt: { options: LONG } },
    is: {
      udp: addresses('a0000000000.big.test', 73, 'aa tc rd', true),
      tcp: addresses('a0000000000.big.test', 74, 'aa rd', true),
    },
    also: (message, over) => equal(message.length, over === 'udp' ? 1233 - 16 : 1233),
  },
]
const made = probe(test, rows, {
  script(one) {
    const ttl = one.name.startsWith('huge') ? 2 ** 31 : one.name.startsWith('zero') ? 0 : 20
    return answer(one, [`${one.spelled} ${ttl} A 192.0.2.1`], { tc: one.name.startsWith('cut') })
  },
})

const ttlOf = (text: string) => Number(/up\.test\. (\d+) IN A/.exec(text)?.[1])

test('I1 M RFC 2181 §8: a TTL counts down in the cache, and never up', async () => {
  const ttls: number[] = []
  for (let second = 0; second < 8; second += 2) {
    ttls.push(ttlOf(await asked(made.world, { name: 'down.up.test' })))
    skip(2)
  }
  equal(made.world.upstream.log.join(), 'udp down.up.test. A')
  ok(
    ttls.every((ttl, i) => ttl === 20 - 2 * i || ttl === 19 - 2 * i),
    ttls.join(),
  )
})

for (const { id, name, what } of [
  { id: 'I2 M RFC 2181 §8', name: 'huge.up.test', what: 'a TTL of 2^31 is taken for 0, and what has it is not kept' },
  { id: 'I3 C RFC 1035 §3.2.1', name: 'zero.up.test', what: 'what has TTL 0 is not kept' },
]) {
  test(`${id}: ${what}`, async () => {
    const before = made.world.upstream.asked.length
    equal(ttlOf(await asked(made.world, { name })), 0)
    equal(ttlOf(await asked(made.world, { name })), 0)
    equal(made.world.upstream.asked.length - before, 2)
  })
}

test('I6 M RFC 2181 §9: what was cut is not kept', async () => {
  const before = made.world.upstream.asked.length
  const first = await asked(made.world, { name: 'cut.up.test' })
  const between = made.world.upstream.asked.length
  const again = await asked(made.world, { name: 'cut.up.test' })
  ok(between > before && made.world.upstream.asked.length > between, `${first}\n${again}`)
})

test('G5 M RFC 2181 §9: what is cut ends with a whole record, at every size', async () => {
  const { world } = made
  for (let size = 512; size <= 1232; size += 7) {
    const text = await asked(world, { name: 'many.big.test', opt: { size, options: LONG } })
    const count = Math.floor((size - 11 - 12 - 19) / 16)
    equal(text, addresses('many.big.test', count, 'aa tc rd', true))
  }
})

test.run()
