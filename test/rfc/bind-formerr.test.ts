/**
 * The kinds of message that BIND's own suite of malformed queries holds, with names of the world here: what each is worth to this
 * server. BIND echoes the question of some; here FORMERR is a header alone.
 */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { ANSWERED, FORMERR } from './replies.ts'

const test = suite('malformed queries')
const OWNER = 'c00c'
const SOA_DATA = '0016 00 00 00000001 00001c20 00000708 00015180 00000005'
const SOA = `${OWNER} 0006 0001 00000005 ${SOA_DATA}`
/** hmac-sha256., no time, no MAC. */
const TSIG_DATA = '001d 0b 686d61632d736861323536 00 000000000000 012c 0000 4b38 0000 0000'
const TSIG = `03 6b6579 00 00fa 00ff 00000000 ${TSIG_DATA}`
const soaOfZone = { name: Z, type: 'SOA' } as const

interface Case {
  what: string
  level?: Row['level']
  ask: Row['ask']
  is?: string
}

const cases: Case[] = [
  { what: 'a name that is too long', ask: { name: { hex: `${'3f'.padEnd(128, '61').repeat(4)}00` } } },
  { what: 'two names', ask: { counts: [2, 0, 0, 0], question: '<K> 0001 0001 03 666f6f 00 0001 0001' } },
  { what: 'two types', ask: { counts: [2, 0, 0, 0], question: '<K> 0001 0001 <K> 001c 0001' } },
  { what: 'two classes', ask: { counts: [2, 0, 0, 0], question: '<K> 0001 0001 <K> 0001 0003' } },
  { what: 'the same question twice', ask: { counts: [2, 0, 0, 0], question: '<K> 0001 0001 <K> 0001 0001' } },
  { what: 'the same SOA twice in the answer', ask: { ...soaOfZone, counts: [1, 2, 0, 0], records: SOA + SOA } },
  {
    what: 'a record of type ANY',
    ask: { counts: [1, 1, 0, 0], records: `${OWNER} 00ff 0001 00000005 0004 0a600001` },
  },
  { what: 'no question', ask: '4b38 0100 0000 0000 0000 0000' },
  {
    what: 'an NSEC3 record with an owner that is no hash',
    ask: {
      counts: [1, 0, 1, 0],
      records: `${OWNER} 0032 0001 00000005 000a 01 00 000a 00 04 00000000`.replace('000a 01', '0009 01'),
    },
  },
  { what: 'a record that is too short', ask: { counts: [1, 0, 0, 1], records: `${OWNER} 0001 0001 0000` } },
  { what: 'a question that is too short', ask: '4b38 0100 0001 0000 0000 0000 <K> 0001' },
  {
    what: 'a record whose name leads out of the message',
    ask: { counts: [1, 1, 0, 0], records: 'ffff 0001 0001 00000005 0004 0a600001' },
  },
  {
    what: 'a record of another class than the question',
    ask: { counts: [1, 1, 0, 0], records: `${OWNER} 0001 0003 00000005 0004 0a600001` },
  },
  {
    what: 'a KEY record of class ANY',
    ask: { counts: [1, 1, 0, 0], records: `${OWNER} 0019 00ff 00000005 0004 00000305` },
  },
  {
    what: 'an OPT that a name owns',
    ask: '4b38 0100 0001 0000 0000 0001 <K> 0001 0001 03 666f6f 00 0029 04d0 00000000 0000',
  },
  {
    what: 'an RRSIG that is cut',
    ask: { counts: [1, 1, 0, 0], records: `${OWNER} 002e 0001 00000005 0004 00010502` },
  },
  {
    what: 'an UPDATE that deletes, with data',
    ask: {
      ...soaOfZone,
      flags: 0x2800,
      counts: [1, 0, 1, 0],
      records: `${OWNER} 0001 00ff 00000000 0004 0a600001`,
    },
    is: 'NOTIMP opcode 5 (header)',
  },
  {
    what: 'a TSIG of class IN',
    ask: { counts: [1, 0, 0, 1], records: TSIG.replace('00fa 00ff', '00fa 0001') },
  },
  {
    what: 'a TSIG that is not the last record',
    ask: { counts: [1, 0, 0, 2], records: `${TSIG} ${OWNER} 0001 0001 00000005 0004 0a600001` },
  },
  {
    what: 'a TSIG of a key that nobody knows, in its place',
    level: 'C',
    ask: { counts: [1, 0, 0, 1], records: TSIG },
    is: ANSWERED,
  },
]

const rows: Row[] = cases.map(({ what, level = 'M', ask, is = FORMERR }) => ({
  level,
  source: 'BIND formerr',
  what,
  ask,
  is,
}))
probe(test, rows)

test.run()
