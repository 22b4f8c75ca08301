/** RFC 7766, DNS Transport over TCP: whole answers, many queries on a connection, each answered as soon as it can be. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { framed } from '../harness/frames.ts'
import { delay } from '../harness/time.ts'
import { overTcp, overUdp, Stream } from './exchange.ts'
import { type Message, octetsOf, Z } from './message.ts'
import { asked, probe } from './probe.ts'
import { holds, read, shown } from './reading.ts'
import { ANSWERED } from './replies.ts'
import { SETS } from './world.ts'

const test = suite('RFC 7766')
const SLOW_MS = 1000
const MANY_QUERIES = 10_000

const made = probe(test, [], {
  script: one => [
    { send: answer(one, [`${one.spelled} 60 A 192.0.2.1`]), afterMs: one.name.startsWith('slow') ? SLOW_MS : 0 },
  ],
})

/** Runs with a connection of its own. */
async function connected(run: (stream: Stream) => Promise<void>): Promise<void> {
  const stream = await Stream.open(made.world.server.port)
  try {
    await run(stream)
  } finally {
    stream.close()
  }
}

const framedQuery = (message: Message) => framed(octetsOf(message))

for (const [length, what] of [
  [0, '0000'],
  [5, '0005 4b38 0100 00'],
  [11, '000b 4b38 0100 0001 0000 0000 00'],
] as const) {
  test(`G8 M RFC 1035 §4.2.2: a message of ${length} octets ends the connection at once`, () =>
    connected(async stream => {
      const startedAtMs = performance.now()
      stream.write(octetsOf(what))
      equal(await stream.next(), undefined)
      ok(performance.now() - startedAtMs < SLOW_MS)
    }))
}

test('C10 M: a response ends the connection at once, and what was asked before it is answered', () =>
  connected(async stream => {
    const startedAtMs = performance.now()
    stream.write(Buffer.concat([framedQuery({}), framedQuery({ flags: 0x8180 }), framedQuery({ id: 2 })]))
    ok(await stream.next())
    equal(await stream.next(), undefined)
    ok(performance.now() - startedAtMs < SLOW_MS)
  }))

test('G6 M RFC 7766 §5: 4,000 addresses come whole', async () => {
  const message = octetsOf({ name: 'lots.big.test', opt: { size: 65_535 } })
  const octets = (await overTcp(message, made.world.server.port))!
  holds(message, octets, 'tcp')
  const { sections, rcode } = read(octets)
  equal(rcode, 'NOERROR')
  equal(new Set(sections[0].map(record => (record as { data: string }).data)).size, SETS.lots)
})

test('G7 M RFC 1035 §4.2.2: a set of more than 65,535 octets is cut at a whole record, with TC and a true length', async () => {
  const message = octetsOf({ name: 'over.big.test' })
  const octets = (await overTcp(message, made.world.server.port))!
  ok(octets.length > 65_535 - 16)
  equal(octets[2]! & 2, 2, 'TC')
  const { sections } = read(octets)
  equal(sections[0].length, Math.floor((65_535 - 12 - 19) / 16))
})

test('G9 M RFC 7766 §8: a query that comes octet by octet is answered', () =>
  connected(async stream => {
    for (const octet of framedQuery({})) {
      stream.write(Uint8Array.of(octet))
      await delay(1)
    }
    equal(shown((await stream.next())!), ANSWERED.replaceAll(/^ +/gm, ''))
  }))

test('G10 S RFC 7766 §7: a query behind one that takes a second is answered first, at once', () =>
  connected(async stream => {
    await asked(made.world, { name: 'kept.up.test' })
    const startedAtMs = performance.now()
    stream.write(
      Buffer.concat([framedQuery({ id: 1, name: 'slow.up.test' }), framedQuery({ id: 2, name: 'kept.up.test' })]),
    )
    equal((await stream.next())!.readUInt16BE(0), 2)
    ok(performance.now() - startedAtMs < SLOW_MS / 2)
    equal((await stream.next())!.readUInt16BE(0), 1)
  }))

test('G11 M RFC 7766 §6.2.1.1: twice 25 queries at once, 50 replies', () =>
  connected(async stream => {
    const names = [`kubernetes.default.svc.${Z}`, `dual.default.svc.${Z}`, 'www.up.test', 'nothing.example']
    const wanted = new Set<number>()
    for (let batch = 0; batch < 2; batch++) {
      const queries = Array.from({ length: 25 }, (_, i) => ({ id: 100 * batch + i, name: names[i % names.length]! }))
      for (const { id } of queries) wanted.add(id)
      stream.write(Buffer.concat(queries.map(framedQuery)))
    }
    while (wanted.size > 0) ok(wanted.delete((await stream.next())!.readUInt16BE(0)))
  }))

test('G12 S RFC 7766 §6.2.4: a client that has closed its side gets what it asked for, also after a second', () =>
  connected(async stream => {
    stream.socket.end(Buffer.concat([framedQuery({ id: 1, name: 'slower.up.test' }), framedQuery({ id: 2 })]))
    equal((await stream.next())!.readUInt16BE(0), 2)
    equal((await stream.next())!.readUInt16BE(0), 1)
    equal(await stream.next(), undefined)
  }))

test(`G13 S RFC 7766 §6.2.1: ${MANY_QUERIES} queries on one connection`, () =>
  connected(async stream => {
    let next = 0
    for (let replies = 0; replies < MANY_QUERIES; replies++) {
      // Never more than a hundred at a time.
      if (next - replies < 50) {
        const ids = Array.from({ length: Math.min(50, MANY_QUERIES - next) }, () => next++)
        if (ids.length > 0) stream.write(Buffer.concat(ids.map(id => framedQuery({ id }))))
      }
      equal((await stream.next())!.readUInt16BE(0), replies)
    }
  }))

for (const ask of [
  {},
  { name: `missing.default.svc.${Z}` },
  { name: `_sql._tcp.peers.default.svc.${Z}`, type: 'SRV' },
  { name: 'www.up.test' },
  { name: '1.0.96.10.in-addr.arpa', type: 'PTR' },
] as const) {
  test(`G14 M RFC 7766 §5: the same answer over UDP and TCP: ${JSON.stringify(ask)}`, async () => {
    const { port } = made.world.server
    const message = octetsOf(ask)
    await overUdp(message, port, false)
    const replies = [await overUdp(message, port, false), await overTcp(message, port)]
    equal(shown(replies[0]!), shown(replies[1]!))
    equal(replies[0]!.length, replies[1]!.length)
  })
}

test.run()
