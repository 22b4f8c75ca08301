/** The grammar of encrypted upstreams: what they are called, whom they must be, and the exact error of what is wrong. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'uvu'
import { addressText, DEFAULT_PORTS } from '../../../plugins/forward/address.ts'
import { type Forward, plugin } from '../../../plugins/forward/forward.ts'
import { readTarget } from '../../../plugins/forward/targets.ts'
import { Argument } from '../../../server/corefile/directive.ts'
import { capturedLog } from '../../harness/captured-log.ts'
import { corefileFailure } from '../../harness/corefile-failure.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { chainOf } from '../../harness/stage.ts'

const folder = `${import.meta.dirname}/../../harness`
const setUp = (body: string) => chainOf([plugin], body, [], '.', { folder })
const namesOf = (to: string, block = '') => {
  const [stage] = setUp(`forward . ${to} {\n${block}\n}`).stages as unknown as [Forward]
  return stage.upstreams().map(one => one.address)
}

const addresses = [
  { to: 'tls://9.9.9.9', is: ['tls://9.9.9.9:853'] },
  { to: 'tls://9.9.9.9:8853', is: ['tls://9.9.9.9:8853'] },
  { to: 'tls://2620:fe::fe', is: ['tls://[2620:fe::fe]:853'] },
  { to: 'tls://[2620:FE:0::fe]:8853', is: ['tls://[2620:fe::fe]:8853'] },
  { to: 'tls://9.9.9.9%dns.Quad9.net', is: ['tls://9.9.9.9%dns.quad9.net:853'] },
  { to: 'tls://9.9.9.9%dns.quad9.net.:8853', is: ['tls://9.9.9.9%dns.quad9.net:8853'] },
  { to: 'tls://2620:fe::fe%dns.quad9.net', is: ['tls://[2620:fe::fe%dns.quad9.net]:853'] },
  { to: 'tls://[2620:fe::fe%dns.quad9.net]:853', is: ['tls://[2620:fe::fe%dns.quad9.net]:853'] },
  { to: 'tls://9.9.9.9', block: 'tls_servername dns.quad9.net', is: ['tls://9.9.9.9%dns.quad9.net:853'] },
  { to: 'https://9.9.9.9', is: ['https://9.9.9.9:443'] },
  { to: 'https://9.9.9.9:8443', block: 'tls_servername 9.9.9.10', is: ['https://9.9.9.9%9.9.9.10:8443'] },
  { to: '9.9.9.9', block: 'tls_servername dns.quad9.net', is: ['9.9.9.9:53'] },
  { to: 'dns://fe80::1%lo', is: ['[fe80::1%lo]:53'] },
  {
    to: 'tls://9.9.9.9:53 dns://9.9.9.9:53 https://9.9.9.9:53 9.9.9.9 tls://9.9.9.9%a.example:53 tls://9.9.9.9:53',
    is: ['tls://9.9.9.9:53', '9.9.9.9:53', 'https://9.9.9.9:53', 'tls://9.9.9.9%a.example:53'],
  },
]
for (const { to, block, is } of addresses) {
  test(`good: ${to} ${block ?? ''}`, () => deepEqual(namesOf(to, block), is))
}

const hosts = [
  { text: 'tls://dns.Example', is: 'tls://dns.Example%dns.example:853' },
  { text: 'tls://dns.example%other.example:8853', is: 'tls://dns.example%other.example:8853' },
  { text: 'https://dns.example.', is: 'https://dns.example%dns.example:443' },
  { text: 'https://dns.example:8443', block: 'other.example', is: 'https://dns.example%other.example:8443' },
  { text: 'dns://dns.example', is: 'dns.example:53' },
]
for (const { text, block, is } of hosts) {
  test(`good: host ${text} ${block ?? ''}`, () => {
    const target = readTarget(new Argument({ text } as Argument['token'], 'forward'), folder, block)
    equal(target.kind === 'host' && addressText(target), is)
  })
}

const blocks = [
  'tls',
  'tls tls/ca.crt',
  'tls tls/client.crt tls/client.key',
  'tls tls/client.crt tls/client.key tls/ca.crt',
  `tls ${folder}/tls/ca.crt`,
  'doh_method GET',
  'doh_method POST',
  'tls_servername dns.example.',
]
for (const block of blocks) {
  test(`good: ${block}, and nothing to be told`, async () => {
    const lines = await capturedLog(() => void setUp(`forward . https://9.9.9.9 {\n${block}\n}`))
    deepEqual(lines, [])
  })
}

const IN_VAIN = ['force_tcp', 'prefer_udp', 'tls', 'tls_servername a.example', 'doh_method GET']
for (const { to, told } of [
  { to: '9.9.9.9', told: ['tls', 'tls_servername', 'doh_method'] },
  { to: 'tls://9.9.9.9', told: ['force_tcp', 'prefer_udp', 'doh_method'] },
  { to: 'https://dns.example', told: ['force_tcp', 'prefer_udp'] },
  { to: 'https://9.9.9.9 dns.example', told: [] },
]) {
  test(`told: what has no effect for ${to}`, async () => {
    const lines = await capturedLog(() => void setUp(`forward . ${to} {\n${IN_VAIN.join('\n')}\n}`))
    deepEqual(
      lines.map(line => /"(.+)" in Corefile:\d+ has no effect/.exec(line)?.[1]),
      told,
    )
  })
}

const ENCRYPTED = 'an IP address or host name, with %SERVERNAME and :PORT if need be'
const bad = [
  { to: 'tls://', at: '2:11', says: `invalid upstream "tls://", expected ${ENCRYPTED}` },
  { to: 'tls://9.9.9.256', at: '2:11', says: `invalid upstream "tls://9.9.9.256", expected ${ENCRYPTED}` },
  { to: 'tls://9.9.9.9:0', at: '2:11', says: 'port 0 in "tls://9.9.9.9:0", expected 1 to 65535' },
  { to: 'tls://9.9.9.9:99999', at: '2:11', says: `invalid upstream "tls://9.9.9.9:99999", expected ${ENCRYPTED}` },
  {
    to: '9.9.9.9 tls://9.9.9.9%a..b',
    at: '2:19',
    says: 'invalid server name "a..b", expected a host name such as dns.example.org',
  },
  { to: 'tls://9.9.9.9%', at: '2:11', says: 'invalid server name "", expected a host name such as dns.example.org' },
  {
    to: 'tls://2620:fe::fe%a.example:853',
    at: '2:11',
    says: `invalid upstream "tls://2620:fe::fe%a.example:853", expected ${ENCRYPTED}`,
  },
  {
    to: 'tls://9.9.9.9%a.example',
    block: 'tls_servername b.example',
    at: '2:11',
    says: 'server name "a.example" in "tls://9.9.9.9%a.example" and "b.example" in "tls_servername", expected one of them',
  },
  {
    to: 'https://9.9.9.9/dns-query',
    at: '2:11',
    says: 'path in "https://9.9.9.9/dns-query", expected none: it is always /dns-query',
  },
  { to: 'https://9.9.9.9/', at: '2:11', says: 'path in "https://9.9.9.9/", expected none: it is always /dns-query' },
  { to: 'tls://9.9.9.9/', at: '2:11', says: `invalid upstream "tls://9.9.9.9/", expected ${ENCRYPTED}` },
  {
    to: 'quic://9.9.9.9%dns.example:8853',
    at: '2:11',
    says: `"quic://9.9.9.9%dns.example:8853" is asked over QUIC, which this runtime (Node ${process.version}) does not have, expected tls:// or https://`,
  },
  { to: 'quic://9.9.9.9:0', at: '2:11', says: 'port 0 in "quic://9.9.9.9:0", expected 1 to 65535' },
  {
    to: 'grpc://9.9.9.9',
    at: '2:11',
    says: 'unknown scheme "grpc" in "grpc://9.9.9.9", expected dns, tls, https or quic',
  },
  { block: 'tls a b c d', at: '3:11', says: 'surplus argument "d" of "tls", expected at most 3 arguments' },
  {
    block: 'tls tls/none.crt',
    at: '3:5',
    says: /^cannot read "tls\/none\.crt" \(ENOENT: .+\), expected a file in PEM form$/,
  },
  {
    block: 'tls tls/ca.key tls/client.key',
    at: '3:5',
    says: /^cannot read "tls\/ca.key"/,
  },
  {
    block: 'tls tls/README.md',
    at: '3:5',
    says: 'no certificate in "tls/README.md", expected PEM text with "BEGIN CERTIFICATE"',
  },
  {
    block: 'tls tls/client.crt tls/client.crt',
    at: '3:20',
    says: /^no private key in "tls\/client\.crt" \(.+\), expected PEM text with "BEGIN PRIVATE KEY" and without a passphrase$/,
  },
  {
    block: 'tls tls/client.crt tls/server.key tls/ca.crt',
    at: '3:20',
    says: 'another private key in "tls/server.key", expected the key of "tls/client.crt"',
  },
  {
    block: 'tls tls/client.crt tls/client.key tls/server.key',
    at: '3:35',
    says: 'no certificate in "tls/server.key", expected PEM text with "BEGIN CERTIFICATE"',
  },
  { block: 'tls_servername', at: '3:1', says: 'missing argument of "tls_servername", found 0, expected 1 argument' },
  {
    block: 'tls_servername a_b!.example',
    at: '3:16',
    says: 'invalid server name "a_b!.example", expected a host name such as dns.example.org',
  },
  { block: 'doh_method PUT', at: '3:12', says: 'unknown doh_method "PUT", expected GET or POST' },
]
for (const { to = 'tls://9.9.9.9', block = '', at, says } of bad) {
  test(`bad: ${to} ${block}`, () => {
    const error = corefileFailure(() => setUp(`forward . ${to} {\n${block}\n}`))
    equal(`${error.line}:${error.column}`, at)
    equal(error.directive, 'forward')
    if (typeof says === 'string') equal(error.message, says)
    else equal(says.test(error.message), true, error.message)
  })
}

test('bad: a certificate that breaks off', () => {
  const temporary = temporaryFolder()
  try {
    const path = temporary.write('ca.crt', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
    const error = corefileFailure(() => setUp(`forward . tls://9.9.9.9 {\ntls ${path}\n}`))
    match(error.message, /^broken certificate in ".+ca\.crt" \(.+\), expected PEM text$/)
    equal(error.code, 'COREFILE_UNREADABLE_FILE')
  } finally {
    temporary.remove()
  }
})

test('the schemes are those of CoreDNS that this version can ask over', () =>
  deepEqual(DEFAULT_PORTS, { dns: 53, tls: 853, https: 443 }))

test.run()
