import { networkInterfaces } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  copyAddress,
  ipv4Text,
  ipv6Text,
  isLinkLocal,
  isWildcard,
  plainAddress,
  sockaddr,
} from '../../../server/listen/address.ts'
import { hostPort } from '../../../server/listen/listener.ts'

const hex = (octets: Uint8Array | undefined) => octets && Buffer.from(octets).toString('hex')

const SOCKADDRS = [
  { name: 'IPv4', address: '127.0.0.1', port: 53, is: `02000035${'7f000001'}${'00'.repeat(8)}` },
  {
    name: 'IPv6',
    address: '2001:db8::1',
    port: 1053,
    is: `0a00041d00000000${'20010db8000000000000000000000001'}00000000`,
  },
  {
    name: 'a zone by number',
    address: 'fe80::1%7',
    port: 53,
    is: `0a00003500000000${'fe800000000000000000000000000001'}07000000`,
  },
  { name: 'no address', address: 'localhost', port: 53, is: undefined },
  { name: 'nothing', address: '', port: 53, is: undefined },
  { name: 'too many octets', address: '127.0.0.1.5', port: 53, is: undefined },
]
for (const { name, address, port, is } of SOCKADDRS) {
  test(`sockaddr: ${name}`, () => assert.is(hex(sockaddr(address, port)), is))
}

test('sockaddr: a zone by name', () => {
  const found = Object.entries(networkInterfaces())
    .flatMap(([zone, entries]) => (entries ?? []).map(entry => ({ zone, entry })))
    .find(({ entry }) => entry.family === 'IPv6' && entry.scopeid)
  if (found === undefined) return
  const { entry, zone } = found
  const name = sockaddr(`${entry.address}%${zone}`, 53)!
  assert.is(new DataView(name.buffer).getUint32(24, true), (entry as { scopeid: number }).scopeid)
})

const TEXTS = ['::', '::1', '2001:db8::1', '2001:db8:0:1:1:1:1:1', 'fe80::1', '2001:0:0:1::1', '1:2:3:4:5:6:7:8']
for (const address of TEXTS) {
  test(`text: ${address}`, () => assert.is(ipv6Text(sockaddr(address, 0)!, 8), address))
}

test('text: IPv4, and IPv4 within IPv6', () => {
  assert.is(ipv4Text(sockaddr('192.0.2.255', 0)!, 4), '192.0.2.255')
  assert.is(ipv6Text(sockaddr('::ffff:192.0.2.1', 0)!, 8), '192.0.2.1')
})

for (const { address, octets } of [
  { address: '192.0.2.255', octets: 'c00002ff' },
  { address: '::ffff:192.0.2.1', octets: 'c0000201' },
  { address: '2001:db8::1', octets: '20010db8000000000000000000000001' },
]) {
  test(`octets: ${address}`, () => {
    const into = new Uint8Array(20)
    const count = copyAddress(sockaddr(address, 53)!, 0, address.includes(':') ? 6 : 4, into, 2)
    assert.is(hex(into), `0000${octets}${'00'.repeat(18 - count)}`)
  })
}

test('kinds', () => {
  assert.ok(isLinkLocal(sockaddr('fe80::1', 0)!, 8) && isLinkLocal(sockaddr('febf::1', 0)!, 8))
  assert.not(isLinkLocal(sockaddr('fec0::1', 0)!, 8))
  assert.equal(['', '::', '0.0.0.0', '::1', '127.0.0.1'].map(isWildcard), [true, true, true, false, false])
  assert.is(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.is(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.is(hostPort('::1', 53), '[::1]:53')
  assert.is(hostPort('', 53), ':53')
})

test.run()
