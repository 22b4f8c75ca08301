/** The data of an OPT (RFC 6891 §6.1.2) in a query that is sound otherwise, and the reply to it. */
import * as reply from '../../../server/reply.ts'
import { EDE } from '../../../server/wire/codes.ts'
import { encode } from '../../../server/wire/encode.ts'
import { Query, readQuery } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'
import { checkReply } from '../reply-check.ts'
import { hexWords, type Outcome, type Target } from '../target.ts'

const ASKED = query('www.example', { edns: 4096 })
const HEAD_BYTES = ASKED.length - 2
const bytes = new Uint8Array(65_535)
const out = new Uint8Array(65_535)
const q = new Query()

export const target: Target = {
  name: 'opt',
  isText: false,
  bound: { base: 300, perOctet: 2 },
  maxBytes: 2000,
  words: hexWords(
    '000a0008',
    '000a0018',
    '00080008',
    '000b0000',
    '000b0002',
    '000c0010',
    '00030000',
    '000f0002',
    '00000000',
    'ffff',
  ),
  seeds: [
    ['none', ''],
    ['cookie', '000a00080102030405060708'],
    ['server-cookie', `000a0018${'31'.repeat(24)}`],
    ['client-subnet', '00080008000120000a000001'],
    ['client-subnet-6', '0008000b0002380020010db8000001'],
    ['keepalive', '000b0000'],
    ['padding', `000c0010${'00'.repeat(16)}`],
    ['nsid-five-times', '00030000'.repeat(5)],
    ['hundred-unknown', 'fde90000'.repeat(100)],
    ['length-beyond-data', '000a00ff0102'],
  ].map(([label, hex]) => ({ label: label!, octets: Buffer.from(hex!, 'hex') })),
  run(octets): Outcome {
    bytes.set(ASKED)
    bytes[HEAD_BYTES] = octets.length >> 8
    bytes[HEAD_BYTES + 1] = octets.length & 255
    bytes.set(octets, ASKED.length)
    q.bytes = bytes
    q.length = ASKED.length + octets.length
    q.stream = false
    const rcode = readQuery(q)
    if (rcode !== 0) return { kind: 'refused' }
    const length = encode(q, reply.refused(q, EDE.PROHIBITED), out, 0, q.replyBytes, 1232, true)
    return { kind: checkReply(bytes.subarray(0, q.length), out, 0, length, false), octets: q.length }
  },
}
