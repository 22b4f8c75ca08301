import { encode as encodePacket, type Packet } from 'dns-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RCODE } from '../../../server/wire/codes.ts'
import { encode } from '../../../server/wire/encode.ts'
import { type Peer, Query, readQuery } from '../../../server/wire/query.ts'
import { QUESTION } from '../../../server/wire/section.ts'
import { readReply } from '../../harness/message.ts'

const test = suite('padding')
const BLOCK = 468 // RFC 8467 §4.1

/** A query with an OPT of these options. */
function queryWith(options: readonly object[]): Uint8Array {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options }
  const questions = [{ name: 'padded.example', type: 'A', class: 'IN' }]
  return encodePacket({ type: 'query', id: 7, flags: 0x100, questions, additionals: [opt] } as unknown as Packet)
}

const PADDING = { code: 'PADDING', length: 20 }

interface Made {
  readonly octets: Uint8Array
  readonly options: readonly { code: number; data: Buffer }[]
}

/** The reply of `records` addresses, at most `limit` octets, in memory that held something else. */
function replyTo(options: readonly object[], isEncrypted: boolean, records = 1, limit = 65_535, ede = -1): Made {
  const q = new Query()
  q.bytes = queryWith(options)
  q.length = q.bytes.length
  q.capacity = limit
  q.stream = true
  q.peer = { isEncrypted } as Peer
  assert.is(readQuery(q), RCODE.NOERROR)
  const a = q.answer.reset()
  for (let i = 0; i < records; i++) a.answer.add(QUESTION, 0, 1, 30, Uint8Array.of(10, 0, i >> 8, i & 255))
  a.extendedError = ede
  a.extendedErrorText = ede < 0 ? '' : 'why'
  const into = new Uint8Array(65_535 + 100).fill(0xee)
  const length = encode(q, a, into, 10, limit, 1232, false)
  assert.equal([...new Set(into.subarray(10 + length))], [0xee])
  const octets = into.slice(10, 10 + length)
  const opt = readReply(octets).additionals!.at(-1) as unknown as Made
  return { octets, options: opt.options }
}

const ROWS: { name: string; records: number; ede?: number; length: number }[] = [
  { name: 'one record', records: 1, length: BLOCK },
  // 32 octets of header and question, 16 a record, 11 of OPT, 4 of the option's head: 26 records are 463, 27 are 479.
  { name: 'the last that fits into one block', records: 26, length: BLOCK },
  { name: 'the first that does not', records: 27, length: 2 * BLOCK },
  { name: 'behind another option', records: 26, ede: 22, length: 2 * BLOCK },
  { name: 'a large one', records: 2000, length: 69 * BLOCK },
]
for (const { name, records, ede, length } of ROWS) {
  test(`whole blocks: ${name}`, () => {
    const { octets, options } = replyTo([PADDING], true, records, 65_535, ede)
    assert.is(octets.length, length)
    assert.equal(
      options.map(({ code }) => code),
      ede === undefined ? [12] : [15, 12],
    )
    assert.ok(options.at(-1)!.data.every(octet => octet === 0))
    assert.is(readReply(octets).answers!.length, records)
  })
}

test('a message without room for a block is filled, one without room for the option is left', () => {
  assert.is(replyTo([PADDING], true, 26, 463).octets.length, 463)
  assert.is(replyTo([PADDING], true, 26, 466).octets.length, 466)
  const tight = replyTo([PADDING], true, 26, 459 + 3)
  assert.is(tight.octets.length, 459)
  assert.equal(tight.options, [])
})

test('not over plain transports, not unasked', () => {
  assert.equal(replyTo([PADDING], false).options, [])
  assert.equal(replyTo([], true).options, [])
})

test('asked for twice it comes once, and the next query does not inherit it', () => {
  assert.is(replyTo([PADDING, PADDING], true).options.length, 1)
  assert.is(replyTo([], true).options.length, 0)
})

test.run()
