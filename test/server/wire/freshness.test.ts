import { encode, type Packet } from 'dns-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshness } from '../../../server/wire/freshness.ts'

const test = suite('freshness')

const a = (ttl: number) => ({ name: 'a.example', type: 'A', class: 'IN', ttl, data: '192.0.2.1' })
const soa = (ttl: number, minimum: number) => {
  const numbers = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum }
  return {
    name: 'example',
    type: 'SOA',
    class: 'IN',
    ttl,
    data: { mname: 'ns.example', rname: 'root.example', ...numbers },
  }
}
const OPT = { name: '.', type: 'OPT', udpPayloadSize: 1232, flags: 0, options: [] }

const ROWS: {
  name: string
  answers?: object[]
  authorities?: object[]
  additionals?: object[]
  rcode?: number
  s: number
}[] = [
  { name: 'one record', answers: [a(30)], s: 30 },
  { name: 'the least of several', answers: [a(30), a(20), a(40)], s: 20 },
  { name: 'of all sections', answers: [a(30)], additionals: [a(10)], s: 10 },
  { name: 'an OPT is no record', answers: [a(30)], additionals: [OPT], s: 30 },
  { name: 'a denial: the TTL of its SOA', authorities: [soa(5, 900)], rcode: 3, s: 5 },
  { name: 'a denial: the MINIMUM of its SOA', authorities: [soa(900, 5)], additionals: [OPT], s: 5 },
  { name: 'an hour at most', answers: [a(86_400)], s: 3600 },
  { name: 'TTL 0', answers: [a(0), a(30)], s: 0 },
  { name: 'no record', s: 0 },
  { name: 'an OPT alone', additionals: [OPT], s: 0 },
  { name: 'SERVFAIL', answers: [a(30)], rcode: 2, s: 0 },
  { name: 'REFUSED', rcode: 5, additionals: [OPT], s: 0 },
]

for (const { name, answers = [], authorities = [], additionals = [], rcode = 0, s } of ROWS) {
  test(name, () => {
    const questions = [{ name: 'a.example', type: 'A', class: 'IN' }]
    const packet = { type: 'response', id: 1, flags: rcode, questions, answers, authorities, additionals }
    const message = encode(packet as unknown as Packet)
    const memory = Buffer.concat([Buffer.alloc(7, 0xee), message, Buffer.alloc(7, 0xee)])
    assert.is(freshness(memory, 7, message.length), s)
    for (let length = 12; length < message.length; length++) assert.ok(freshness(memory, 7, length) <= 3600)
  })
}

test('a header alone', () => assert.is(freshness(Buffer.from('4b38810400000000000000000000', 'hex'), 0, 12), 0))

test.run()
