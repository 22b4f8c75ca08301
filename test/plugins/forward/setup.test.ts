/** The grammar of `forward`: lines that are accepted, and the exact error of those that are not. */
import { equal, throws } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin } from '../../../plugins/forward/forward.ts'
import { type CorefileError, CorefileErrors } from '../../../server/plugin.ts'
import { chainOf } from '../../harness/stage.ts'

const good = [
  { name: 'an address', line: 'forward . 10.0.0.1' },
  {
    name: 'several, with ports and scheme',
    line: 'forward . 10.0.0.1 10.0.0.2:5353 dns://10.0.0.3 [::1]:53 ::1 fe80::1%lo',
  },
  { name: 'a CIDR as FROM', line: 'forward 10.0.0.0/8 10.0.0.1' },
  { name: 'except', property: 'except cluster.local 10.0.0.0/9' },
  { name: 'force_tcp', property: 'force_tcp' },
  { name: 'prefer_udp', property: 'prefer_udp' },
  { name: 'expire', property: 'expire 5s' },
  { name: 'max_age 0', property: 'max_age 0s' },
  { name: 'max_age', property: 'max_age 10s' },
  { name: 'max_idle_conns', property: 'max_idle_conns 0' },
  { name: 'read_timeout', property: 'read_timeout 500ms' },
  { name: 'max_fails', property: 'max_fails 0' },
  { name: 'max_connect_attempts', property: 'max_connect_attempts 0' },
  { name: 'policy', property: 'policy round_robin' },
  { name: 'health_check', property: 'health_check 5s no_rec domain example.org' },
  { name: 'health_check, other order', property: 'health_check 5s domain example.org. no_rec' },
  { name: 'max_concurrent', property: 'max_concurrent 1000' },
  { name: 'query_case', property: 'query_case lower' },
  { name: 'block_private', property: 'block_private' },
  { name: 'block_private but for zones', property: 'block_private corp.example 10.0.0.0/8' },
  { name: 'next', property: 'next NXDOMAIN servfail' },
  { name: 'next_on_nodata', property: 'next_on_nodata' },
  { name: 'failfast', property: 'failfast_all_unhealthy_upstreams' },
  { name: 'failover', property: 'failover SERVFAIL REFUSED' },
  { name: 'source_address', property: 'source_address 127.0.0.1' },
  { name: 'resolver', property: 'resolver 10.0.0.10 [::1]:5353' },
  { name: 'a host name', line: 'forward . dns.example.org:5353' },
]
for (const { name, line, property } of good) {
  test(`good: ${name}`, () => {
    const chain = chainOf([plugin], line ?? `forward . 10.0.0.1 {\n  ${property}\n}`)
    equal(chain.stages.length, 1)
  })
}

