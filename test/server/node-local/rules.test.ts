/** The text of both tables. What the kernel makes of it is shown by `npm run promises -- node-local`. */
import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { type Address, addressOf } from '../../../server/node-local/addresses.ts'
import { FALLBACK_TABLE, fallbackTable, needsFallback, ownTable, serve } from '../../../server/node-local/rules.ts'

const addresses = (...texts: string[]): Address[] => texts.map(text => addressOf(text)!)
const BOTH = addresses('169.254.20.10', 'fd00::10', '10.96.0.10')
const ALL = { owner: true, socket: true }

/** Statements, each without the braces around it. */
const statements = (text: string) =>
  text
    .split(/[;\n]/)
    .map(part => part.replace(/^.*chain \S+ \{/, '').trim())
    .filter(Boolean)

test('the own table is one line: a child that reads lines takes it as one command', () => {
  const text = ownTable('sextant-node-x', BOTH, ALL)
  equal(text.includes('\n'), false)
  equal(text.split('{').length, text.split('}').length)
  match(text, /^add table inet sextant-node-x \{ flags owner; /)
  match(text, /set ours4 \{ type ipv4_addr; elements = \{ 169\.254\.20\.10, 10\.96\.0\.10 \}; \}/)
  match(text, /set ours6 \{ type ipv6_addr; elements = \{ fd00::10 \}; \}/)
})

test('a family without an address has an empty set', () => {
  match(ownTable('t', addresses('169.254.20.10'), ALL), /set ours6 \{ type ipv6_addr; \}/)
})

test('what comes from outside is let through to a socket alone; answers are never tracked', () => {
  const rules = statements(ownTable('t', BOTH, ALL))
  for (const rule of [
    'udp dport 53 ip daddr @served4 socket wildcard 0 notrack accept',
    'udp dport 53 ip6 daddr @served6 socket wildcard 0 notrack accept',
    'udp sport 53 ip saddr @ours4 notrack',
    'tcp sport 53 ip6 saddr @ours6 notrack',
    'udp dport 53 ip daddr @ours4 ct state untracked drop',
  ]) {
    ok(rules.includes(rule), rule)
  }
})

test('kernels that know less have less', () => {
  const text = ownTable('t', BOTH, { owner: false, socket: false })
  doesNotMatch(text, /owner|socket| drop/)
  ok(statements(text).includes('udp dport 53 ip daddr @served4 notrack accept'))
})

for (const { name, served, commands } of [
  {
    name: 'two addresses of one family',
    served: addresses('169.254.20.10', '10.96.0.10'),
    commands: [
      'flush set inet t served4',
      'add element inet t served4 { 169.254.20.10 timeout 1500ms, 10.96.0.10 timeout 1500ms }',
      'flush set inet t served6',
    ],
  },
  { name: 'none', served: [], commands: ['flush set inet t served4', 'flush set inet t served6'] },
]) {
  test(`what is served, in one transaction: ${name}`, () => deepEqual(serve('t', served).split('; '), commands))
}

test('the fallback leads to the Service and back, in both families', () => {
  const text = fallbackTable(BOTH, addresses('10.96.0.10', 'fd00:96::a'))
  const rules = statements(text)
  for (const rule of [
    'meta l4proto { tcp, udp } th dport 53 ip daddr 169.254.20.10 ct state != untracked counter meta mark set meta mark | 0x1000 ip daddr set 10.96.0.10',
    'ct mark & 0x1000 == 0x1000 ct direction reply ip6 saddr fd00:96::a ip6 saddr set fd00::10',
    'ct mark & 0x1000 == 0x1000 ip saddr 169.254.20.10 masquerade',
    'ct status dnat ip saddr 10.96.0.10 masquerade',
  ]) {
    ok(rules.includes(rule), rule)
  }
  // A Service address that is taken over has its own way to the Service: kube-proxy's.
  doesNotMatch(text, /daddr 10\.96\.0\.10 ct/)
})

test('a Service address that is not taken over is no source of the node', () => {
  const text = fallbackTable(addresses('169.254.20.10'), addresses('10.96.0.10'))
  doesNotMatch(text, /saddr 10\.96\.0\.10 masquerade/)
})

test('a Service that only stands for itself needs no table', () => {
  equal(needsFallback(addresses('10.96.0.10'), addresses('10.96.0.10')), false)
  equal(needsFallback(addresses('169.254.20.10', '10.96.0.10'), addresses('10.96.0.10')), true)
})

test('the fallback touches one bit of a mark', () => {
  const bits = fallbackTable(BOTH, addresses('10.96.0.10')).match(/0x[0-9a-f]+/g)
  deepEqual([...new Set(bits)].sort(), ['0x1000', '0xffffefff'])
})

test('the fallback takes the place of the one before, in one transaction', () => {
  const before = [`add table inet ${FALLBACK_TABLE}`, `delete table inet ${FALLBACK_TABLE}`]
  deepEqual(fallbackTable(BOTH, addresses('10.96.0.10')).split('\n').slice(0, 2), before)
  for (const none of [fallbackTable(BOTH, []), fallbackTable(addresses('10.96.0.10'), addresses('10.96.0.10'))])
    deepEqual(none.trim().split('\n'), before)
})

test.run()
