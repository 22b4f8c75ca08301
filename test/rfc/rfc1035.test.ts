/** RFC 1035, Domain Names - Implementation and Specification: the header, names and their limits, sizes, what ends too soon. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { capturedLog } from '../harness/captured-log.ts'
import { overUdp } from './exchange.ts'
import { ID, K, octetsOf } from './message.ts'
import { DROPPED, probe, type Row } from './probe.ts'
import { ANSWERED, FORMERR, NXDOMAIN, REFUSED } from './replies.ts'

const test = suite('RFC 1035')
const label = (octets: number, character = 'a') =>
  octets.toString(16).padStart(2, '0') + Buffer.from(character.repeat(octets)).toString('hex')
const ZONE = '07636c7573746572 056c6f63616c 00'
/** A name of so many octets that ends in cluster.local. */
const nameOf = (octets: number) => `${label(63) + label(63, 'b') + label(63, 'c')}${label(octets - 3 * 64 - 16)}${ZONE}`
const header = octetsOf('4b38 0100 0001 0000 0000 0000')

const rows: Row[] = [
  { id: 'A10', level: 'M', source: 'RFC 1035 §4.1.1', what: 'id 0', ask: { id: 0 }, is: ANSWERED },
  { id: 'A10', level: 'M', source: 'RFC 1035 §4.1.1', what: 'id 65535', ask: { id: 0xffff }, is: ANSWERED },
  {
    id: 'C5',
    level: 'S',
    source: 'RFC 1035 §4.1',
    what: 'a record in the answer section of a query is FORMERR',
    ask: { counts: [1, 1, 0, 0], records: 'c00c 0001 0001 00000005 0004 0a600001' },
    is: FORMERR,
  },
  {
    id: 'C6',
    level: 'S',
    source: 'RFC 1035 §4.1',
    what: 'two records in the authority section of a query are FORMERR',
    ask: {
      counts: [1, 0, 2, 0],
      records: 'c00c 0001 0001 00000005 0004 0a600001 c00c 0001 0001 00000005 0004 0a600002',
    },
    is: FORMERR,
  },
  {
    id: 'C6',
    level: 'S',
    source: 'RFC 1995 §3',
    what: 'one is too, where the question is not IXFR',
    ask: { counts: [1, 0, 1, 0], records: 'c00c 0001 0001 00000005 0004 0a600001' },
    is: FORMERR,
  },
  {
    id: 'C7',
    level: 'C',
    source: 'RFC 1035 §4.1',
    what: 'an address in the additional section of a query is ignored',
    ask: { counts: [1, 0, 0, 1], records: 'c00c 0001 0001 00000005 0004 0a600001' },
    is: ANSWERED,
  },
  {
    id: 'C8',
    level: 'M',
    source: 'RFC 1035 §4.1.3',
    what: 'a record that is counted and not there is FORMERR',
    ask: '4b3801000001000000000001 <K> 00010001',
    is: FORMERR,
  },
  {
    id: 'C8',
    level: 'M',
    source: 'RFC 1035 §4.1.3',
    what: 'a record that breaks off is FORMERR',
    ask: '4b3801000001000000000001 <K> 00010001 c00c 0001 0001 00000005 0004 0a60',
    is: FORMERR,
  },
  {
    id: 'C9',
    level: 'C',
    source: 'RFC 1035 §4.1',
    what: 'octets behind the message are ignored',
    ask: { behind: 'deadbeef' },
    is: ANSWERED,
  },
  ...Array.from(
    { length: 12 },
    (_, octets): Row => ({
      id: 'C11',
      level: 'M',
      source: 'RFC 1035 §4.1.1',
      what: `${octets} octets are no message`,
      ask: header.toString('hex', 0, octets),
      is: DROPPED,
    }),
  ),
  {
    id: 'C12',
    level: 'M',
    source: 'RFC 1035 §4.1.2',
    what: 'a header that counts a question, alone, is FORMERR',
    ask: header.toString('hex'),
    is: FORMERR,
  },
  {
    id: 'C13',
    level: 'M',
    source: 'RFC 1035 §4.1.2',
    what: 'a question without type and class is FORMERR',
    ask: '4b380100000100000000000003777777076578616d706c6503636f6d00',
    is: FORMERR,
  },
  {
    id: 'C13',
    level: 'M',
    source: 'RFC 1035 §4.1.2',
    what: 'a question with half a class is FORMERR',
    ask: '4b380100000100000000000003777777076578616d706c6503636f6d00 0001 00',
    is: FORMERR,
  },
  {
    id: 'D6',
    level: 'M',
    source: 'RFC 1035 §2.3.4',
    what: 'a name of 255 octets is a name',
    ask: { name: { hex: nameOf(255) } },
    is: NXDOMAIN,
    also: octets => equal(Buffer.from(octets).readUInt16BE(12 + 255), 1),
  },
  {
    id: 'D7',
    level: 'M',
    source: 'RFC 1035 §2.3.4',
    what: 'one of 256 octets is FORMERR',
    ask: { name: { hex: nameOf(256) } },
    is: FORMERR,
  },
  {
    id: 'D7',
    level: 'M',
    source: 'RFC 1035 §2.3.4',
    what: 'a label of 64 octets is FORMERR',
    ask: { name: { hex: `40${'61'.repeat(64)}${ZONE}` } },
    is: FORMERR,
  },
  {
    id: 'D8',
    level: 'M',
    source: 'RFC 1035 §2.3.4',
    what: '127 labels of one octet are a name',
    ask: { name: { hex: `${'0161'.repeat(127)}00` } },
    is: REFUSED,
  },
  {
    id: 'D9',
    level: 'M',
    source: 'RFC 2181 §11',
    what: 'a zero octet in a label ends nothing',
    ask: { name: { hex: `0b 6b756265726e6574657300 07 64656661756c74 03 737663 ${ZONE}` } },
    is: NXDOMAIN,
  },
  {
    id: 'D12',
    level: 'M',
    source: 'RFC 2181 §11',
    what: 'labels may hold any octet',
    ask: { name: { hex: `05 80ff1b225c 03 0a0d00 07 64656661756c74 03 737663 ${ZONE}` } },
    is: NXDOMAIN,
  },
  {
    id: 'D13',
    level: 'M',
    source: 'RFC 8906 §3.1.1',
    what: 'the root is REFUSED where nobody has it',
    ask: { name: '.' },
    is: REFUSED,
  },
  {
    id: 'E4',
    level: 'S',
    source: 'RFC 6895 §3.1',
    what: 'QTYPE OPT is FORMERR',
    ask: { type: 'OPT' },
    is: FORMERR,
  },
  {
    id: 'E4',
    level: 'S',
    source: 'RFC 6895 §3.1',
    what: 'QTYPE TSIG is FORMERR',
    ask: { type: 'TSIG' },
    is: FORMERR,
  },
]
const made = probe(test, rows, { lines: 'errors\nlog' })

test('D12 M: the query log has such a name on one line, escaped', async () => {
  const { port } = made.world.server
  const lines = await capturedLog(async () => {
    await overUdp(octetsOf({ name: { hex: `05 80ff1b225c 04 0a0d0020 ${ZONE}` } }), port, false)
  })
  const line = lines.find(text => text.includes('\\128\\255'))
  ok(line !== undefined, lines.join('|'))
  ok(line.includes('\\128\\255\\027'), line)
  for (const character of line) ok(character >= ' ' && character <= '~', line)
})

test('D13 M: the root is forwarded where a block is for it', async () => {
  const { server, upstream } = made.world
  await server.reload(`. {\nbind 127.0.0.1\nforward . ${upstream.address}\n}\n`)
  equal((await server.ask('.', { id: ID })).split('\n')[0], 'NOERROR rd ra')
  equal((await server.ask(K, { id: ID })).split('\n')[0], 'NOERROR rd ra')
})

test.run()
