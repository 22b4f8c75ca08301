import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countLabels, hashName, isWithin, nameFromText, nameLength, nameToText } from '../../../server/wire/name.ts'

const good = [
  { name: 'the root', text: '.', wire: '00' },
  { name: 'empty text is the root', text: '', wire: '00', back: '.' },
  { name: 'final dot', text: 'a.bc.', wire: '0161026263 00' },
  { name: 'no final dot', text: 'a.bc', wire: '0161026263 00', back: 'a.bc.' },
  { name: 'lower-cased', text: 'KuBe.Z.', wire: '046b756265017a00', back: 'kube.z.' },
  { name: 'escaped dot', text: 'a\\.b.', wire: '03612e6200' },
  { name: 'decimal escape', text: 'a\\000b.', wire: '0361006200' },
  { name: 'escaped backslash', text: 'a\\\\.', wire: '02615c00' },
  { name: 'UTF-8 is octets', text: 'ä.', wire: '02c3a400', back: '\\195\\164.' },
]
for (const row of good) {
  test(`text to name and back: ${row.name}`, () => {
    const name = nameFromText(row.text)
    assert.is(Buffer.from(name).toString('hex'), row.wire.replaceAll(' ', ''))
    assert.is(nameToText(name), row.back ?? row.text)
  })
}

const bad = [
  { name: 'empty label', text: 'a..b', message: 'name "a..b" has an empty label' },
  { name: 'leading dot', text: '.a', message: 'name ".a" has an empty label' },
  { name: 'label of 64', text: 'x'.repeat(64), message: /label of 64 octets, expected at most 63/ },
  { name: '256 octets', text: `${'abc.'.repeat(63)}ab.`, message: /256 octets, expected at most 255/ },
  { name: 'escape over 255', text: 'a\\256.', message: /"\\256", expected at most "\\255"/ },
  { name: 'final backslash', text: 'a\\', message: /ends in a backslash/ },
]
for (const row of bad) {
  test(`refused: ${row.name}`, () => {
    assert.throws(
      () => nameFromText(row.text),
      (error: Error) =>
        typeof row.message === 'string' ? error.message === row.message : row.message.test(error.message),
    )
  })
}

test('255 octets are accepted', () => {
  assert.is(nameFromText(`${'abc.'.repeat(63)}a.`).length, 255)
})

test('any octets survive the way to text and back', () => {
  const label = fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map(octets => octets.map(o => (o >= 65 && o <= 90 ? o + 32 : o)))
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), labels => {
      const wire = Uint8Array.from([...labels.flatMap(octets => [octets.length, ...octets]), 0])
      assert.equal(nameFromText(nameToText(wire)), wire)
      assert.is(countLabels(wire), labels.length)
      assert.is(nameLength(wire, 0), wire.length)
    }),
  )
})

test('a hash tells label boundaries apart', () => {
  assert.is(hashName(nameFromText('a.bc.')), hashName(nameFromText('A.BC')))
  assert.is.not(hashName(nameFromText('a.bc.')), hashName(nameFromText('ab.c.')))
  assert.is.not(hashName(nameFromText('a\\.bc.')), hashName(nameFromText('a.bc.')))
})

const within = [
  { name: 'itself', of: 'a.b.', zone: 'a.b.', expect: true },
  { name: 'below', of: 'x.a.b.', zone: 'a.b.', expect: true },
  { name: 'the root encloses all', of: 'x.', zone: '.', expect: true },
  { name: 'above', of: 'b.', zone: 'a.b.', expect: false },
  { name: 'not on a label boundary', of: 'xa.b.', zone: 'a.b.', expect: false },
  { name: 'length octet as letter', of: 'x\\001a.b.', zone: 'a.b.', expect: false },
]
for (const row of within) {
  test(`within: ${row.name}`, () => assert.is(isWithin(nameFromText(row.of), nameFromText(row.zone)), row.expect))
}

test.run()
