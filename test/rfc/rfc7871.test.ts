/** RFC 7871, Client Subnet: not implemented, so ignored where it is well-formed, and never sent on. */
import { equal } from 'node:assert/strict'
import { suite } from 'uvu'
import { option } from './message.ts'
import { asked, probe, type Row } from './probe.ts'
import { ANSWERED, FORMERR_OPT, withOpt } from './replies.ts'

const test = suite('RFC 7871')
const subnet = (data: string) => ({ opt: { options: option(8, data) } })

const rows: Row[] = [
  ...[
    { name: '0.0.0.0/0', data: '00010000' },
    { name: '::/0', data: '00020000' },
    { name: '192.0.2.0/24', data: '00011800c00002' },
    { name: '2001:db8::/33', data: '000221 00 20010db8 00'.replaceAll(' ', '') },
  ].map(
    ({ name, data }): Row => ({
      id: 'F25',
      level: 'M',
      source: 'RFC 7871 §7.2.1',
      what: `${name} is ignored and not echoed`,
      ask: subnet(data),
      is: withOpt(ANSWERED),
    }),
  ),
  ...[
    { what: 'family 99', data: '0063180ac00002'.replace('0a', '00') },
    { what: 'a prefix of 33 bits for IPv4', data: '00012100c000020100' },
    { what: 'a prefix of 129 bits for IPv6', data: `00028100${'20010db8'.padEnd(34, '0')}` },
    { what: 'too few octets of address', data: '00011800c000' },
    { what: 'too many octets of address', data: '00011800c0000201' },
    { what: 'no prefix at all', data: '0001' },
  ].map(
    ({ what, data }): Row => ({
      id: 'F26',
      level: 'M',
      source: 'RFC 7871 §7.2.1, §6',
      what: `${what} is FORMERR`,
      ask: subnet(data),
      is: FORMERR_OPT,
    }),
  ),
]
const made = probe(test, rows)

test('F25 M RFC 7871 §7.1.2: no subnet of a client is sent upstream', async () => {
  const { world } = made
  for (const data of ['00010000', '00011800c00002']) await asked(world, { name: `s${data}.up.test`, ...subnet(data) })
  equal(world.upstream.asked.length, 2)
  equal(world.upstream.asked.flatMap(({ options }) => options).join(), '')
})

test.run()
