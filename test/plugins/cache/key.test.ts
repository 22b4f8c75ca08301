/** CVE-2024-0874 and its kin: who shares an entry, and who never may. */
import { encode, type Packet } from 'dns-packet'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, QUESTION, Query, type Stage } from '../../../server/plugin.ts'
import { readQuery } from '../../../server/wire/query.ts'
import { cached, stopTheClock } from './backend.ts'

stopTheClock()

interface Question {
  block: number
  name: string
  type: string
  class: string
  dnssecOk: boolean
  cd: boolean
  /** What an entry must not depend on. */
  ad: boolean
  upper: boolean
  edns: boolean
  subnet: string | undefined
}

function read({ name, type, class: of, dnssecOk, cd, ad, upper, edns, subnet }: Question): Query {
  const options = subnet === undefined ? [] : [{ code: 'CLIENT_SUBNET', ip: subnet, sourcePrefixLength: 24 }]
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: dnssecOk ? 0x8000 : 0, options }
  const q = new Query()
  q.bytes = encode({
    type: 'query',
    id: 1,
    flags: 0x100 | (cd ? 0x10 : 0) | (ad ? 0x20 : 0),
    questions: [{ name: upper ? name.toUpperCase() : name, type, class: of }],
    ...((edns || dnssecOk || subnet) && { additionals: [opt] }),
  } as unknown as Packet)
  q.length = q.bytes.length
  q.receivedAtMs = performance.now()
  readQuery(q)
  return q
}

/** Everything that an answer may depend on. */
const keyOf = (q: Query, block: number) =>
  [block, q.qnameText, q.qtype, q.qclass, q.dnssecOk, q.checkingDisabled].join(' ')

function dataOf(a: Answer): string {
  const { data, dataAt, dataLength } = a.answer
  return Buffer.from(data[0]!.buffer, data[0]!.byteOffset + dataAt[0]!, dataLength[0]).toString()
}

const question = fc.record<Question>({
  block: fc.nat(1),
  // Of few names, such that one ends in another, and one goes on where another ends.
  name: fc.constantFrom('a.test', 'b.test', 'a.a.test', 'test', 'a.testa', 'a'.repeat(60)),
  type: fc.constantFrom('A', 'AAAA', 'TXT', 'HINFO'),
  class: fc.constantFrom('IN', 'CH', 'HS'),
  dnssecOk: fc.boolean(),
  cd: fc.boolean(),
  ad: fc.boolean(),
  upper: fc.boolean(),
  edns: fc.boolean(),
  subnet: fc.constantFrom(undefined, '192.0.2.0', '198.51.100.0'),
})

test('queries that differ in name, type, class, DO, CD or block share no entry; those that differ in else do', () => {
  fc.assert(
    fc.property(fc.array(question, { maxLength: 60 }), questions => {
      const blocks = ['cache', 'cache'].map(body => cached(body, q => q.answer).stages[0]!)
      const asked = new Set<string>()
      for (const each of questions) {
        const q = read(each)
        const key = keyOf(q, each.block)
        let isAsked = false
        const next: Parameters<NonNullable<Stage['handle']>>[1] = of => {
          isAsked = true
          const a = of.answer.reset()
          const octets = Buffer.from(key)
          a.answer.add(QUESTION, 0, of.qtype, 300, octets)
          return a
        }
        const a = blocks[each.block]!.handle!(q, next) as Answer
        assert.is(dataOf(a), key)
        assert.is(isAsked, !asked.has(key))
        asked.add(key)
      }
    }),
    { numRuns: 200 },
  )
})

test.run()
