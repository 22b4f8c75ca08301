/** Every known difference is a row of docs/differences.md, and the pieces that compare can tell replies apart. */
import { readFileSync } from 'node:fs'
import { decode } from 'dns-packet'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { settingsOf } from '../plugins/kubernetes/cluster.ts'
import { differences, differsInCase, faults } from './compare.ts'
import { type Configuration, configurations } from './configurations.ts'
import { decodeReply, encodeQuery, labelsOf, nameText, type Reply, TYPE } from './dns.ts'
import { known } from './known.ts'
import { reverseName } from './names.ts'
import { questionsFor, questionText } from './questions.ts'

const rows = readFileSync(`${import.meta.dirname}/../../docs/differences.md`, 'utf8').split('\n')

/** False for what this Sextant refuses, such as an option that it has not: its differences need no row. */
function isTaken({ zones, body = [] }: Configuration): boolean {
  try {
    settingsOf(zones.join(' '), body.join('\n'))
    return true
  } catch {
    return false
  }
}

for (const { row, needs } of known) {
  if (needs !== undefined && !isTaken(configurations.find(({ name }) => name === needs)!)) continue
  test(`docs/differences.md has "${row}"`, () => {
    assert.is(rows.filter(line => line.startsWith('|') && line.includes(`| ${row}`)).length, 1)
  })
}

test('no known difference is there twice', () => {
  assert.is(new Set(known.map(({ row }) => row)).size, known.length)
})

const reply = (over: Partial<Reply> = {}): Reply => ({
  rcode: 0,
  aa: true,
  tc: false,
  ra: false,
  octets: 100,
  question: 'a.example. A',
  answer: [
    { owner: 'a.example.', type: TYPE.A, ttl: 5, data: '10.0.0.1' },
    { owner: 'a.example.', type: TYPE.A, ttl: 5, data: '10.0.0.2' },
  ],
  authority: [],
  additional: [],
  ...over,
})

const pairs: { name: string; other: Reply | undefined; in: string[] }[] = [
  { name: 'the same', other: reply(), in: [] },
  { name: 'another order', other: reply({ answer: reply().answer.toReversed() }), in: [] },
  { name: 'RA', other: reply({ ra: true }), in: [] },
  { name: 'another rcode', other: reply({ rcode: 3 }), in: ['rcode'] },
  { name: 'AA', other: reply({ aa: false }), in: ['aa'] },
  { name: 'TC, whatever is left of the records', other: reply({ tc: true, answer: [] }), in: ['tc'] },
  { name: 'one record less', other: reply({ answer: reply().answer.slice(1) }), in: ['answer'] },
  { name: 'one TTL', other: reply({ answer: reply().answer.map((rr, i) => ({ ...rr, ttl: 5 + i })) }), in: ['answer'] },
  {
    name: 'a record in another section',
    other: reply({ answer: [], additional: reply().answer }),
    in: ['answer', 'additional'],
  },
  { name: 'no reply', other: undefined, in: ['reply'] },
]
for (const { name, other, in: found } of pairs) {
  test(`finds ${name}`, () => assert.equal(differences(reply(), other), found))
}

test('finds names that are spelled otherwise', () => {
  const shouted = reply({ answer: reply().answer.map(rr => ({ ...rr, owner: 'A.example.' })) })
  assert.equal(differences(reply(), shouted), [])
  assert.is(differsInCase(reply(), shouted), true)
  assert.is(differsInCase(reply(), reply()), false)
})

const shout = reply({ answer: [{ owner: 'A.example.', type: TYPE.A, ttl: 5, data: '10.0.0.1' }] })
const wrongs: { name: string; reply: Reply; in: string[] }[] = [
  { name: 'nothing wrong', reply: reply(), in: [] },
  { name: 'no question, as in FORMERR', reply: reply({ question: undefined, answer: [] }), in: [] },
  { name: 'another spelling of the question', reply: reply({ question: 'A.example. A' }), in: ['question'] },
  { name: 'another spelling of the owner', reply: shout, in: ['owner'] },
  { name: 'a record twice', reply: reply({ answer: [...reply().answer, ...reply().answer] }), in: ['repeats'] },
]
for (const wrong of wrongs) {
  test(`finds ${wrong.name}`, () => assert.equal(faults(wrong.reply, 'a.example.', 'A'), wrong.in))
}

test('queries are what an independent reader takes them for', () => {
  const { questions, additionals, ...header } = decode(
    encodeQuery(labelsOf('a.example'), TYPE.SRV, { rd: true, edns: 1232, dnssecOk: true }),
  )
  assert.equal(questions, [{ name: 'a.example', type: 'SRV', class: 'IN' }])
  const [opt] = additionals as unknown as { type: string; udpPayloadSize: number; flag_do: boolean }[]
  assert.equal([opt!.type, opt!.udpPayloadSize, opt!.flag_do, header.flag_rd], ['OPT', 1232, true, true])
})

test('replies are read with pointers, escapes and all', () => {
  const message = Buffer.from(
    '4b388580000100010001000003612e6204746573740000010001' +
      'c00c000500010000001e00050262c3c010' +
      'c010000600010000001e001a026e73c01002686dc0100000000700000001000000020000000300000004',
    'hex',
  )
  const read = decodeReply(message)
  assert.is(read.question, 'a\\046b.test. A')
  assert.equal(read.answer, [{ owner: 'a\\046b.test.', type: TYPE.CNAME, ttl: 30, data: 'b\\195.test.' }])
  assert.is(read.authority[0]!.data, 'ns.test. hm.test. SERIAL 1 2 3 4')
  assert.is(read.aa && !read.tc, true)
})

test('reverse names', () => {
  assert.is(reverseName('10.96.0.1'), '1.0.96.10.in-addr.arpa')
  assert.is(reverseName('2001:db8::1'), '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})

for (const configuration of configurations) {
  test(`questions for "${configuration.name}" are many, legal, and the same each time`, () => {
    const zones = configuration.means ?? [...configuration.zones, ...(configuration.keys ?? [])]
    const once = questionsFor(configuration, zones, 1, 1000)
    assert.ok(new Set(once.map(questionText)).size >= 1000)
    assert.equal(questionsFor(configuration, zones, 1, 1000).map(questionText), once.map(questionText))
    assert.ok(once.every(({ labels }) => labels.reduce((sum, { length }) => sum + length + 1, 1) <= 255))
    assert.ok(questionsFor(configuration, zones, 2, 1000).map(questionText).join() !== once.map(questionText).join())
    assert.ok(once.some(({ labels }) => nameText(labels).includes('\\')))
  })
}

test.run()
