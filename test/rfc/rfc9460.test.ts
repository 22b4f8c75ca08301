/** RFC 9460, SVCB and HTTPS records: browsers ask for them with every name. */
import { suite } from 'uvu'
import { Z } from './message.ts'
import { probe, type Row } from './probe.ts'
import { NODATA, NXDOMAIN } from './replies.ts'

const test = suite('RFC 9460')

const rows: Row[] = (['HTTPS', 'SVCB'] as const).flatMap((type): Row[] => [
  {
    id: 'E2',
    level: 'M',
    source: 'RFC 9460 §4.1, RFC 2308 §3',
    what: `${type} of a service is NODATA`,
    ask: { type },
    is: NODATA,
  },
  {
    id: 'E2',
    level: 'M',
    source: 'RFC 9460 §4.1, RFC 2308 §3',
    what: `${type} of a name that does not exist is NXDOMAIN`,
    ask: { name: `missing.default.svc.${Z}`, type },
    is: NXDOMAIN,
  },
])
probe(test, rows)

test.run()
