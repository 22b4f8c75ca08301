/** RFC 7830, The EDNS(0) Padding Option: not over transports that are read by everybody. */
import { suite } from 'uvu'
import { option } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, withOpt } from './replies.ts'

const test = suite('RFC 7830')
const PADDING = 12

const rows: Row[] = [
  {
    id: 'F30',
    level: 'S',
    source: 'RFC 7830 §6',
    what: 'a query that is padded gets a reply that is not',
    ask: { opt: { options: option(PADDING, '00'.repeat(64)) } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F30',
    level: 'S',
    source: 'RFC 7830 §3',
    what: 'padding may hold any octets',
    ask: { opt: { options: option(PADDING, 'ff'.repeat(33)) } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F18',
    level: 'M',
    source: 'RFC 7830 §3',
    what: 'five of them are ignored like one',
    ask: { opt: { options: option(PADDING, '0000').repeat(5) } },
    is: withOpt(ANSWERED),
  },
]
probe(test, rows)

test.run()
