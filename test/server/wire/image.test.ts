/** An answer, its image, and what is made of the image again: the same octets, whatever is in them and whoever asks. */
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { QUESTION, Query, type Section } from '../../../server/plugin.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { encode } from '../../../server/wire/encode.ts'
import { MAX_IMAGE_BYTES, writeImage } from '../../../server/wire/image-writer.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { readQuery } from '../../../server/wire/query.ts'
import { type Ask, query, replyText, text } from '../../harness/message.ts'

const memory = new Uint8Array(MAX_IMAGE_BYTES)

function asked(name: string, ask: Ask = {}): Query {
  const q = new Query()
  q.bytes = query(name, ask)
  q.length = q.bytes.length
  readQuery(q)
  return q
}

function octetsOf(q: Query, limit = 65_535, a = q.answer): Uint8Array {
  const out = new Uint8Array(65_535)
  a.truncated = false
  return out.slice(0, encode(q, a, out, 0, limit, 1232, true))
}

/** Gives `to` the image of what `from` was answered. */
function pass(from: Query, to: Query): void {
  const octets = writeImage(from, from.answer, memory, 0)
  const words = to.answer.reset().image.room(octets)
  new Uint8Array(words.buffer).set(memory.subarray(0, octets))
  to.answer.openImage(to, octets)
}

const label = fc.oneof({ weight: 5, arbitrary: fc.stringMatching(/^[a-c]{1,12}$/) }, fc.constant('d'.repeat(63)))
/** From the root on to names of some 250 octets. */
const name = fc
  .array(label, { maxLength: 6 })
  .map(labels => `${labels.join('.')}.`)
  .map(text =>
    text.length > 254 ? `${text.slice(0, 128).replace(/\.?$/, '.')}${'e'.repeat(60)}.${'f'.repeat(61)}.` : text,
  )
const octets = (...head: number[]) => name.map(target => Uint8Array.from([...head, ...nameFromText(target)]))
const data: fc.Arbitrary<[number, Uint8Array]> = fc.oneof(
  fc.tuple(fc.constant(TYPE.A), fc.uint8Array({ minLength: 4, maxLength: 4 })),
  fc.tuple(fc.constant(TYPE.AAAA), fc.uint8Array({ minLength: 16, maxLength: 16 })),
  fc.tuple(fc.constant(TYPE.TXT), fc.uint8Array({ maxLength: 300 })),
  fc.tuple(fc.constant(TYPE.TXT), fc.constant(new Uint8Array(5000).fill(0xc0))), // beyond what pointers reach
  fc.tuple(fc.constantFrom(TYPE.CNAME, TYPE.NS, TYPE.PTR), octets()),
  fc.tuple(fc.constant(TYPE.MX), octets(0, 10)),
  fc.tuple(fc.constant(TYPE.SRV), octets(0, 0, 0, 100, 0, 80)),
  fc.tuple(
    fc.constant(TYPE.SOA),
    fc
      .tuple(name, name)
      .map(names => Uint8Array.from([...names.flatMap(n => [...nameFromText(n)]), ...Array(20).keys()])),
  ),
)
/** Of the question's name or a part of it, of the target of the record before, or of any name. */
const owner = fc.oneof(fc.nat(2), fc.constant('target'), name)
const record = fc.record({ owner, data, ttl: fc.integer({ min: 0, max: 0x7fffffff }) })
const section = fc.array(record, { maxLength: 20 })

function fill(
  q: Query,
  to: Section,
  records: readonly { owner: number | string; data: [number, Uint8Array]; ttl: number }[],
) {
  let before: [number, Uint8Array] | undefined
  for (const { owner, data, ttl } of records) {
    if (typeof owner === 'number') to.add(QUESTION, q.labelAt[Math.min(owner, q.labelCount)]!, data[0], ttl, data[1])
    else if (owner !== 'target') to.add(nameFromText(owner), 0, data[0], ttl, data[1])
    else if (before?.[0] === TYPE.SRV) to.add(before[1], 6, data[0], ttl, data[1])
    else if (before?.[0] === TYPE.CNAME) to.add(before[1], 0, data[0], ttl, data[1])
    before = data
  }
}

