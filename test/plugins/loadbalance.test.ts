import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as cache } from '../../plugins/cache/cache.ts'
import { plugin } from '../../plugins/loadbalance/loadbalance.ts'
import { QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query, readReply } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

type Records = readonly (readonly [type: number, last: number])[]

/** Answers with records that their last octet names. */
function backend(answer: Records, additional: Records = [], rcode: number = RCODE.NOERROR): Stage {
  return {
    handle: (q: Query) => {
      const a = q.answer.reset()
      a.rcode = rcode
      for (const [section, records] of [
        [a.answer, answer],
        [a.additional, additional],
      ] as const) {
        for (const [type, last] of records) section.add(QUESTION, 0, type, 5, dataOf(type, last))
      }
      return a
    },
  }
}

function dataOf(type: number, last: number): Uint8Array {
  if (type === TYPE.A) return Uint8Array.of(10, 0, 0, last)
  if (type === TYPE.AAAA) return Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? last : 0))
  if (type === TYPE.CNAME) return nameFromText(`n${last}`)
  if (type === TYPE.MX) return Uint8Array.of(0, last, 0)
  return Uint8Array.of(1, 48 + last) // TXT
}

async function ordered(
  body: string,
  stage: Stage,
  section: 'answers' | 'additionals' = 'answers',
  type = 'A',
): Promise<string> {
  const { send } = chainOf([plugin], body, [stage])
  const reply = readReply(await send(query('x', { type }), true))
  // biome-ignore lint/suspicious/noExplicitAny: dns-packet's records are a union without common data
  return (reply[section] as any[])
    .map(({ type: of, data }) => {
      if (of === 'MX') return `MX${data.preference}`
      return `${of}${String(of === 'TXT' ? data : data).match(/(\d+)\D*$/)?.[1]}`
    })
    .join(' ')
}

const { A, AAAA, CNAME, MX, TXT } = TYPE

interface Balanced {
  count: number
  type?: number
  name?: string
  body?: string
  alias?: Records
}

const balanced: Balanced[] = [
  ...[2, 3, 8, 9, 40].map(count => ({ count })),
  ...[2, 3, 8, 9, 40].map(count => ({ count, name: ' from the cache', body: 'loadbalance\ncache' })),
  { count: 3, type: AAAA, name: ' of IPv6 from the cache', body: 'loadbalance\ncache' },
  { count: 3, name: ' behind an alias from the cache', body: 'loadbalance\ncache', alias: [[CNAME, 1]] },
]

for (const { count, type = A, name = '', body = 'loadbalance', alias = [] } of balanced) {
  test(`each of ${count} addresses${name} comes first as often, and all of them come`, async () => {
    const records = [...alias, ...Array.from({ length: count }, (_, i) => [type, i + 1] as const)]
    const { send } = chainOf([plugin, cache], body, [backend(records)])
    const first = new Map<string, number>()
    const rounds = count * 200
    for (let i = 0; i < rounds; i++) {
      const reply = readReply(await send(query('x', { type: type === A ? 'A' : 'AAAA' }), true))
      const data = reply.answers!.slice(alias.length).map(record => (record as { data: string }).data)
      assert.is(new Set(data).size, count)
      first.set(data[0]!, (first.get(data[0]!) ?? 0) + 1)
    }
    assert.is(first.size, count)
    // 200 expected, standard deviation 14: ten of them.
    for (const [address, times] of first) assert.ok(times > 60 && times < 340, `${address} was first ${times} times`)
  })
}

test('aliases first, then others, addresses, exchanges', async () => {
  const records: Records = [
    [MX, 1],
    [A, 1],
    [TXT, 1],
    [MX, 2],
    [CNAME, 1],
    [AAAA, 2],
    [TXT, 2],
    [CNAME, 2],
  ]
  for (let i = 0; i < 20; i++) {
    const got = await ordered('loadbalance', backend(records))
    assert.match(got, /^CNAME1 CNAME2 TXT1 TXT2 (A1 AAAA2|AAAA2 A1) (MX1 MX2|MX2 MX1)$/)
  }
})

