/** RFC 9619, In the DNS, QDCOUNT Is (Usually) One. */
import { suite } from 'uvu'
import { probe, type Row } from './probe.ts'
import { FORMERR, FORMERR_OPT } from './replies.ts'

const test = suite('RFC 9619')
const two = (first: string, second: string): Row['ask'] => ({
  counts: [2, 0, 0, 0],
  question: `<K> ${first} <K> ${second}`,
})

const rows: Row[] = [
  {
    id: 'C1',
    level: 'M',
    source: 'RFC 9619 §4',
    what: 'no question, and no cookie that would ask for one, is FORMERR',
    ask: { question: '' },
    is: FORMERR,
  },
  {
    id: 'C1',
    level: 'M',
    source: 'RFC 9619 §4',
    what: 'no question, and an OPT without a cookie, is FORMERR',
    ask: { question: '', opt: {} },
    is: FORMERR_OPT,
  },
  {
    id: 'C3',
    level: 'M',
    source: 'RFC 9619 §4',
    what: 'the same question twice is FORMERR',
    ask: two('0001 0001', '0001 0001'),
    is: FORMERR,
  },
  {
    id: 'C3',
    level: 'M',
    source: 'RFC 9619 §4',
    what: 'questions of two types are FORMERR',
    ask: two('0001 0001', '001c 0001'),
    is: FORMERR,
  },
  {
    id: 'C3',
    level: 'M',
    source: 'RFC 9619 §4',
    what: 'questions of two classes are FORMERR',
    ask: two('0001 0001', '0001 0003'),
    is: FORMERR,
  },
]
probe(test, rows)

test.run()
