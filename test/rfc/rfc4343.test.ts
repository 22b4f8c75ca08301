/** RFC 4343, DNS Case Insensitivity Clarification. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { wireName } from './message.ts'
import { asked, probe, type Row } from './probe.ts'

const test = suite('RFC 4343')
const MIXED = 'KuBeRnEtEs.DeFaUlT.sVc.ClUsTeR.lOcAl'
const holdsSpelling = (name: string) => (octets: Uint8Array) =>
  ok(Buffer.from(octets).indexOf(wireName(name)) === 12, 'the question in its own spelling')

const rows: Row[] = [
  {
    id: 'D11',
    level: 'M',
    source: 'RFC 4343 §3',
    what: 'the case of a name does not matter, and the question comes back as it was spelled',
    ask: { name: MIXED },
    is: `NOERROR aa rd
    ;; ANSWER
    ${MIXED}. 5 IN A 10.96.0.1`,
    also: holdsSpelling(MIXED),
  },
  {
    id: 'D11',
    level: 'M',
    source: 'RFC 4343 §3',
    what: 'in a denial, too',
    ask: { name: 'MiSsInG.default.SVC.cluster.LOCAL' },
    is: `NXDOMAIN aa rd
    ;; AUTHORITY
    cluster.LOCAL. 5 IN SOA ns.dns.cluster.LOCAL. hostmaster.cluster.LOCAL. SERIAL 7200 1800 86400 5`,
    also: holdsSpelling('MiSsInG.default.SVC.cluster.LOCAL'),
  },
  {
    id: 'D11',
    level: 'M',
    source: 'RFC 4343 §3',
    what: 'only letters have a case: octets from 0x80 on, `[` and `{` have none',
    ask: { name: { hex: `01 5b 07 64656661756c74 03 737663 07 636c7573746572 05 6c6f63616c 00` } },
    is: `NXDOMAIN aa rd
    ;; AUTHORITY
    cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5`,
  },
]
const made = probe(test, rows)

test('D11 M RFC 4343 §4.1: what is kept answers all spellings, each in its own', async () => {
  const { world } = made
  const before = world.upstream.asked.length
  for (const name of ['www.up.test', 'WWW.up.test', 'wWw.Up.TeSt']) {
    equal(await asked(world, { name }), `NOERROR rd ra\n;; ANSWER\n${name}. 30 IN A 192.0.2.1`)
  }
  equal(world.upstream.asked.length - before, 1)
})

test.run()
