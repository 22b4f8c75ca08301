import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CorefileError } from '../../../server/corefile/error.ts'
import { DEFAULT_PORTS, parseKey, parseZone, TRANSPORTS } from '../../../server/corefile/key.ts'
import { lex } from '../../../server/corefile/lexer.ts'
import { Source } from '../../../server/corefile/source.ts'

function token(text: string) {
  return { ...lex(new Source('Corefile', 'x'))[0]!, text }
}

function keys(text: string): string[] {
  return parseKey(token(text)).map(({ transport, zone, port }) => `${transport} ${zone} ${port ?? '-'}`)
}

const label63 = 'a'.repeat(63)
const longest = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`

const good: { key: string; results: string[] }[] = [
  { key: '.', results: ['dns . -'] },
  { key: '.:53', results: ['dns . 53'] },
  { key: '.:0', results: ['dns . 0'] },
  { key: 'Example.ORG', results: ['dns example.org. -'] },
  { key: 'example.org.:1053', results: ['dns example.org. 1053'] },
  { key: 'dns://.:5353', results: ['dns . 5353'] },
  { key: 'tls://example.org', results: ['tls example.org. -'] },
  { key: 'https3://.:8443', results: ['https3 . 8443'] },
  { key: 'grpc://a.b:1', results: ['grpc a.b. 1'] },
  { key: 'unix://x', results: ['unix x. -'] },
  { key: '10.0.0.1', results: ['dns 10.0.0.1. -'] },
  { key: '10.0.0.0/8', results: ['dns 10.in-addr.arpa. -'] },
  { key: '10.1.2.3/24:53', results: ['dns 2.1.10.in-addr.arpa. 53'] },
  { key: '10.1.2.3/32', results: ['dns 3.2.1.10.in-addr.arpa. -'] },
  { key: '0.0.0.0/0', results: ['dns in-addr.arpa. -'] },
  {
    key: '10.0.0.0/22',
    results: [
      'dns 0.0.10.in-addr.arpa. -',
      'dns 1.0.10.in-addr.arpa. -',
      'dns 2.0.10.in-addr.arpa. -',
      'dns 3.0.10.in-addr.arpa. -',
    ],
  },
  { key: '192.0.2.128/31', results: ['dns 128.2.0.192.in-addr.arpa. -', 'dns 129.2.0.192.in-addr.arpa. -'] },
  { key: '2001:DB8::/32', results: ['dns 8.b.d.0.1.0.0.2.ip6.arpa. -'] },
  { key: 'fd00::/7', results: ['dns c.f.ip6.arpa. -', 'dns d.f.ip6.arpa. -'] },
  { key: 'tls://2001:db8::/32:853', results: ['tls 8.b.d.0.1.0.0.2.ip6.arpa. 853'] },
  { key: '::/0', results: ['dns ip6.arpa. -'] },
  { key: '0/25.2.0.192.in-addr.arpa', results: ['dns 0/25.2.0.192.in-addr.arpa. -'] },
  { key: 'a\\.b.org', results: ['dns a\\.b.org. -'] },
  { key: 'a.org\\.', results: ['dns a.org\\.. -'] },
  { key: '\\255\\000.org', results: ['dns \\255\\000.org. -'] },
  { key: longest, results: [`dns ${longest}. -`] },
]

for (const { key, results } of good) test(`good: ${key}`, () => assert.equal(keys(key), results))

test('a prefix between octets covers every zone', () => {
  const zones = parseZone('10.0.0.0/9')
  assert.is(zones.length, 128)
  assert.equal([zones[0], zones[127]], ['0.10.in-addr.arpa.', '127.10.in-addr.arpa.'])
})

const bad: { key: string; message: string }[] = [
  { key: '.:', message: 'nothing after the last colon in ".:", expected a port' },
  { key: '.:65536', message: 'invalid port "65536" in ".:65536", expected a number from 0 to 65535' },
  { key: 'a.org:dns', message: 'invalid port "dns" in "a.org:dns", expected a number from 0 to 65535' },
  { key: ':53', message: 'empty zone, expected a name such as "example.org", or "." for the root' },
  { key: 'dns://', message: 'empty zone, expected a name such as "example.org", or "." for the root' },
  {
    key: 'TLS://.',
    message: 'unknown scheme "TLS" (did you mean "tls"?) in "TLS://.", expected dns, tls, quic, grpc, https or https3',
  },
  { key: 'tcp://.', message: 'unknown scheme "tcp" in "tcp://.", expected dns, tls, quic, grpc, https or https3' },
  { key: '10.0.0.0/33', message: 'invalid prefix length "33" in "10.0.0.0/33", expected a number from 0 to 32' },
  {
    key: '2001:db8::/129:53',
    message: 'invalid prefix length "129" in "2001:db8::/129", expected a number from 0 to 128',
  },
  {
    key: '2001:db8::/129',
    message: 'invalid prefix length "129" in "2001:db8::/129", expected a number from 0 to 128',
  },
  { key: '300.0.0.0/8', message: 'invalid address in "300.0.0.0/8", expected a CIDR such as 10.0.0.0/8' },
  { key: '2001:db8::1', message: 'IPv6 address "2001:db8::1" as a zone, expected a prefix such as "2001:db8::1/64"' },
  { key: 'a..b', message: 'invalid zone "a..b": an empty label, expected a name such as "example.org"' },
  { key: '.org', message: 'invalid zone ".org": an empty label, expected a name such as "example.org"' },
  { key: '..', message: 'invalid zone "..": an empty label, expected a name such as "example.org"' },
  { key: 'a{', message: 'brace in zone "a{", expected a domain name, and blanks around braces' },
  { key: 'a\\', message: 'invalid zone "a\\": a backslash at the end, expected a character to escape' },
  { key: '\\256', message: 'invalid zone "\\256": escape \\256, expected \\000 to \\255' },
  { key: `${label63}a.b`, message: `invalid zone "${label63}…": a label of 64 octets, expected at most 63` },
  { key: `${longest}a`, message: `invalid zone "${label63}…": 256 octets, expected at most 255` },
]

for (const { key, message } of bad) {
  test(`bad: ${key}`, () => {
    try {
      parseKey(token(key))
      assert.unreachable()
    } catch (error) {
      assert.instance(error, CorefileError)
      assert.is((error as CorefileError).code, 'COREFILE_INVALID_KEY')
      assert.is((error as CorefileError).message, message)
    }
  })
}

test('a zone argument drops scheme and port', () => {
  assert.equal(parseZone('tls://Example.org:853'), ['example.org.'])
})

test('every transport but unix has a default port', () => {
  assert.equal([...DEFAULT_PORTS.keys(), 'unix'], [...TRANSPORTS])
})

test.run()
