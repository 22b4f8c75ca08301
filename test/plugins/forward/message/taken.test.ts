/** What is taken of a reply, from raw messages: compression, broken data, bounds, and whatever chance produces. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'uvu'
import { compare, JUNK, MATCH, MAX_QUERY_BYTES, writeQuery } from '../../../../plugins/forward/message/query.ts'
import { fillAnswer, readReply } from '../../../../plugins/forward/message/taken.ts'
import { encode } from '../../../../server/wire/encode.ts'
import { Query, readQuery, skipName, skipRecord } from '../../../../server/wire/query.ts'
import { query, replyText, text } from '../../../harness/message.ts'

const out = new Uint8Array(65_535)

function asked(type: string, name = 'www.example', dnssecOk = false): Query {
  const message = query(name, { type, ...(dnssecOk && { edns: 1232, dnssecOk }) })
  const q = new Query()
  q.bytes = message
  q.length = message.length
  q.stream = true
  readQuery(q)
  return q
}

/** A reply to `www.example TYPE`: counts, then the records in hexadecimal. */
function raw(q: Query, counts: [number, number, number], ...records: string[]): Buffer {
  const head = Buffer.from(q.bytes.subarray(0, q.questionEnd))
  head[2] = 0x81
  head[3] = 0x80
  for (const [i, count] of counts.entries()) head.writeUInt16BE(count, 6 + 2 * i)
  return Buffer.concat([head, Buffer.from(records.join('').replaceAll(' ', ''), 'hex')])
}

/** The reply as a client would get it, or `garbage`. */
function taken(q: Query, message: Buffer): string {
  if (!readReply(q, message, 0, message.length)) return 'garbage'
  fillAnswer(q)
  return replyText(out.slice(0, encode(q, q.answer, out, 0, 65_535, 1232, true)))
}

// The question `www.example` stands at 12: `www` at 0c, `example` at 10, the root at 18. Records begin at 1d.
const OWNER = 'c00c'
const rows = [
  {
    name: 'names in MX data are compressed',
    type: 'MX',
    counts: [1, 0, 0],
    records: [`${OWNER} 000f 0001 0000003c 0009 000a 046d61696c c010`],
    says: ['www.example. 60 IN MX 10 mail.example.'],
  },
  {
    name: 'in SRV data too',
    type: 'SRV',
    counts: [1, 0, 0],
    records: [`${OWNER} 0021 0001 0000003c 000a 0001 0002 0003 0161 c010`],
    says: ['www.example. 60 IN SRV 1 2 3 a.example.'],
  },
  {
    name: 'in PTR data',
    type: 'PTR',
    counts: [1, 0, 0],
    records: [`${OWNER} 000c 0001 0000003c 0002 c00c`],
    says: ['www.example. 60 IN PTR www.example.'],
  },
  {
    name: 'a CNAME whose target another owner points at',
    type: 'A',
    counts: [2, 0, 0],
    records: [`${OWNER} 0005 0001 0000003c 0004 0161 c010`, 'c029 0001 0001 0000003c 0004 c0000201'],
    says: ['www.example. 60 IN CNAME a.example.', 'a.example. 60 IN A 192.0.2.1'],
  },
  {
    name: 'the class of a record is IN',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0001 0003 0000003c 0004 c0000201`],
    says: [],
  },
  {
    name: 'an A of five octets',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0001 0001 0000003c 0005 c000020101`],
  },
  {
    name: 'an AAAA of four octets',
    type: 'AAAA',
    counts: [1, 0, 0],
    records: [`${OWNER} 001c 0001 0000003c 0004 c0000201`],
  },
  {
    name: 'a record behind the end',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0001 0001 0000003c 0005 c0000201`],
  },
  {
    name: 'fewer records than counted',
    type: 'A',
    counts: [2, 0, 0],
    records: [`${OWNER} 0001 0001 0000003c 0004 c0000201`],
  },
  {
    name: 'additional records behind the end',
    type: 'A',
    counts: [1, 0, 1],
    records: [`${OWNER} 0001 0001 0000003c 0004 c0000201`],
  },
  {
    name: 'a target that points at itself',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0005 0001 0000003c 0002 c029`],
  },
  {
    name: 'a target that points ahead',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0005 0001 0000003c 0002 c02b`],
  },
  {
    name: 'a target that points into the header',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0005 0001 0000003c 0002 c002`],
  },
  {
    name: 'a target shorter than its length',
    type: 'A',
    counts: [1, 0, 0],
    records: [`${OWNER} 0005 0001 0000003c 0004 c00c 0000`],
  },
  {
    name: 'a target longer than its length',
    type: 'PTR',
    counts: [1, 0, 0],
    records: [`${OWNER} 000c 0001 0000003c 0002 0161 00`],
  },
  {
    name: 'a label of an unknown kind',
    type: 'PTR',
    counts: [1, 0, 0],
    records: [`${OWNER} 000c 0001 0000003c 0003 4161 00`],
  },
  {
    name: 'an SOA without its numbers',
    type: 'SOA',
    counts: [1, 0, 0],
    records: [`${OWNER} 0006 0001 0000003c 0004 c00c c00c`],
  },
  {
    name: 'an SRV without its target',
    type: 'SRV',
    counts: [1, 0, 0],
    records: [`${OWNER} 0021 0001 0000003c 0006 0001 0002 0003`],
  },
  {
    name: 'an unknown type is copied as it is',
    type: 'TYPE1234',
    counts: [1, 0, 0],
    records: [`${OWNER} 04d2 0001 0000003c 0002 c00c`],
    says: ['www.example. 60 IN UNKNOWN_1234 c00c'],
  },
  {
    name: 'the upper bits of the rcode',
    type: 'A',
    counts: [0, 0, 1],
    records: ['00 0029 04d0 01 00 0000 0000'],
    says: [],
  },
] as const