function setTtls({ answer }: Query, set: (ttl: number) => number) {
  for (const { ttl, count } of [answer.answer, answer.authority, answer.additional]) {
    for (let i = 0; i < count; i++) ttl[i] = set(ttl[i]!)
  }
}

test('an image is sent as its answer would be, whole, cut, or with its sections made again', () => {
  fc.assert(
    fc.property(
      name,
      section,
      section,
      section,
      fc.nat(0x7fffffff),
      fc.integer({ min: 300, max: 20_000 }),
      fc.record({ upper: fc.boolean(), edns: fc.boolean() }),
      (of, ...rest) => {
        const [answers, authorities, additionals, age, limit, { upper, edns }] = rest
        const q = asked(of, { edns: 1232 })
        const { answer: a } = q
        fill(q, a.answer, answers)
        fill(q, a.authority, authorities)
        fill(q, a.additional, additionals)
        const other = asked(upper ? of.toUpperCase() : of, edns ? { edns: 1232 } : {})
        const whole = octetsOf(other, 65_535, a)
        const cut = octetsOf(other, limit, a)
        pass(q, other)
        assert.equal(octetsOf(other), whole)
        assert.is(other.answer.isImage, true)
        assert.equal(octetsOf(other, limit), cut)
        pass(q, other)
        assert.is(other.answer.answer.count, a.answer.count)
        assert.is(other.answer.isImage, false)
        assert.equal(octetsOf(other), whole)

        pass(q, other)
        other.answer.image.age(age)
        setTtls(q, ttl => Math.max(0, ttl - age))
        assert.equal(octetsOf(other), octetsOf(other, 65_535, a))
        pass(q, other)
        other.answer.image.setTtl(age)
        setTtls(q, () => age)
        assert.equal(octetsOf(other), octetsOf(other, 65_535, a))
      },
    ),
    { numRuns: 300 },
  )
})

test('TTLs count down to 0 and no further, those over 2^31 too', () => {
  const q = asked('x.test')
  for (const ttl of [0xffffffff, 100, 30, 0]) q.answer.answer.add(QUESTION, 0, TYPE.A, ttl, Uint8Array.of(1, 2, 3, 4))
  const other = asked('x.test')
  pass(q, other)
  other.answer.image.age(30)
  assert.equal(other.answer.answer.ttl.slice(0, 4), [0xffffffff - 30, 70, 0, 0])
})

test('the question is spelled as it is asked, and what points into it too', () => {
  const q = asked('www.shop.test')
  q.answer.answer.add(QUESTION, 0, TYPE.CNAME, 5, nameFromText('cdn.shop.test'))
  q.answer.answer.add(nameFromText('cdn.shop.test'), 0, TYPE.A, 5, Uint8Array.of(1, 2, 3, 4))
  const other = asked('wWw.Shop.teST')
  pass(q, other)
  const expected = text`
    NOERROR rd ra
    ;; ANSWER
    wWw.Shop.teST. 5 IN CNAME cdn.Shop.teST.
    cdn.Shop.teST. 5 IN A 1.2.3.4
  `
  assert.is(replyText(octetsOf(other)), expected)
  assert.is(other.answer.answer.count, 2)
  assert.is(replyText(octetsOf(other)), expected)
})

