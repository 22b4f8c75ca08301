/** RFC 8482, Providing Minimal-Sized Responses to DNS Queries That Have QTYPE=ANY. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { NXDOMAIN } from './replies.ts'

const test = suite('RFC 8482')

const rows: Row[] = [
  {
    id: 'E6',
    level: 'S',
    source: 'RFC 8482 §4.2',
    what: 'ANY of a service is one HINFO',
    ask: { type: 'ANY' },
    is: `NOERROR aa rd
    ;; ANSWER
    kubernetes.default.svc.${Z}. 5 IN HINFO {"cpu":"RFC8482","os":""}`,
  },
  {
    id: 'E7',
    level: 'M',
    source: 'RFC 8482 §4',
    what: 'ANY of a name that does not exist is NXDOMAIN',
    ask: { name: `missing.default.svc.${Z}`, type: 'ANY' },
    is: NXDOMAIN,
  },
  {
    id: 'E6',
    level: 'C',
    source: 'RFC 8482 §4.2',
    what: 'so is that of a name that only has names below it',
    ask: { name: `default.svc.${Z}`, type: 'ANY' },
    is: `NOERROR aa rd
    ;; ANSWER
    default.svc.${Z}. 5 IN HINFO {"cpu":"RFC8482","os":""}`,
  },
]
probe(test, rows)

test.run()
