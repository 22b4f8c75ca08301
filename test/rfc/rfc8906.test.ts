/** RFC 8906, A Common Operational Problem in DNS Servers: Failure to Communicate. Its tests, section by section. */
import { suite } from 'uvu'
import { option, Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, NODATA, REFUSED, SOA, withOpt } from './replies.ts'

const test = suite('RFC 8906')
const soa = (flags = '') => `NOERROR aa${flags}
  ;; ANSWER
  ${SOA}`
const BADVERS = `BADVERS
  ;; OPT 1232`
const apex = { name: Z, type: 'SOA', flags: 0 } as const

const rows: Row[] = [
  { id: 'A1', level: 'M', source: 'RFC 8906 §8.1.1', what: 'the SOA of a zone', ask: apex, is: soa() },
  {
    id: 'A2',
    level: 'M',
    source: 'RFC 8906 §8.1.3.4',
    what: 'RD is copied, AA stays',
    ask: { ...apex, flags: 0x0100 },
    is: soa(' rd'),
  },
  {
    id: 'A3',
    level: 'M',
    source: 'RFC 1035 §4.1.1',
    what: 'AA in a query means nothing: it is on local data',
    ask: { ...apex, flags: 0x0400 },
    is: soa(),
  },
  {
    id: 'A3',
    level: 'M',
    source: 'RFC 1035 §4.1.1',
    what: 'AA in a query means nothing: it is not on forwarded data',
    ask: { name: 'www.up.test', flags: 0x0500 },
    waits: true,
    is: 'NOERROR rd ra\n;; ANSWER\nwww.up.test. 30 IN A 192.0.2.1',
  },
  {
    id: 'A4',
    level: 'C',
    source: 'RFC 1035 §4.1.1',
    what: 'TC in a query is ignored',
    ask: { ...apex, flags: 0x0200 },
    is: soa(),
  },
  {
    id: 'A5',
    level: 'M',
    source: 'RFC 1035 §4.1.1',
    what: 'RA in a query is not echoed',
    ask: { ...apex, flags: 0x0080 },
    is: soa(),
  },
  {
    id: 'A6',
    level: 'M',
    source: 'RFC 8906 §8.1.3.3',
    what: 'the reserved bit is ignored and not echoed',
    ask: { ...apex, flags: 0x0040 },
    is: soa(),
  },
  {
    id: 'A7',
    level: 'M',
    source: 'RFC 8906 §8.1.3.2',
    what: 'AD in a query: an answer without AD',
    ask: { ...apex, flags: 0x0020 },
    is: soa(),
  },
  {
    id: 'A8',
    level: 'C',
    source: 'RFC 8906 §8.1.3.1, RFC 4035 §3',
    what: 'CD in a query is copied',
    ask: { ...apex, flags: 0x0010 },
    is: soa(' cd'),
  },
  {
    id: 'A9',
    level: 'S',
    source: 'RFC 1035 §4.1.1',
    what: 'an rcode in a query is ignored',
    ask: { ...apex, flags: 0x0105 },
    is: soa(' rd'),
  },
  {
    id: 'B1',
    level: 'M',
    source: 'RFC 8906 §8.1.4',
    what: 'opcode 15 is NOTIMP, 12 octets',
    ask: '4b38 7800 0000 0000 0000 0000',
    is: 'NOTIMP opcode 15 (header)',
  },
  {
    id: 'B2',
    level: 'M',
    source: 'RFC 8906 §8.1.4',
    what: 'opcode 15 with all flags: none comes back',
    ask: '4b38 7ff0 0000 0000 0000 0000',
    is: 'NOTIMP opcode 15 (header)',
  },
  {
    id: 'B4',
    level: 'M',
    source: 'RFC 8906 §3.1.4',
    what: 'opcode STATUS is NOTIMP',
    ask: '4b38 1000 0000 0000 0000 0000',
    is: 'NOTIMP opcode 2 (header)',
  },
  ...[3, 7, 8, 14].map(
    (opcode): Row => ({
      id: 'B1',
      level: 'M',
      source: 'RFC 8906 §8.1.4',
      what: `opcode ${opcode} with a question is NOTIMP`,
      ask: { ...apex, flags: opcode << 11 },
      is: `NOTIMP opcode ${opcode} (header)`,
    }),
  ),
  {
    id: 'E1',
    level: 'M',
    source: 'RFC 8906 §8.1.2',
    what: 'TYPE1000 at the apex is NODATA',
    ask: { ...apex, type: 1000, flags: 0x0100 },
    is: NODATA,
  },
  {
    id: 'E1',
    level: 'M',
    source: 'RFC 8906 §8.1.2',
    what: 'TYPE666 at a name is NODATA',
    ask: { type: 666 },
    is: NODATA,
  },
  { id: 'E3', level: 'C', source: 'RFC 8906 §3.1.2', what: 'type 0 is NODATA', ask: { type: 0 }, is: NODATA },
  {
    id: 'E3',
    level: 'C',
    source: 'RFC 8906 §3.1.2',
    what: 'type 65535 is NODATA',
    ask: { type: 65_535 },
    is: NODATA,
  },
  {
    id: 'E5',
    level: 'C',
    source: 'RFC 8906 §7',
    what: 'MAILA is NODATA',
    ask: { type: 'MAILA' },
    is: NODATA,
  },
  { id: 'E5', level: 'C', source: 'RFC 8906 §7', what: 'MAILB is NODATA', ask: { type: 'MAILB' }, is: NODATA },
  ...(['HS', 'ANY', 'NONE', 0, 2, 65_535] as const).map(
    (qclass): Row => ({
      id: 'E11',
      level: 'S',
      source: 'RFC 8906 §7',
      what: `class ${qclass} is REFUSED`,
      ask: { class: qclass },
      is: REFUSED,
    }),
  ),
  {
    id: 'E13',
    level: 'M',
    source: 'RFC 8906 §3.1.1',
    what: 'a name of no zone here is REFUSED, without AA and SOA',
    ask: { name: 'www.example.com' },
    is: REFUSED,
  },
  {
    id: 'F4',
    level: 'M',
    source: 'RFC 8906 §8.2.6',
    what: 'EDNS version 1 with an unknown option: BADVERS, no option',
    ask: { ...apex, opt: { version: 1, options: option(100) } },
    is: BADVERS,
  },
  {
    id: 'F5',
    level: 'M',
    source: 'RFC 8906 §8.2.5',
    what: 'EDNS version 1 with an unknown flag: BADVERS, no flag',
    ask: { ...apex, opt: { version: 1, flags: 0x40 } },
    is: BADVERS,
  },
  {
    id: 'F5',
    level: 'M',
    source: 'RFC 8906 §8.2.9',
    what: 'EDNS version 1 with DO: BADVERS, no flag but DO',
    ask: { ...apex, opt: { version: 1, flags: 0x8000 } },
    is: `${BADVERS} do`,
  },
  {
    id: 'F1',
    level: 'M',
    source: 'RFC 8906 §8.2.1',
    what: 'minimal EDNS: an OPT of version 0',
    ask: { ...apex, opt: {} },
    is: withOpt(soa()),
  },
  {
    id: 'F6',
    level: 'M',
    source: 'RFC 8906 §8.2.3',
    what: 'an unknown option: no option',
    ask: { ...apex, opt: { options: option(100) } },
    is: withOpt(soa()),
  },
  {
    id: 'F7',
    level: 'M',
    source: 'RFC 8906 §8.2.4',
    what: 'an unknown flag: no flag',
    ask: { ...apex, opt: { flags: 0x40 } },
    is: withOpt(soa()),
  },
  {
    id: 'F10',
    level: 'M',
    source: 'RFC 8906 §8.2.8',
    what: 'DO: an answer, no flag but DO',
    ask: { ...apex, opt: { flags: 0x8000 } },
    is: withOpt(soa(), 'do'),
  },
  {
    id: 'F33',
    level: 'M',
    source: 'RFC 8906 §8.2.10',
    what: 'many options at once: an answer, version 0',
    ask: {
      opt: { options: [option(3), option(8, '00010000'), option(9), option(100), option(12, '0000')].join('') },
    },
    is: withOpt(ANSWERED),
  },
  {
    id: 'G6',
    level: 'M',
    source: 'RFC 8906 §8.1.5',
    what: 'TCP answers',
    ask: apex,
    over: 'tcp',
    is: soa(),
  },
]
probe(test, rows)

test.run()
