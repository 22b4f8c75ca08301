/**
 * RFC 9715, IP Fragmentation Avoidance in DNS over UDP; and amplification: whatever is asked over UDP, with whatever EDNS size,
 * the reply has 1,232 octets at most, or what `bufsize` says, and never more than 25 times the query, or 512.
 */
import { equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { octetsOf, option, type Parts, Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { OWN_SIZE, read } from './reading.ts'
import { makeWorld, type Setting, type World } from './world.ts'

const test = suite('RFC 9715')
const AMPLIFICATION = 25
const LONG = option(12, '00'.repeat(20))

function cut(name: string, count: number): string {
  const records = Array.from({ length: count }, (_, i) => `${name}. 3600 IN A 10.1.0.${i}`)
  return ['NOERROR aa tc rd', ';; OPT 1232', ';; ANSWER', ...records].join('\n')
}

const rows: Row[] = [
  {
    id: 'G3',
    level: 'C',
    source: 'RFC 9715 §3.1',
    what: 'who takes 4,096 octets gets 1,232',
    ask: { name: 'many.big.test', opt: { size: 4096, options: LONG } },
    over: 'udp',
    is: cut('many.big.test', 74),
    also: octets => ok(octets.length <= OWN_SIZE),
  },
  {
    id: 'G4',
    level: 'M',
    source: 'RFC 9715 §3.1',
    what: 'so does who takes 65,535, of 4,000 addresses',
    ask: { name: 'lots.big.test', opt: { size: 65_535, options: LONG } },
    over: 'udp',
    is: cut('lots.big.test', 74),
  },
]
probe(test, rows)

const KINDS: readonly Parts[] = [
  {},
  { type: 'AAAA' },
  { type: 'ANY' },
  { type: 'HTTPS' },
  { name: Z, type: 'SOA' },
  { name: Z, type: 'NS' },
  { name: Z, type: 'AXFR' },
  { name: Z, type: 'IXFR' },
  { name: `dns-version.${Z}`, type: 'TXT' },
  { name: `_sql._tcp.peers.default.svc.${Z}`, type: 'SRV' },
  { name: `crowd.default.svc.${Z}` },
  { name: `crowd.default.svc.${Z}`, type: 'SRV' },
  { name: `chain-2.default.svc.${Z}` },
  { name: `outside.default.svc.${Z}` },
  { name: `missing.default.svc.${Z}` },
  { name: '1.0.96.10.in-addr.arpa', type: 'PTR' },
  { name: 'many.big.test' },
  { name: 'lots.big.test' },
  { name: 'over.big.test' },
  { name: 'over.big.test', type: 'ANY' },
  { name: 'www.up.test' },
  { name: 'large.up.test' },
  { name: 'text.up.test', type: 'TXT' },
  { name: 'broken.up.test' },
  { name: 'www.example' },
  { name: 'version.bind', type: 'TXT', class: 'CH' },
  { flags: 0x2000 },
  { question: '' },
  { name: { hex: 'c00c' } },
  { opt: [{}, {}] },
]
const SIZES = [0, 511, 512, 513, 900, 1231, 1232, 1233, 1452, 4095, 4096, 65_535]
const OPTIONS = [
  '',
  option(10, '1122334455667788') + option(3) + option(11),
  option(12, '00'.repeat(400)),
  option(12, '00'.repeat(1200)),
]

const setting: Setting = {
  script(one) {
    if (one.name.startsWith('broken')) return answer(one, [], { rcode: 'SERVFAIL' })
    if (one.type === 'TXT') return answer(one, Array(40).fill(`${one.spelled} 60 TXT ${'t'.repeat(200)}`))
    const addresses = one.name.startsWith('large') ? 250 : 1
    return answer(
      one,
      Array.from({ length: addresses }, (_, i) => `${one.spelled} 60 A 192.0.2.${i}`),
    )
  },
}

/** Asks for everything; fails on a reply that is too large. Returns queries asked, the largest reply, the largest ratio. */
async function audit({ server }: World, most: number): Promise<{ asked: number; octets: number; ratio: number }> {
  const socket = createSocket('udp4')
  const found = { asked: 0, octets: 0, ratio: 0 }
  try {
    for (const kind of KINDS) {
      for (const opt of [
        undefined,
        ...SIZES.flatMap(size => OPTIONS.map(options => ({ size, options, flags: size & 1 ? 0x8000 : 0 }))),
      ]) {
        const message = octetsOf(opt === undefined ? kind : { ...kind, opt: kind.opt ?? opt })
        const arrived = once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
        socket.send(message, server.port, '127.0.0.1')
        const [reply] = (await arrived) as [Buffer]
        const limit = Math.max(512, Math.min(AMPLIFICATION * message.length, most))
        ok(reply.length <= limit, `${JSON.stringify(kind)} ${JSON.stringify(opt)}: ${reply.length} octets`)
        equal(read(reply).octets.length, reply.length)
        found.asked++
        found.octets = Math.max(found.octets, reply.length)
        found.ratio = Math.max(found.ratio, reply.length / message.length)
      }
    }
  } finally {
    socket.close()
  }
  return found
}

for (const { lines, most } of [
  { lines: '', most: OWN_SIZE },
  { lines: 'bufsize 4096', most: 4096 },
]) {
  test(`#69: everything over UDP, with every EDNS size: at most ${most} octets, and 25 times the query`, async () => {
    const world = await makeWorld({ ...setting, lines, cache: `${lines}\ncache 30` })
    try {
      const { asked, octets, ratio } = await audit(world, most)
      process.stdout.write(
        `${asked} queries, replies of at most ${octets} octets and ${ratio.toFixed(1)} times the query\n`,
      )
      ok(octets > most - 100, 'there are replies as large as may be')
    } finally {
      await world.stop()
    }
  })
}

test.run()