test('what comes from the cache is put in order like anything else', async () => {
  const records: Records = [
    [MX, 1],
    [A, 1],
    [A, 2],
    [CNAME, 1],
    [AAAA, 3],
  ]
  const { send } = chainOf([plugin, cache], 'loadbalance {\nprefer 10.0.0.2/32\n}\ncache', [backend(records)])
  for (let i = 0; i < 10; i++) {
    const reply = readReply(await send(query('x'), true))
    assert.equal(reply.answers!.map(record => record.type).slice(0, 2), ['CNAME', 'A'])
    assert.is((reply.answers![1] as { data: string }).data, '10.0.0.2')
    assert.is(reply.answers![4]!.type, 'MX')
  }
})

test('the additional section is balanced too', async () => {
  const stage = backend(
    [],
    [
      [A, 1],
      [A, 2],
    ],
  )
  const seen = new Set<string>()
  for (let i = 0; i < 100; i++) seen.add(await ordered('loadbalance round_robin', stage, 'additionals'))
  assert.equal([...seen].sort(), ['A1 A2', 'A2 A1'])
})

test('answers that wait are balanced as well', async () => {
  const stage = backend([
    [TXT, 1],
    [CNAME, 1],
  ])
  const waiting: Stage = { handle: async q => stage.handle!(q, () => q.answer) }
  assert.is(await ordered('loadbalance', waiting), 'CNAME1 TXT1')
})

test('only NOERROR is touched', async () => {
  assert.is(
    await ordered(
      'loadbalance',
      backend(
        [
          [TXT, 1],
          [CNAME, 1],
        ],
        [],
        RCODE.NXDOMAIN,
      ),
    ),
    'TXT1 CNAME1',
  )
})

test('prefer: networks in their order, then other addresses, exchanges, all others', async () => {
  const body = 'loadbalance {\nprefer 10.0.0.128/25 ::/126\nprefer 10.0.0.64/26\n}'
  const records: Records = [
    [TXT, 1],
    [A, 1],
    [A, 65],
    [MX, 1],
    [AAAA, 3],
    [A, 200],
    [CNAME, 1],
  ]
  for (let i = 0; i < 20; i++) {
    assert.is(await ordered(body, backend(records)), 'CNAME1 A200 AAAA3 A65 A1 MX1 TXT1')
    assert.is(await ordered(body, backend([], records), 'additionals'), 'CNAME1 A200 AAAA3 A65 A1 MX1 TXT1')
  }
})

for (const { body, at, says } of [
  { body: 'loadbalance random', at: '2:13', says: 'unknown policy "random", expected round_robin or weighted' },
  {
    body: 'loadbalance weighted weights.txt',
    at: '2:13',
    says: 'policy "weighted" is not here yet, expected round_robin',
  },
  { body: 'loadbalance round_robin now', at: '2:25', says: 'surplus argument "now"' },
  { body: 'loadbalance {\nreload 30s\n}', at: '3:1', says: '"reload" without the policy weighted' },
  { body: 'loadbalance {\nprefer 10.0.0.0\n}', at: '3:8', says: 'invalid network "10.0.0.0"' },
  { body: 'loadbalance {\nprefer\n}', at: '3:1', says: 'missing argument' },
  { body: 'loadbalance\nloadbalance', at: '3:1', says: 'used again' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test('addresses stay with their names, from the cache as well', async () => {
  const stage: Stage = {
    handle: (q: Query) => {
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TXT, 5, dataOf(TXT, 1))
      for (const last of [1, 2, 3]) a.additional.add(nameFromText(`n${last}`), 0, A, 5, dataOf(A, last))
      return a
    },
  }
  const { send } = chainOf([plugin, cache], 'loadbalance\ncache', [stage])
  const orders = new Set<string>()
  for (let i = 0; i < 100; i++) {
    const { additionals } = readReply(await send(query('x', { type: 'TXT' })))
    const found = (additionals as { name: string; data: string }[]).map(({ name, data }) => `${name} ${data}`)
    assert.equal([...found].sort(), ['n1 10.0.0.1', 'n2 10.0.0.2', 'n3 10.0.0.3'])
    orders.add(found.join())
  }
  assert.is(orders.size, 6)
})

test.run()
