/** RFC 4074, Common Misbehavior Against DNS Queries for IPv6 Addresses; and other types that a name has not. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { NODATA } from './replies.ts'

const test = suite('RFC 4074')

const rows: Row[] = [
  {
    id: 'E16',
    level: 'M',
    source: 'RFC 4074 §4.2',
    what: 'AAAA of a name that has only A is NODATA, never NXDOMAIN',
    ask: { type: 'AAAA' },
    is: NODATA,
  },
  {
    id: 'E16',
    level: 'M',
    source: 'RFC 4074 §4.2',
    what: 'A of a name that has only AAAA, too',
    ask: { name: `six.default.svc.${Z}` },
    is: NODATA,
  },
  {
    id: 'E16',
    level: 'M',
    source: 'RFC 4074 §3',
    what: 'a name with both has each',
    ask: { name: `dual.default.svc.${Z}`, type: 'AAAA' },
    is: `NOERROR aa rd
    ;; ANSWER
    dual.default.svc.${Z}. 5 IN AAAA fd00::2`,
  },
]
probe(test, rows)

test.run()
