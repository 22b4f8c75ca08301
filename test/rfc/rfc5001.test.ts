/** RFC 5001, DNS Name Server Identifier (NSID) Option. */
import { suite } from 'uvu'
import { option } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, withOpt } from './replies.ts'

const NSID = 3
const FIVE = option(NSID).repeat(5)

const without = suite('RFC 5001 without `nsid`')
probe(without, [
  {
    id: 'F19',
    level: 'S',
    source: 'RFC 5001 §2.2',
    what: 'where there is no identifier nothing comes back, not even an empty one',
    ask: { opt: { options: option(NSID) } },
    is: withOpt(ANSWERED),
  },
])
without.run()

const test = suite('RFC 5001')
const rows: Row[] = [
  {
    id: 'F19',
    level: 'S',
    source: 'RFC 5001 §2.2',
    what: 'who asks for it gets the identifier',
    ask: { opt: { options: option(NSID) } },
    is: withOpt(ANSWERED, 'nsid=pod-1'),
  },
  {
    id: 'F19',
    level: 'M',
    source: 'RFC 5001 §2.2',
    what: 'whatever a query says there is ignored',
    ask: { opt: { options: option(NSID, 'deadbeef') } },
    is: withOpt(ANSWERED, 'nsid=pod-1'),
  },
  {
    id: 'F19',
    level: 'M',
    source: 'RFC 5001 §2.2',
    what: 'who does not ask does not get it',
    ask: { opt: {} },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F18',
    level: 'M',
    source: 'RFC 5001 §2.2',
    what: 'who asks five times gets it once',
    ask: { opt: { options: FIVE } },
    is: withOpt(ANSWERED, 'nsid=pod-1'),
  },
]
probe(test, rows, { lines: 'nsid pod-1' })

test.run()
