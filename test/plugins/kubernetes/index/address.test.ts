import { isIP } from 'node:net'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readAddress, readDashed, writeDashed } from '../../../../plugins/kubernetes/index/address.ts'

const into = new Uint8Array(20)

function read(text: string): string {
  into.fill(9)
  const length = readAddress(text, into, 2)
  return length === 0 ? '' : Buffer.from(into.subarray(2, 2 + length)).toString('hex')
}

function readLabel(label: string): string {
  const octets = Buffer.from(`x${label}`)
  const length = readDashed(octets, 1, octets.length, into, 2)
  return length === 0 ? '' : ipaddr.fromByteArray([...into.subarray(2, 2 + length)]).toString()
}

/** What Node and ipaddr.js make of a text; IPv4-mapped addresses as IPv4. */
function reference(text: string): string {
  if (isIP(text) === 0 || text.includes('%')) return ''
  const plain = isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text // no IPv4 tail, which ipaddr.js reads in a way of its own
  return Buffer.from(ipaddr.process(plain).toByteArray()).toString('hex')
}

const texts = [
  '10.0.0.1',
  '255.255.255.255',
  '0.0.0.0',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '01.2.3.4',
  '1..2.3',
  '1.2.3.4 ',
  '',
  '::',
  '::1',
  '1::',
  'fd00::1:2',
  '1:2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7::',
  '::2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  ':1::2',
  '1:2',
  ':::',
  '1:',
  ':1',
  '12345::',
  'g::',
  'FD00::A',
  '::ffff:1.2.3.4',
  '::1.2.3.4',
  '1:2:3:4:5:6:1.2.3.4',
  '1:2:3:4:5:6:7:1.2.3.4',
  '::1.2.3',
  '::ffff:102:304',
  'fe80::1%eth0',
  'ａ::',
]
for (const text of texts) {
  test(`reads "${text}" as others do`, () => assert.is(read(text), reference(text)))
}

test('reads what looks like an address as others do', () => {
  const alphabet = fc.string({
    unit: fc.constantFrom('0', '1', '25', '255', 'f', 'ffff', ':', '::', '.'),
    maxLength: 18,
  })
  fc.assert(
    fc.property(alphabet, text => assert.is(read(text), reference(text))),
    { numRuns: 5000 },
  )
})

const labels: { label: string; is: string }[] = [
  { label: '10-0-0-1', is: '10.0.0.1' },
  { label: 'fd00--1', is: 'fd00::1' },
  { label: '5678-abcd--1', is: '5678:abcd::1' },
  { label: '1-2-3-4-5-6-7-8', is: '1:2:3:4:5:6:7:8' },
  { label: '--1', is: '::1' },
  { label: 'fd00--0', is: 'fd00::' },
  { label: '1--2-3-4', is: '1::2:3:4' },
  { label: '10-0-0', is: '' },
  { label: '10-0-0-256', is: '' },
  { label: '10.0.0.1', is: '' },
  { label: 'web', is: '' },
  { label: '-', is: '' },
]
for (const { label, is } of labels) test(`reads the label "${label}"`, () => assert.is(readLabel(label), is))

test('a label that was written reads as the same address', () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map(list => Uint8Array.from(list)),
  )
  fc.assert(
    fc.property(octets, address => {
      const label = new Uint8Array(64)
      const length = writeDashed(address, 0, address.length, label, 0)
      assert.is.not(label[length - 1], 0x2d)
      const back = readDashed(label, 0, length, into, 2)
      const mapped =
        address.length === 16 && ipaddr.IPv6.parse(ipaddr.fromByteArray([...address]).toString()).isIPv4MappedAddress()
      assert.equal([...into.subarray(2, 2 + back)], [...(mapped ? address.subarray(12) : address)])
    }),
    { numRuns: 1000 },
  )
})

test.run()