const sixteen = Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`).join(' ')
const bad = [
  // The path is none: what Node says of it is not what is said of the Corefile.
  {
    name: 'an octet of zero',
    line: 'forward . a\u0000b',
    at: '2:11',
    says: 'invalid upstream "a\u0000b", expected an IP address, address:port, host name or resolv.conf file',
  },
  {
    name: 'no upstream',
    line: 'forward .',
    at: '2:9',
    says: 'missing argument of "forward", found 1, expected at least 2 arguments',
  },
  {
    name: 'nothing',
    line: 'forward',
    at: '2:1',
    says: 'missing argument of "forward", found 0, expected at least 2 arguments',
  },
  { name: 'sixteen upstreams', line: `forward . ${sixteen}`, at: '2:151', says: '16 upstreams, expected at most 15' },
  {
    name: 'another case',
    property: 'query_case upper',
    at: '3:14',
    says: 'unknown query_case "upper", expected random or lower',
  },
  { name: 'block_private with a bad zone', property: 'block_private a..b', at: '3:17' },
  { name: 'a bad FROM', line: 'forward a..b 10.0.0.1', at: '2:9' },
  {
    name: 'an environment variable that is not set',
    line: 'forward . {$SEXTANT_NOWHERE}',
    at: '2:11',
    says: 'invalid upstream "", expected an IP address, address:port, host name or resolv.conf file; {$SEXTANT_NOWHERE} is not set',
  },
  {
    name: 'a bad address',
    line: 'forward . 10.0.0.256',
    at: '2:11',
    says: 'invalid upstream "10.0.0.256", expected an IP address, address:port, host name or resolv.conf file',
  },
  {
    name: 'a bad port',
    line: 'forward . 10.0.0.1:70000',
    at: '2:11',
    says: 'invalid upstream "10.0.0.1:70000", expected an IP address, address:port, host name or resolv.conf file',
  },
  { name: 'port 0', line: 'forward . 10.0.0.1:0', at: '2:11', says: 'port 0 in "10.0.0.1:0", expected 1 to 65535' },
  { name: 'a missing file', line: 'forward . ./none.conf', at: '2:11', code: 'COREFILE_UNREADABLE_FILE' },
  {
    name: 'a file without name servers',
    line: 'forward . ./package.json',
    at: '2:11',
    says: 'no nameserver in "./package.json", expected lines such as "nameserver 10.0.0.1"',
  },
  { name: 'an unknown property', property: 'polici random', at: '3:3' },
  {
    name: 'an unknown policy',
    property: 'policy fastest',
    at: '3:10',
    says: 'unknown policy "fastest", expected random, round_robin or sequential',
  },
  { name: 'except nothing', property: 'except', at: '3:3' },
  { name: 'except no zone', property: 'except a..b', at: '3:10' },
  {
    name: 'force_tcp with an argument',
    property: 'force_tcp yes',
    at: '3:13',
    says: 'surplus argument "yes" of "force_tcp", expected none',
  },
  {
    name: 'expire without unit',
    property: 'expire 10',
    at: '3:10',
    says: 'invalid expire "10", expected a duration with a unit such as 300ms, 5s or 1m30s',
  },
  { name: 'a negative expire', property: 'expire -1s', at: '3:10' },
  {
    name: 'max_age below expire',
    property: 'max_age 5s',
    at: '3:11',
    says: 'max_age "5s" is less than expire, expected 0s or at least 10s',
  },
  {
    name: 'read_timeout 0',
    property: 'read_timeout 0s',
    at: '3:16',
    says: 'invalid read_timeout "0s", expected more than 0s',
  },
  { name: 'max_fails -1', property: 'max_fails -1', at: '3:13' },
  { name: 'max_concurrent in words', property: 'max_concurrent many', at: '3:18' },
  { name: 'max_idle_conns -1', property: 'max_idle_conns -1', at: '3:18' },
  { name: 'max_connect_attempts -1', property: 'max_connect_attempts -1', at: '3:24' },
  { name: 'health_check nothing', property: 'health_check', at: '3:3' },
  { name: 'health_check with another word', property: 'health_check 1s rec', at: '3:19' },
  {
    name: 'health_check domain of nothing',
    property: 'health_check 1s domain',
    at: '3:19',
    says: '"domain" without a name, expected a domain name after it',
  },
  {
    name: 'next of no rcode',
    property: 'next WHATEVER',
    at: '3:8',
    says: 'unknown rcode "WHATEVER", expected one such as NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED',
  },
  {
    name: 'failover NOERROR',
    property: 'failover SERVFAIL NOERROR',
    at: '3:21',
    says: 'rcode "NOERROR" in "failover", expected an error such as SERVFAIL or REFUSED',
  },
  { name: 'source_address of a host', property: 'source_address eth0', at: '3:18' },
  {
    name: 'a resolver by name',
    property: 'resolver dns.example',
    at: '3:12',
    says: 'invalid resolver "dns.example", expected IP or IP:port',
  },
]
for (const { name, line, property, at, says, code } of bad as ((typeof bad)[number] & { code?: string })[]) {
  test(`bad: ${name}`, () => {
    throws(
      () => chainOf([plugin], line ?? `forward . 10.0.0.1 {\n  ${property}\n}`),
      (thrown: unknown) => {
        const error = thrown instanceof CorefileErrors ? thrown.errors[0]! : (thrown as CorefileError)
        equal(`${error.line}:${error.column}`, at)
        equal(error.directive, 'forward')
        if (says !== undefined) equal(error.message, says)
        if (code !== undefined) equal(error.code, code)
        return true
      },
    )
  })
}

test('the errors of all lines come together', () => {
  throws(
    () => chainOf([plugin], 'forward .\nforward . 10.0.0.1 {\n  policy x\n  expire y\n}'),
    (thrown: unknown) => {
      equal((thrown as CorefileErrors).errors.length, 3)
      return true
    },
  )
})

test.run()
