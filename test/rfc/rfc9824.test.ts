/** RFC 9824, Compact Denial of Existence in DNSSEC: its flag is no flag of ours. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe } from './probe.ts'
import { NXDOMAIN, withOpt } from './replies.ts'

const test = suite('RFC 9824')

probe(test, [
  {
    id: 'F9',
    level: 'S',
    source: 'RFC 9824 §5.1',
    what: 'CO is not echoed: what is denied here is denied in full',
    ask: { name: `missing.default.svc.${Z}`, opt: { flags: 0x4000 } },
    is: withOpt(NXDOMAIN),
  },
  {
    id: 'F9',
    level: 'S',
    source: 'RFC 9824 §5.1',
    what: 'nor beside DO',
    ask: { name: `missing.default.svc.${Z}`, opt: { flags: 0xc000 } },
    is: withOpt(NXDOMAIN, 'do'),
  },
])

test.run()
