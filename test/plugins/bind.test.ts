import { networkInterfaces } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/bind/bind.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('bind')

/** What the block listens on after setup. */
function addressesOf(body: string): string[] {
  const listen = { addresses: [] as string[], udpBytes: 1232 }
  chainOf([plugin], body, [], '.', { listen })
  return listen.addresses
}

const [loopback = ''] = Object.keys(networkInterfaces())
const loopbackAddresses = (networkInterfaces()[loopback] ?? []).map(({ address }) => address)

const GOOD: { name: string; body: string; gives: string[] }[] = [
  { name: 'addresses', body: 'bind 127.0.0.1 ::1', gives: ['127.0.0.1', '::1'] },
  { name: 'the canonical form', body: 'bind 0:0:0:0:0:0:0:1', gives: ['::1'] },
  { name: 'several lines add up', body: 'bind 127.0.0.1\nbind 127.0.0.2', gives: ['127.0.0.1', '127.0.0.2'] },
  { name: 'each address once', body: 'bind 127.0.0.1 127.0.0.1', gives: ['127.0.0.1'] },
  { name: 'all addresses of an interface', body: `bind ${loopback}`, gives: loopbackAddresses },
  { name: 'a link-local address', body: 'bind fe80::1%eth0', gives: ['fe80::1%eth0'] },
  { name: 'except', body: 'bind 127.0.0.1 127.0.0.2 {\nexcept 127.0.0.2\n}', gives: ['127.0.0.1'] },
  {
    name: 'except is for its own line',
    body: 'bind 127.0.0.1 127.0.0.2 {\nexcept 127.0.0.2\n}\nbind 127.0.0.2',
    gives: ['127.0.0.1', '127.0.0.2'],
  },
]

for (const { name, body, gives } of GOOD) test(name, () => assert.equal(addressesOf(body), gives))

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'no address', body: 'bind', at: '2:1', says: /^missing argument of "bind"/ },
  {
    name: 'an unknown interface',
    body: 'bind eth99',
    at: '2:6',
    says: /^unknown interface or invalid address "eth99", expected/,
  },
  {
    name: 'a port',
    body: 'bind 127.0.0.1:53',
    at: '2:6',
    says: /^unknown interface or invalid address "127\.0\.0\.1:53"/,
  },
  { name: 'an unknown property', body: 'bind 127.0.0.1 {\nexempt ::1\n}', at: '3:1', says: /did you mean "except"/ },
  { name: 'an empty except', body: 'bind 127.0.0.1 {\nexcept\n}', at: '3:1', says: /^missing argument of "except"/ },
  {
    name: 'nothing left',
    body: 'bind 127.0.0.1 {\nexcept 127.0.0.1\n}',
    at: '2:1',
    says: /^every address is excepted/,
  },
]

for (const { name, body, at, says } of BAD) {
  test(`refuses ${name}`, () => {
    const { line, column, message } = corefileFailure(() => addressesOf(body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
