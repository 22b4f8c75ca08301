/** RFC 9267, Common Implementation Anti-Patterns Related to DNS RR Processing: pointers, lengths and counts that lie. */
import { suite } from 'uvu'
import { probe, type Row } from './probe.ts'
import { FORMERR, FORMERR_OPT, NXDOMAIN } from './replies.ts'

const test = suite('RFC 9267')

const rows: Row[] = [
  {
    id: 'D1',
    level: 'M',
    source: 'RFC 9267 §2',
    what: 'a name that is a pointer to itself',
    ask: { name: { hex: 'c00c' } },
    is: FORMERR,
  },
  {
    id: 'D2',
    level: 'M',
    source: 'RFC 9267 §2',
    what: 'two pointers to each other',
    ask: '4b3801000001000000000000 c00ec00c 00010001',
    is: FORMERR,
  },
  {
    id: 'D3',
    level: 'M',
    source: 'RFC 9267 §2',
    what: 'a pointer behind the message',
    ask: { name: { hex: 'ffff' } },
    is: FORMERR,
  },
  {
    id: 'D4',
    level: 'S',
    source: 'RFC 9267 §2',
    what: 'a pointer into the header',
    ask: { name: { hex: '03666f6f c000' } },
    is: FORMERR,
  },
  {
    id: 'D10',
    level: 'M',
    source: 'RFC 9267 §3',
    what: 'one label with a dot in it is not two',
    ask: '4b3801000001000000000000 12 6b756265726e657465732e64656661756c74 03737663 07636c7573746572 056c6f63616c 00 00010001',
    is: NXDOMAIN,
  },
  {
    id: 'D7',
    level: 'M',
    source: 'RFC 9267 §3',
    what: 'a label that is longer than the message',
    ask: '4b3801000001000000000000 3f 6b756265 00010001',
    is: FORMERR,
  },
  {
    id: 'C12',
    level: 'M',
    source: 'RFC 9267 §4',
    what: 'a name without its zero octet',
    ask: '4b3801000001000000000000 036b7562',
    is: FORMERR,
  },
  {
    id: 'F14',
    level: 'M',
    source: 'RFC 9267 §5',
    what: 'an option that is longer than its OPT',
    ask: '4b3801000001000000000001 <K> 00010001 00 0029 04d0 00000000 0006 000a00ff0102',
    is: FORMERR_OPT,
  },
  {
    id: 'F15',
    level: 'M',
    source: 'RFC 9267 §5',
    what: 'an OPT that is longer than its message',
    ask: '4b3801000001000000000001 <K> 00010001 00 0029 04d0 00000000 0040',
    is: FORMERR_OPT,
  },
  {
    id: 'C4',
    level: 'M',
    source: 'RFC 9267 §6',
    what: '65,535 questions counted, one present',
    ask: { counts: [0xffff, 0, 0, 0] },
    is: FORMERR,
  },
  ...[1, 2, 3].map(
    (section): Row => ({
      id: 'C4',
      level: 'M',
      source: 'RFC 9267 §6',
      what: `65,535 records counted in section ${section}, none present`,
      ask: { counts: [1, ...[1, 2, 3].map(at => (at === section ? 0xffff : 0))] as [number, number, number, number] },
      is: FORMERR,
    }),
  ),
]
probe(test, rows)

test.run()
