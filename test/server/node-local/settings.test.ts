/** What the node-local role takes of its environment, and what it says of mistakes. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'uvu'
import { addressOf, isReachable } from '../../../server/node-local/addresses.ts'
import { readSettings, SettingsError } from '../../../server/node-local/settings.ts'

const SOCKET = '/run/sextant/watcher.sock'
const environment = (SEXTANT_NODE_ADDRESSES: string, SEXTANT_NODE_FALLBACK?: string, SEXTANT_WATCHER = SOCKET) => ({
  SEXTANT_NODE_ADDRESSES,
  SEXTANT_NODE_FALLBACK,
  SEXTANT_WATCHER,
})
const texts = (addresses: readonly { text: string }[]) => addresses.map(({ text }) => text)

for (const { name, env, addresses, fallback } of [
  { name: 'one address', env: environment('169.254.20.10'), addresses: ['169.254.20.10'], fallback: [] },
  {
    name: 'both families, and a Service of each',
    env: environment('169.254.20.10, FD00:0::10', '10.96.0.10,fd00:96::a'),
    addresses: ['169.254.20.10', 'fd00::10'],
    fallback: ['10.96.0.10', 'fd00:96::a'],
  },
  {
    name: 'a Service address that is taken over',
    env: environment('169.254.20.10,10.96.0.10', '10.96.0.10'),
    addresses: ['169.254.20.10', '10.96.0.10'],
    fallback: ['10.96.0.10'],
  },
  {
    name: 'several addresses without a fallback',
    env: environment('169.254.20.10,169.254.20.11', ' '),
    addresses: ['169.254.20.10', '169.254.20.11'],
    fallback: [],
  },
]) {
  test(name, () => {
    const settings = readSettings(env, true)
    deepEqual(texts(settings.addresses), addresses)
    deepEqual(texts(settings.fallback), fallback)
    equal(settings.socket, SOCKET)
  })
}

test('a command that does not talk needs no socket', () => {
  equal(readSettings({ SEXTANT_NODE_ADDRESSES: '169.254.20.10' }, false).socket, '')
})

for (const { env, says } of [
  { env: {}, says: ['SEXTANT_WATCHER: found "", expected an absolute path, as /run/sextant/watcher.sock'] },
  {
    env: environment('', undefined),
    says: ['SEXTANT_NODE_ADDRESSES: found nothing, expected addresses with commas in between, as 169.254.20.10'],
  },
  {
    env: environment('169.254.20.10', '10.96.0.10', `/${'x'.repeat(107)}`),
    says: ['SEXTANT_WATCHER: found a path of 108 octets, expected at most 107'],
  },
  {
    env: environment('169.254.20,10.96.0.10/32,fe80::1%eth0', 'kube-dns', 'watcher.sock'),
    says: [
      'SEXTANT_WATCHER: found "watcher.sock", expected an absolute path, as /run/sextant/watcher.sock',
      'SEXTANT_NODE_ADDRESSES: found "169.254.20", expected IPv4 or IPv6 addresses with commas in between',
      'SEXTANT_NODE_ADDRESSES: found "10.96.0.10/32", expected IPv4 or IPv6 addresses with commas in between',
      'SEXTANT_NODE_ADDRESSES: found "fe80::1%eth0", expected IPv4 or IPv6 addresses with commas in between',
      'SEXTANT_NODE_FALLBACK: found "kube-dns", expected IPv4 or IPv6 addresses with commas in between',
    ],
  },
  {
    env: environment('169.254.20.10', '$(KUBE_DNS_UPSTREAM_SERVICE_HOST)'),
    says: [
      'SEXTANT_NODE_FALLBACK: found "$(KUBE_DNS_UPSTREAM_SERVICE_HOST)", ' +
        'expected IPv4 or IPv6 addresses with commas in between: its Service must be there before the pod',
    ],
  },
  {
    env: environment('0.0.0.0', '127.0.0.53'),
    says: [
      'SEXTANT_NODE_ADDRESSES: found "0.0.0.0", expected an address that pods can send to',
      'SEXTANT_NODE_FALLBACK: found "127.0.0.53", expected an address that pods can send to',
    ],
  },
  {
    env: environment('fd00::10,fd00:0::10'),
    says: ['SEXTANT_NODE_ADDRESSES: found "fd00::10" twice, expected each address once'],
  },
  {
    env: environment('169.254.20.10,169.254.20.11', '10.96.0.10'),
    says: [
      'SEXTANT_NODE_ADDRESSES: found 169.254.20.10, 169.254.20.11, ' +
        'expected one IPv4 address beside 10.96.0.10 of SEXTANT_NODE_FALLBACK',
    ],
  },
  {
    env: environment('169.254.20.10', 'fd00:96::a'),
    says: ['SEXTANT_NODE_FALLBACK: found fd00:96::a, expected no IPv6 address where SEXTANT_NODE_ADDRESSES has none'],
  },
  {
    env: environment('169.254.20.10', '10.96.0.10,10.96.0.11'),
    says: ['SEXTANT_NODE_FALLBACK: found 2 IPv4 addresses, expected at most one of a family'],
  },
]) {
  test(`mistakes: ${says[0]}`, () => {
    throws(
      () => readSettings(env, true),
      (error: Error) => {
        equal(error instanceof SettingsError, true)
        // Where nothing is set the addresses are missing as well: the first mistake is told, and they are next.
        deepEqual(error.message.split('\n').slice(0, says.length), says)
        return true
      },
    )
  })
}

for (const { text, reachable } of [
  { text: '169.254.20.10', reachable: true },
  { text: '10.96.0.10', reachable: true },
  { text: 'fd00::10', reachable: true },
  { text: '2001:db8::1', reachable: true },
  { text: '0.0.0.0', reachable: false },
  { text: '127.0.0.1', reachable: false },
  { text: '224.0.0.251', reachable: false },
  { text: '::', reachable: false },
  { text: '::1', reachable: false },
  { text: 'ff02::fb', reachable: false },
  { text: 'fe80::1', reachable: false },
]) {
  test(`${text}: pods ${reachable ? 'can' : 'cannot'} send to it`, () => {
    equal(isReachable(addressOf(text)!), reachable)
  })
}

test.run()
