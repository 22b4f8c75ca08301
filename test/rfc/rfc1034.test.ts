/** RFC 1034, Domain Names - Concepts and Facilities: aliases, and where their chains end. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { K_A } from './replies.ts'

const test = suite('RFC 1034')
const cname = (from: string, to: string) => `${from}.default.svc.${Z}. 5 IN CNAME ${to}.default.svc.${Z}.`
const MAX_CNAMES = 10
const chain = (from: number) =>
  Array.from({ length: Math.min(MAX_CNAMES, 12 - from) }, (_, i) =>
    cname(`chain-${from + i}`, from + i === 11 ? 'kubernetes' : `chain-${from + i + 1}`),
  )

const rows: Row[] = [
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §4.3.2',
    what: 'a chain of ten aliases is followed to its end',
    ask: { name: `chain-2.default.svc.${Z}` },
    waits: true,
    is: `NOERROR aa rd
    ;; ANSWER
    ${[...chain(2), K_A].join('\n')}`,
  },
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §5.2.2',
    what: 'one of twelve is cut after ten',
    ask: { name: `chain-0.default.svc.${Z}` },
    waits: true,
    is: `NOERROR aa rd
    ;; ANSWER
    ${chain(0).join('\n')}`,
  },
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §5.2.2',
    what: 'a loop of one ends',
    ask: { name: `self.default.svc.${Z}` },
    waits: true,
    is: `NOERROR aa rd
    ;; ANSWER
    ${cname('self', 'self')}`,
  },
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §5.2.2',
    what: 'a loop of two ends',
    ask: { name: `ping.default.svc.${Z}` },
    waits: true,
    is: `NOERROR aa rd
    ;; ANSWER
    ${cname('ping', 'pong')}
    ${cname('pong', 'ping')}`,
  },
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §4.3.2',
    what: 'an alias to a name outside is followed there, and is not our word on that name',
    ask: { name: `outside.default.svc.${Z}` },
    waits: true,
    is: `NOERROR aa rd
    ;; ANSWER
    outside.default.svc.${Z}. 5 IN CNAME www.up.test.
    www.up.test. 30 IN A 192.0.2.1`,
  },
  {
    id: 'E18',
    level: 'S',
    source: 'RFC 1034 §3.6.2',
    what: 'who asks for the alias gets the alias alone',
    ask: { name: `chain-0.default.svc.${Z}`, type: 'CNAME' },
    is: `NOERROR aa rd
    ;; ANSWER
    ${chain(0)[0]}`,
  },
]
probe(test, rows)

test.run()