for (const { name, type, counts, records, ...rest } of rows) {
  test(name, () => {
    const q = type === 'TYPE1234' ? typed(asked('A'), 1234) : asked(type)
    const says = 'says' in rest ? rest.says : undefined
    const found = taken(q, raw(q, [...counts], ...records))
    if (says === undefined) equal(found, 'garbage')
    else deepEqual(found.split('\n').slice(2), says)
  })
}

/** The same question with another type. */
function typed(q: Query, type: number): Query {
  const message = Buffer.from(q.bytes)
  message.writeUInt16BE(type, q.questionEnd - 4)
  q.bytes = message
  readQuery(q)
  return q
}

test('a name of 255 octets is taken, one of 256 is garbage', () => {
  const label = `3f${'61'.repeat(63)}`
  const long = (last: number) => `${label.repeat(3)}${last.toString(16).padStart(2, '0')}${'62'.repeat(last)}00`
  const record = (name: string) =>
    `${OWNER} 000c 0001 0000003c ${(name.length / 2).toString(16).padStart(4, '0')} ${name}`
  const q = asked('PTR')
  ok(taken(q, raw(q, [1, 0, 0], record(long(61)))).includes('IN PTR'))
  equal(taken(q, raw(q, [1, 0, 0], record(long(62)))), 'garbage')
})

test('signatures and proofs go to those who set DO, and to nobody else', () => {
  const rrsig = (owner: string, covers: string) =>
    `${owner} 002e 0001 0000003c 0015 ${covers} 0802 0000003c 00000000 00000000 0001 00 aabb`
  const records = [
    `${OWNER} 0001 0001 0000003c 0004 c0000201`,
    rrsig(OWNER, '0001'),
    rrsig(OWNER, '0010'),
    'c010 002f 0001 0000003c 0004 00 0001 40',
  ]
  const lines = (dnssecOk: boolean) => {
    const q = asked('A', 'www.example', dnssecOk)
    return taken(q, raw(q, [3, 1, 0], ...records))
      .split('\n')
      .filter(line => line.includes(' IN '))
      .map(line => line.split(' ')[3])
  }
  deepEqual(lines(false), ['A'])
  deepEqual(lines(true), ['A', 'RRSIG', 'NSEC'])
})

