/** RFC 8490, DNS Stateful Operations: not implemented, and said so without ending the connection. */
import { equal, ok } from 'node:assert/strict'
import { suite } from 'uvu'
import { framed } from '../harness/frames.ts'
import { text } from '../harness/message.ts'
import { Stream } from './exchange.ts'
import { octetsOf } from './message.ts'
import { probe } from './probe.ts'
import { shown } from './reading.ts'
import { ANSWERED } from './replies.ts'

const test = suite('RFC 8490')
const DSO = '4b38 3000 0000 0000 0000 0000'
const KEEPALIVE = `${DSO} 0001 0008 00003a98 00003a98`
const NOTIMP = 'NOTIMP opcode 6 (header)'

const made = probe(test, [
  {
    id: 'B7',
    level: 'M',
    source: 'RFC 8490 §5.1.1',
    what: 'a DSO message is NOTIMP',
    ask: DSO,
    is: NOTIMP,
  },
  {
    id: 'B7',
    level: 'M',
    source: 'RFC 8490 §5.1.1',
    what: 'a DSO keepalive is NOTIMP',
    ask: KEEPALIVE,
    is: NOTIMP,
  },
])

test('B7 M RFC 8490 §5.1.1: queries go on over the connection that refused it', async () => {
  const stream = await Stream.open(made.world.server.port)
  try {
    stream.write(Buffer.concat([framed(octetsOf(KEEPALIVE)), framed(octetsOf({}))]))
    const replies = [await stream.next(), await stream.next()]
    ok(replies[0] && replies[1])
    equal(shown(replies[0]), NOTIMP)
    equal(shown(replies[1]), text`${ANSWERED}`)
  } finally {
    stream.close()
  }
})

test.run()
