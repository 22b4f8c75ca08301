/** RFC 3425, Obsoleting IQUERY. */
import { suite } from 'uvu'
import { probe } from './probe.ts'

const test = suite('RFC 3425')

probe(test, [
  {
    id: 'B3',
    level: 'M',
    source: 'RFC 3425 §3',
    what: 'an inverse query is NOTIMP',
    ask: '4b38 0800 0000 0001 0000 0000 00 0001 0001 00000000 0004 0a600001',
    is: 'NOTIMP opcode 1 (header)',
  },
  {
    id: 'B3',
    level: 'M',
    source: 'RFC 3425 §3',
    what: 'with a question, too',
    ask: { flags: 0x0800 },
    is: 'NOTIMP opcode 1 (header)',
  },
])

test.run()