for (const { name, records, isPlain, addresses } of [
  { name: 'one address', records: [TYPE.A], isPlain: true, addresses: 0 },
  { name: 'addresses', records: [TYPE.A, TYPE.A, TYPE.A], isPlain: true, addresses: 3 },
  { name: 'aliases, then addresses', records: [TYPE.CNAME, TYPE.CNAME, TYPE.A, TYPE.A], isPlain: true, addresses: 2 },
  { name: 'aliases', records: [TYPE.CNAME, TYPE.CNAME], isPlain: true, addresses: 0 },
  { name: 'texts', records: [TYPE.TXT, TYPE.TXT], isPlain: true, addresses: 0 },
  { name: 'nothing', records: [], isPlain: true, addresses: 0 },
  { name: 'an alias behind', records: [TYPE.A, TYPE.CNAME], isPlain: false, addresses: 0 },
  { name: 'exchanges', records: [TYPE.MX, TYPE.MX], isPlain: false, addresses: 0 },
  { name: 'a signature among addresses', records: [TYPE.A, TYPE.A, TYPE.RRSIG], isPlain: false, addresses: 0 },
]) {
  test(`its shape: ${name}`, () => {
    const q = asked('x.test')
    for (const type of records) {
      const target = type === TYPE.CNAME ? nameFromText('y.test') : Uint8Array.of(0, 9, 0, 0)
      q.answer.answer.add(QUESTION, 0, type, 5, target)
    }
    const other = asked('x.test')
    pass(q, other)
    assert.is(other.answer.image.isPlain, isPlain)
    assert.is(other.answer.image.addresses, addresses)
  })
}

for (const section of ['authority', 'additional'] as const) {
  test(`its shape: addresses in the ${section} section, whose order could matter`, () => {
    const q = asked('x.test')
    q.answer.answer.add(QUESTION, 0, TYPE.TXT, 5, Uint8Array.of(1, 65))
    for (let i = 0; i < 2; i++) q.answer[section].add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(192, 0, 2, i))
    const other = asked('x.test')
    pass(q, other)
    assert.is(other.answer.image.isPlain, false)
  })
}

test('addresses change places in their data, and unlike ones are no set', () => {
  for (const unlike of [false, true]) {
    const q = asked('x.test')
    const target = nameFromText('a.very.long.name.that.is.written.once.test')
    q.answer.answer.add(QUESTION, 0, TYPE.CNAME, 5, target)
    for (let i = 1; i <= 3; i++) q.answer.answer.add(target, 0, TYPE.A, unlike ? i : 5, Uint8Array.of(1, 2, 3, i))
    const other = asked('x.test')
    pass(q, other)
    assert.is(other.answer.image.addresses, unlike ? 0 : 3)
    if (unlike) continue
    other.answer.image.swapAddresses(0, 2)
    const { data, dataAt } = other.answer.answer
    assert.equal(
      [1, 2, 3].map(i => data[i]![dataAt[i]! + 3]),
      [3, 2, 1],
    )
  }
})

test('addresses of the root, which is no pointer, are no set', () => {
  const q = asked('x.test')
  q.answer.answer.add(QUESTION, 0, TYPE.CNAME, 5, Uint8Array.of(0))
  const root = Uint8Array.of(0)
  for (let i = 1; i <= 3; i++) q.answer.answer.add(root, 0, TYPE.A, 5, Uint8Array.of(1, 2, 3, i))
  const other = asked('x.test')
  pass(q, other)
  assert.is(other.answer.image.addresses, 0)
  assert.is(other.answer.image.isPlain, false)
})

test('a large image is not held for the next answer', () => {
  const q = asked('x.test')
  for (let i = 0; i < 60; i++) q.answer.answer.add(QUESTION, 0, TYPE.TXT, 5, new Uint8Array(1000))
  const other = asked('x.test')
  pass(q, other)
  assert.ok(other.answer.image.bytes.length > 60_000)
  assert.is(other.answer.reset().image.bytes.length, 0)
})

test('what no message would hold has no image', () => {
  const q = asked('x.test')
  for (let i = 0; i < 66; i++) q.answer.answer.add(QUESTION, 0, TYPE.TXT, 5, new Uint8Array(1000))
  assert.is(writeImage(q, q.answer, memory, 0), -1)
  q.answer.answer.count = 0
  for (let i = 0; i < 6000; i++) q.answer.answer.add(QUESTION, 0, TYPE.TXT, 5, new Uint8Array(0))
  assert.is(writeImage(q, q.answer, memory, 0), -1)
})

test.run()
