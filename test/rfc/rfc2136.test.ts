/** RFC 2136, UPDATE. Nothing here can be updated. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe } from './probe.ts'

const test = suite('RFC 2136')
const NOTIMP = 'NOTIMP opcode 5 (header)'

probe(test, [
  {
    id: 'B6',
    level: 'M',
    source: 'RFC 2136 §3',
    what: 'an UPDATE is NOTIMP',
    ask: { name: Z, type: 'SOA', flags: 0x2800 },
    is: NOTIMP,
  },
  {
    id: 'B6',
    level: 'M',
    source: 'RFC 2136 §3',
    what: 'with a record to add, too',
    ask: {
      name: Z,
      type: 'SOA',
      flags: 0x2800,
      counts: [1, 0, 1, 0],
      records: '01 78 c00c 0001 0001 00000005 0004 0a600001',
    },
    is: NOTIMP,
  },
  {
    id: 'B6',
    level: 'M',
    source: 'RFC 2136 §3',
    what: 'of a zone that is forwarded, too: nothing goes upstream',
    ask: { name: 'up.test', type: 'SOA', flags: 0x2800 },
    is: NOTIMP,
  },
])

test.run()