/** Types whose data was taken apart, or is of a fixed size, and OPT. */
const READ_THROUGH = new Set([1, 2, 5, 6, 12, 15, 28, 33, 41])

/** The types of a message's records, which must end where the message does. */
function typesIn(message: Buffer): number[] {
  const found: number[] = []
  let at = skipName(message, 12, message.length) + 4
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10)
  for (let i = 0; i < records; i++) {
    found.push(message.readUInt16BE(skipName(message, at, message.length)))
    at = skipRecord(message, at, message.length)
    ok(at > 0, 'a record does not end within the message')
  }
  equal(at, message.length)
  return found
}

test('whatever a message holds, reading it ends, and what is taken can be written', () => {
  const q = asked('ANY')
  const sound = raw(
    q,
    [2, 1, 1],
    `${OWNER} 0005 0001 0000003c 0004 0161 c010`,
    'c029 000f 0001 0000003c 0004 0001 c029',
    'c010 0006 0001 0000003c 0018 c00c c00c 0000000100000002000000030000000400000005',
    '00 0029 04d0 00 00 8000 0000',
  )
  const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
  const types = [1, 2, 5, 6, 12, 15, 33, 35, 46, 255]
  fc.assert(
    fc.property(changes, fc.nat(sound.length), fc.constantFrom(...types), (edits, cut, type) => {
      const message = Buffer.from(sound)
      for (const [at, octet] of edits) if (at >= q.questionEnd || (at > 5 && at < 12)) message[at] = octet
      const typedQuery = typed(asked('A', 'www.example', true), type)
      const cutMessage = message.subarray(0, Math.max(q.questionEnd, cut))
      if (!readReply(typedQuery, cutMessage, 0, cutMessage.length)) return
      fillAnswer(typedQuery)
      const written = Buffer.from(out.slice(0, encode(typedQuery, typedQuery.answer, out, 0, 65_535, 1232, true)))
      // Data of types with no names to expand is passed on as it came (RFC 3597 §3): another reader may not like it.
      if (typesIn(written).every(found => READ_THROUGH.has(found))) replyText(written)
    }),
    { numRuns: 20_000 },
  )
})

test('a reply is one by id, QR, opcode and question', () => {
  const q = asked('A')
  const message = new Uint8Array(MAX_QUERY_BYTES)
  const octets = writeQuery(message, q.qname, q.qnameLength, 1, 0x100, true, false, false)
  const good = raw(q, [0, 0, 0])
  equal(compare(message, octets, good, 0, good.length), MATCH)
  const cases = [
    { name: 'QR=0', at: 2, octet: 0x01 },
    { name: 'opcode NOTIFY', at: 2, octet: 0xa1 },
    { name: 'two questions', at: 5, octet: 2 },
    { name: 'another name', at: 14, octet: 0x78 },
    { name: 'another type', at: q.questionEnd - 3, octet: 28 },
    { name: 'another class', at: q.questionEnd - 1, octet: 3 },
  ]
  for (const { name, at, octet } of cases) {
    const bad = Buffer.from(good)
    bad[at] = octet
    equal(compare(message, octets, bad, 0, bad.length), JUNK, name)
  }
  for (let length = 0; length < good.length; length++) equal(compare(message, octets, good, 0, length), JUNK)
})

test('the query that is built', () => {
  const q = asked('A')
  const message = Buffer.alloc(MAX_QUERY_BYTES, 0xff)
  const octets = writeQuery(message, q.qname, q.qnameLength, 28, 0x110, true, true, false)
  const hex = message.toString('hex', 0, octets)
  equal(
    hex,
    text`000001100001000000000001 03777777076578616d706c6500 001c0001 00002904d0000080000000`.replaceAll(' ', ''),
  )
})

test.run()
