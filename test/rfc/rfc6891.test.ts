/** RFC 6891, Extension Mechanisms for DNS: whose OPT a reply has, what is in it, and which OPTs are no OPT. */
import { suite } from 'uvu'
import { option } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, FORMERR, FORMERR_OPT, withOpt } from './replies.ts'

const test = suite('RFC 6891')
const BADVERS = `BADVERS rd
  ;; OPT 1232`
const EMPTY_OPT = '00 0029 04d0 00000000 0000'

const rows: Row[] = [
  {
    id: 'F1',
    level: 'M',
    source: 'RFC 6891 §6.2.4',
    what: "the size in a reply is the server's own, whatever the client offers",
    ask: { opt: { size: 4096 } },
    is: withOpt(ANSWERED),
  },
  { id: 'F2', level: 'M', source: 'RFC 6891 §7', what: 'no OPT in, no OPT out', ask: {}, is: ANSWERED },
  {
    id: 'F3',
    level: 'M',
    source: 'RFC 6891 §6.1.3',
    what: 'version 1 is BADVERS with version 0, no answer, no AA',
    ask: { opt: { version: 1 } },
    is: BADVERS,
  },
  {
    id: 'F3',
    level: 'M',
    source: 'RFC 6891 §6.1.3',
    what: 'version 255 is BADVERS',
    ask: { opt: { version: 255 } },
    is: BADVERS,
  },
  {
    id: 'F3',
    level: 'M',
    source: 'RFC 6891 §6.1.3',
    what: 'version 1 without a question is BADVERS too',
    ask: { question: '', opt: { version: 1, options: option(10, '1122334455667788') } },
    is: BADVERS,
  },
  {
    id: 'F6',
    level: 'M',
    source: 'RFC 6891 §6.1.2',
    what: 'an option that is not known is ignored and not echoed',
    ask: { opt: { options: option(100, 'deadbeef') } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F7',
    level: 'M',
    source: 'RFC 6891 §6.1.4',
    what: 'flag 0x40 is not echoed',
    ask: { opt: { flags: 0x40 } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F7',
    level: 'M',
    source: 'RFC 6891 §6.1.4',
    what: 'flag 0x80 is not echoed',
    ask: { opt: { flags: 0x80 } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'F8',
    level: 'M',
    source: 'RFC 6891 §6.1.4',
    what: 'flag 0x2000 is not echoed',
    ask: `4b38 0100 0001 0000 0000 0001 <K> 0001 0001 00 0029 04d0 00 00 2000 0000`,
    is: withOpt(ANSWERED),
  },
  {
    id: 'F11',
    level: 'M',
    source: 'RFC 6891 §6.1.1',
    what: 'two OPTs are FORMERR',
    ask: `4b38 0100 0001 0000 0000 0002 <K> 0001 0001 ${EMPTY_OPT} ${EMPTY_OPT}`,
    is: FORMERR_OPT,
  },
  {
    id: 'F12',
    level: 'M',
    source: 'RFC 6891 §6.1.2',
    what: 'an OPT below a name is FORMERR',
    ask: `4b38 0100 0001 0000 0000 0001 <K> 0001 0001 016100 0029 04d0 00000000 0000`,
    is: FORMERR,
  },
  {
    id: 'F13',
    level: 'S',
    source: 'RFC 6891 §6.1.1',
    what: 'an OPT in the answer section is FORMERR',
    ask: `4b38 0100 0001 0001 0000 0000 <K> 0001 0001 ${EMPTY_OPT}`,
    is: FORMERR,
  },
  {
    id: 'F13',
    level: 'S',
    source: 'RFC 6891 §6.1.1',
    what: 'an OPT in the authority section is FORMERR',
    ask: `4b38 0100 0001 0000 0001 0000 <K> 0001 0001 ${EMPTY_OPT}`,
    is: FORMERR,
  },
  {
    id: 'F14',
    level: 'M',
    source: 'RFC 6891 §7',
    what: 'an option longer than the OPT is FORMERR',
    ask: `4b38 0100 0001 0000 0000 0001 <K> 0001 0001 00 0029 04d0 00000000 0006 000a00ff0102`,
    is: FORMERR_OPT,
  },
  {
    id: 'F14',
    level: 'M',
    source: 'RFC 6891 §7',
    what: 'half an option is FORMERR',
    ask: { opt: { options: '000a00' } },
    is: FORMERR_OPT,
  },
  {
    id: 'F16',
    level: 'M',
    source: 'RFC 6891 §6.2.3',
    what: 'a size of 0 is taken for 512',
    ask: { name: 'many.big.test', opt: { size: 0 } },
    over: 'udp',
    is: withOpt(ofMany(29, 'many.big.test')),
  },
  {
    id: 'F16',
    level: 'M',
    source: 'RFC 6891 §6.2.3',
    what: 'a size of 511 is taken for 512',
    ask: { name: 'many.big.test', opt: { size: 511 } },
    over: 'udp',
    is: withOpt(ofMany(29, 'many.big.test')),
  },
  {
    id: 'F17',
    level: 'M',
    source: 'RFC 6891 §6.1.2',
    what: '120 options that are not known are ignored',
    ask: { opt: { options: Array.from({ length: 120 }, (_, i) => option(100 + i)).join('') } },
    is: withOpt(ANSWERED),
  },
  {
    id: 'D5',
    level: 'M',
    source: 'RFC 6891 §5',
    what: 'an extended label type (0b01) is FORMERR',
    ask: { name: { hex: '416100' } },
    is: FORMERR,
  },
  {
    id: 'D5',
    level: 'M',
    source: 'RFC 1035 §4.1.4',
    what: 'a reserved label type (0b10) is FORMERR',
    ask: { name: { hex: '816100' } },
    is: FORMERR,
  },
  {
    id: 'G2',
    level: 'M',
    source: 'RFC 6891 §7',
    what: 'a reply cut at 1,232 octets keeps its OPT, and TC says that it was cut',
    ask: { name: 'many.big.test', opt: { size: 1232, options: option(12, '00'.repeat(20)) } },
    over: 'udp',
    is: withOpt(ofMany(74, 'many.big.test')),
  },
]

/** The first `count` addresses of a name, cut. */
function ofMany(count: number, name: string): string {
  const records = Array.from({ length: count }, (_, i) => `${name}. 3600 IN A 10.1.0.${i}`)
  return ['NOERROR aa tc rd', ';; ANSWER', ...records].join('\n')
}

probe(test, rows)

test.run()
