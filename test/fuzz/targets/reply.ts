/** What upstreams send: whether it is a reply, what is taken of it, and the reply that is made of that. */
import { compare, MAX_QUERY_BYTES, writeQuery } from '../../../plugins/forward/message/query.ts'
import { fillAnswer, readReply } from '../../../plugins/forward/message/taken.ts'
import { encode } from '../../../server/wire/encode.ts'
import { Query, readQuery, skipRecord } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'
import { hexWords, hold, type Outcome, type Target } from '../target.ts'

const HEADER_BYTES = 12
const COUNTS_BYTES = 6
const TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'SRV', 'SOA', 'ANY']
const asked = TYPES.flatMap(type =>
  [false, true].map(dnssecOk => {
    const message = query('www.example', { type, edns: 1232, dnssecOk })
    const q = new Query()
    q.bytes = message
    q.length = message.length
    q.stream = true
    readQuery(q)
    return q
  }),
)
const sent = new Uint8Array(MAX_QUERY_BYTES)
const sentBytes = writeQuery(sent, asked[0]!.qname, asked[0]!.qnameLength, 1, 0x100, true, false, false)
const out = new Uint8Array(65_535)

const A = '0001 0001 0000003c 0004 c0000201'
const SOA = '0006 0001 0000003c 0016 c00c 00 0000000100000002000000030000000400000005'
const CNAME = 'c00c 0005 0001 0000003c 0004 0161 c010'
const RRSIG = '002e 0001 0000003c 0015 0001 0802 0000003c 00000000 00000000 0001 00 aabb'

/** Which question it answers, the counts of its sections, the records behind the question. */
const seed = (label: string, question: number, counts: string, ...records: string[]) => ({
  label,
  octets: Buffer.from(
    `${question.toString(16).padStart(2, '0')}8180${counts}${records.join('')}`.replaceAll(' ', ''),
    'hex',
  ),
})

export const target: Target = {
  name: 'reply',
  isText: false,
  bound: { base: 300, perOctet: 300 },
  maxBytes: 4000,
  words: hexWords(
    'c00c',
    'c010',
    'c029',
    'c000',
    '00010001',
    '001c0001',
    '00050001',
    '00020001',
    '000f0001',
    '00210001',
    '00060001',
    '002e0001',
    '002f0001',
    '00270001',
    '0000003c',
    '80000000',
    'ffffffff',
    '00002904d0000000000000',
    '3f',
    '40',
    '80',
  ),
  seeds: [
    seed('address', 0, '0001 0000 0000', 'c00c', A),
    seed('alias', 0, '0002 0000 0000', CNAME, 'c029', A),
    seed('denial', 1, '0000 0001 0001', 'c010', SOA, '00 0029 04d0 00 00 8000 0000'),
    seed('signed', 1, '0002 0000 0000', 'c00c', A, 'c00c', RRSIG),
    seed('mail', 6, '0001 0000 0001', 'c00c 000f 0001 0000003c 0009 000a 046d61696c c010 c029', A),
    seed('service', 10, '0001 0000 0000', 'c00c 0021 0001 0000003c 000a 0001 0002 0003 0161 c010'),
    seed('anything', 14, '0003 0000 0000', 'c00c', A, CNAME, 'c010 0002 0001 0000003c 0002 c00c'),
    seed('redirection', 0, '0002 0000 0000', 'c010 0027 0001 0000003c 0003 0162 00', CNAME),
    seed('authority', 12, '0001 0001 0000', 'c00c', SOA, 'c010 002f 0001 0000003c 0004 00 0001 40'),
    seed('badvers', 0, '0000 0000 0001', '00 0029 04d0 01 00 0000 0000'),
  ],
  run(octets): Outcome {
    const q = asked[(octets[0] ?? 0) % asked.length]!
    const verdict = compare(sent, sentBytes, octets, 0, octets.length)
    const message = Buffer.concat([q.bytes.subarray(0, q.questionEnd), octets.subarray(3 + COUNTS_BYTES)])
    message.set(octets.subarray(1, 3), 2)
    message[2]! |= 0x80
    message.set(octets.subarray(3, 3 + COUNTS_BYTES), COUNTS_BYTES)
    if (!readReply(q, message, 0, message.length)) return { kind: `${verdict} garbage` }
    fillAnswer(q)
    const length = encode(q, q.answer, out, 0, 65_535, 1232, true)
    const counts = [6, 8, 10].map(at => (out[at]! << 8) | out[at + 1]!)
    let at = q.questionEnd
    for (let i = counts.reduce((sum, one) => sum + one); i > 0; i--) at = skipRecord(out, at, length)
    hold(length >= HEADER_BYTES && at === length, 'records do not end where the reply does')
    const sizes = counts.map(one => Math.min(one, 3)).join('')
    return { kind: `${verdict} ${out[3]! & 15} ${sizes}`, octets: message.length + length }
  },
}
