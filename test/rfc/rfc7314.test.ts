/** RFC 7314, EDNS EXPIRE: for secondaries, of which this is none. */
import { suite } from 'uvu'
import { option, Z } from './message.ts'
import { probe } from './probe.ts'
import { SOA, withOpt } from './replies.ts'

const test = suite('RFC 7314')

probe(test, [
  {
    id: 'F24',
    level: 'S',
    source: 'RFC 7314 §3.3',
    what: 'no EXPIRE comes back',
    ask: { name: Z, type: 'SOA', opt: { options: option(9) } },
    is: withOpt(`NOERROR aa rd\n;; ANSWER\n${SOA}`),
  },
])

test.run()
