import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  formatDuration,
  parseAddress,
  parseBoolean,
  parseCidr,
  parseDuration,
  parseHostPort,
  parseInteger,
  parseNumber,
} from '../../../server/corefile/values.ts'

const durations: { text: string; ms: number | undefined }[] = [
  { text: '5s', ms: 5000 },
  { text: '300ms', ms: 300 },
  { text: '1m30s', ms: 90_000 },
  { text: '1h', ms: 3_600_000 },
  { text: '1.5h', ms: 5_400_000 },
  { text: '.5s', ms: 500 },
  { text: '1.s', ms: 1000 },
  { text: '250us', ms: 0.25 },
  { text: '250\u00b5s', ms: 0.25 },
  { text: '250\u03bcs', ms: 0.25 },
  { text: '1000000ns', ms: 1 },
  { text: '0', ms: 0 },
  { text: '0s', ms: 0 },
  { text: '+5s', ms: 5000 },
  { text: '-5s', ms: -5000 },
  { text: '5', ms: undefined },
  { text: '', ms: undefined },
  { text: '-', ms: undefined },
  { text: 's', ms: undefined },
  { text: '.s', ms: undefined },
  { text: '5 s', ms: undefined },
  { text: '5S', ms: undefined },
  { text: '1d', ms: undefined },
  { text: '1.2.3s', ms: undefined },
  { text: '1s5', ms: undefined },
  { text: '2562047h', ms: 2_562_047 * 3_600_000 },
  { text: '2562048h', ms: undefined },
]
for (const { text, ms } of durations) test(`duration "${text}"`, () => assert.is(parseDuration(text), ms))

test('durations are written as an operator would', () => {
  assert.equal([0, 0.25, 300, 2000, 2500, 90_000, 3_600_000, 5_400_500].map(formatDuration), [
    '0s',
    '0.25ms',
    '300ms',
    '2s',
    '2.5s',
    '1m30s',
    '1h',
    '1h30m0.5s',
  ])
})

const addresses: { text: string; address: string | undefined }[] = [
  { text: '10.0.0.1', address: '10.0.0.1' },
  { text: '2001:DB8:0:0::1', address: '2001:db8::1' },
  { text: '::', address: '::' },
  { text: '::1', address: '::1' },
  { text: '::ffff:10.0.0.1', address: '::ffff:10.0.0.1' },
  { text: 'fe80::1%eth0', address: 'fe80::1%eth0' },
  { text: '010.0.0.1', address: undefined },
  { text: '10.1', address: undefined },
  { text: '0x0a000001', address: undefined },
  { text: '256.0.0.1', address: undefined },
  { text: '1::2::3', address: undefined },
  { text: '::05.2.3.4', address: undefined },
  { text: '::1.2.3.4', address: '::102:304' },
  { text: '[::1]', address: undefined },
  { text: '::1/128', address: undefined },
  { text: 'fe80::1%', address: undefined },
  { text: '12345::', address: undefined },
  { text: '1:2:3:4:5:6:7', address: undefined },
  { text: '1:2:3:4:5:6:7:8:9', address: undefined },
  { text: ':1', address: undefined },
  { text: '', address: undefined },
]
for (const { text, address } of addresses) test(`address "${text}"`, () => assert.is(parseAddress(text), address))

const hostPorts: { text: string; defaultPort?: number; result: string | undefined }[] = [
  { text: ':8080', result: ' 8080' },
  { text: 'localhost:9153', result: 'localhost 9153' },
  { text: '127.0.0.1:0', result: '127.0.0.1 0' },
  { text: '[::1]:53', result: '::1 53' },
  { text: '[fe80::1%eth0]:53', result: 'fe80::1%eth0 53' },
  { text: '::1', defaultPort: 53, result: '::1 53' },
  { text: '[::1]', defaultPort: 53, result: '::1 53' },
  { text: '10.0.0.1', defaultPort: 53, result: '10.0.0.1 53' },
  { text: '10.0.0.1:5353', defaultPort: 53, result: '10.0.0.1 5353' },
  { text: 'localhost', result: undefined },
  { text: '::1', result: undefined },
  { text: '', defaultPort: 53, result: undefined },
  { text: ':', defaultPort: 53, result: undefined },
  { text: 'a:65536', result: undefined },
  { text: 'a:x', result: undefined },
  { text: 'a b:1', result: undefined },
  { text: '10.0.0.256:53', result: undefined },
  { text: '[10.0.0.1:53', result: undefined },
  { text: '[localhost]:53', result: undefined },
]
for (const { text, defaultPort, result } of hostPorts) {
  test(`host:port "${text}"`, () => {
    const value = parseHostPort(text, defaultPort)
    assert.is(value && `${value.host} ${value.port}`, result)
  })
}

const cidrs: { text: string; bare?: boolean; result: string | undefined }[] = [
  { text: '10.1.2.3/8', result: '4 10.0.0.0 8' },
  { text: '10.1.2.3/23', result: '4 10.1.2.0 23' },
  { text: '10.1.2.255/31', result: '4 10.1.2.254 31' },
  { text: '0.0.0.0/0', result: '4 0.0.0.0 0' },
  { text: 'ff00::1/9', result: '6 255.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 9' },
  { text: '10.0.0.1', bare: true, result: '4 10.0.0.1 32' },
  { text: '10.0.0.1', result: undefined },
  { text: '10.0.0.0/', result: undefined },
  { text: '10.0.0.0/33', result: undefined },
  { text: '10.0.0.0/08', result: undefined },
  { text: '10.0.0.0/8/8', result: undefined },
  { text: 'fe80::%eth0/10', result: undefined },
  { text: '::/129', result: undefined },
]
for (const { text, bare, result } of cidrs) {
  test(`CIDR "${text}"${bare ? ' or address' : ''}`, () => {
    const value = parseCidr(text, bare)
    assert.is(value && `${value.family} ${value.bytes.join('.')} ${value.prefixLength}`, result)
  })
}

test('numbers', () => {
  const texts = ['0', '-0', '+7', '-3', '007', '1e3', '1.5', '', ' 1', '0x1', '1_0']
  assert.equal(texts.map(parseInteger), [
    0,
    0,
    7,
    -3,
    7,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  assert.equal(['1.5', '.5', '1e3', '1e999', 'NaN', 'Infinity', '-1'].map(parseNumber), [
    1.5,
    0.5,
    1000,
    undefined,
    undefined,
    undefined,
    -1,
  ])
})

test('booleans', () => {
  assert.equal(['true', 'T', '1', 'on', 'false', 'off', '0', 'yes', ''].map(parseBoolean), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    undefined,
    undefined,
  ])
})

test.run()
