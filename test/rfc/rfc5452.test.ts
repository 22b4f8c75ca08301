/** RFC 5452, Measures for Making DNS More Resilient against Forged Answers: a server does not take responses for queries. */
import { suite } from 'uvu'
import { DROPPED, probe, type Row } from './probe.ts'

const test = suite('RFC 5452')

const rows: Row[] = [0x8180, 0x8000, 0xf800, 0xffff].map(flags => ({
  id: 'C10',
  level: 'M',
  source: 'RFC 5452 §9.1',
  what: `a response gets no reply, and ends a connection: flags ${flags.toString(16)}`,
  ask: { flags },
  is: DROPPED,
}))
probe(test, rows)

test.run()
