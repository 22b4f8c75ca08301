/** RFC 8020, NXDOMAIN: There Really Is Nothing Underneath. And where there is something underneath, there is no NXDOMAIN. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { NODATA, NXDOMAIN } from './replies.ts'

const test = suite('RFC 8020')

const rows: Row[] = [
  ...[`svc.${Z}`, `default.svc.${Z}`, Z, `_tcp.kubernetes.default.svc.${Z}`].map(
    (name): Row => ({
      id: 'E14',
      level: 'M',
      source: 'RFC 8020 §3.1, RFC 4592 §2.2.2',
      what: `names that only have names below them exist: ${name}`,
      ask: { name },
      is: NODATA,
    }),
  ),
  ...[`nope.${Z}`, `b.nope.${Z}`, `a.b.nope.${Z}`].map(
    (name): Row => ({
      id: 'E17',
      level: 'M',
      source: 'RFC 8020 §2',
      what: `a name that does not exist has none below it: ${name}`,
      ask: { name },
      is: NXDOMAIN,
    }),
  ),
]
probe(test, rows)

test.run()
