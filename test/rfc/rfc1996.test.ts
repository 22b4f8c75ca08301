/** RFC 1996, NOTIFY. This server is nobody's secondary. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe } from './probe.ts'

const test = suite('RFC 1996')
const NOTIMP = 'NOTIMP opcode 4 (header)'

probe(test, [
  {
    id: 'B5',
    level: 'M',
    source: 'RFC 1996 §3.12',
    what: 'a NOTIFY is NOTIMP: neither silence nor an answer',
    ask: { name: Z, type: 'SOA', flags: 0x2400 },
    is: NOTIMP,
  },
  {
    id: 'B5',
    level: 'M',
    source: 'RFC 1996 §3.12',
    what: 'of a zone that is forwarded, too: nothing goes upstream',
    ask: { name: 'up.test', type: 'SOA', flags: 0x2400 },
    is: NOTIMP,
  },
])

test.run()
