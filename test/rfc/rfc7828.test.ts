/** RFC 7828, The edns-tcp-keepalive EDNS0 Option. */
import { suite } from 'uvu'
import { option } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, withOpt } from './replies.ts'

const test = suite('RFC 7828')
const KEEPALIVE = 11
/** Our idle time, ten seconds, in units of 100 ms. */
const OURS = withOpt(ANSWERED, 'keepalive=0064')

const rows: Row[] = [
  {
    id: 'F27',
    level: 'M',
    source: 'RFC 7828 §3.3.1',
    what: 'over UDP it is ignored',
    ask: { opt: { options: option(KEEPALIVE) } },
    over: 'udp',
    is: withOpt(ANSWERED),
  },
  {
    id: 'F28',
    level: 'S',
    source: 'RFC 7828 §3.3.2',
    what: 'over TCP our idle time comes back',
    ask: { opt: { options: option(KEEPALIVE) } },
    over: 'tcp',
    is: OURS,
  },
  {
    id: 'F29',
    level: 'S',
    source: 'RFC 7828 §3.2.1',
    what: 'a time in a query is not taken for ours',
    ask: { opt: { options: option(KEEPALIVE, '1234') } },
    over: 'tcp',
    is: OURS,
  },
  {
    id: 'F28',
    level: 'S',
    source: 'RFC 7828 §3.4',
    what: 'without OPT there is none',
    ask: {},
    over: 'tcp',
    is: ANSWERED,
  },
]
probe(test, rows)

test.run()
