/** RFC 5936 and RFC 1995, zone transfers: refused where nobody allows them. */
import { equal } from 'node:assert/strict'
import { suite } from 'uvu'
import { framed } from '../harness/frames.ts'
import { Stream } from './exchange.ts'
import { octetsOf, Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { read, shown } from './reading.ts'
import { REFUSED, SOA } from './replies.ts'
import { makeWorld } from './world.ts'

const test = suite('RFC 5936')
const SOA_AT_SERIAL_1 = `c00c 0006 0001 00000005 0016 00 00 00000001 00001c20 00000708 00015180 00000005`

const rows: Row[] = [
  {
    id: 'E8',
    level: 'M',
    source: 'RFC 5936 §4.2',
    what: 'AXFR over UDP is REFUSED',
    ask: { name: Z, type: 'AXFR' },
    over: 'udp',
    is: REFUSED,
  },
  {
    id: 'E9',
    level: 'M',
    source: 'RFC 5936 §5',
    what: 'AXFR is REFUSED where it is not allowed',
    ask: { name: Z, type: 'AXFR' },
    over: 'tcp',
    is: REFUSED,
  },
  {
    id: 'E9',
    level: 'M',
    source: 'RFC 5936 §5',
    what: 'IXFR is REFUSED where it is not allowed',
    ask: { name: Z, type: 'IXFR', counts: [1, 0, 1, 0], records: SOA_AT_SERIAL_1 },
    is: REFUSED,
  },
  {
    id: 'E9',
    level: 'M',
    source: 'RFC 5936 §5',
    what: 'so is the transfer of a zone that is forwarded: nothing goes upstream',
    ask: { name: 'up.test', type: 'AXFR' },
    is: `${REFUSED} ra`,
  },
]
const made = probe(test, rows)

test('E9: no transfer was asked for upstream', () => {
  equal(made.world.upstream.asked.length, 0)
})

test('E9 M RFC 5936 §2.2: where it is allowed, a zone begins and ends with its SOA', async () => {
  const world = await makeWorld({ lines: 'transfer {\nto *\n}' })
  const stream = await Stream.open(world.server.port)
  try {
    stream.write(framed(octetsOf({ name: Z, type: 'AXFR' })))
    const records: unknown[] = []
    let first = ''
    for (let ends = 0; ends < 2; ) {
      const message = await stream.next()
      first ||= shown(message!).split('\n')[2]!
      records.push(...read(message!).sections[0])
      ends = records.filter(record => (record as { type: string }).type === 'SOA').length
    }
    equal(first, SOA)
    equal((records.at(-1) as { type: string }).type, 'SOA')
  } finally {
    stream.close()
    await world.stop()
  }
})

test.run()
