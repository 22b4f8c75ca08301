/** RFC 4892, identifying a name server instance, and the class CH: about this server, so never asked of another one. */
import { equal } from 'node:assert/strict'
import { suite } from 'uvu'
import { probe, type Row } from './probe.ts'
import { REFUSED } from './replies.ts'

const NAMES = ['version.bind', 'version.server', 'hostname.bind', 'id.server', 'authors.bind']
const ROOT = `. {\nbind 127.0.0.1\ncache 30\nforward . %1\n}\n`

const without = suite('RFC 4892 without `chaos`')
const made = probe(
  without,
  NAMES.map(
    (name): Row => ({
      id: 'E10',
      level: 'S',
      source: 'RFC 4892 §2',
      what: `${name} of class CH is REFUSED, though the root is forwarded`,
      ask: { name, type: 'TXT', class: 'CH' },
      is: `${REFUSED} ra`,
    }),
  ),
  { blocks: ROOT },
)
without('E10: nothing of it went upstream', () => equal(made.world.upstream.asked.length, 0))
without.run()

const test = suite('RFC 4892')
const rows: Row[] = [
  {
    id: 'E10',
    level: 'S',
    source: 'RFC 4892 §2',
    what: 'with `chaos` the version is what it says',
    ask: { name: 'version.bind', type: 'TXT', class: 'CH' },
    is: `NOERROR rd ra
    ;; ANSWER
    version.bind. 0 CH TXT "a version"`,
  },
  {
    id: 'E10',
    level: 'S',
    source: 'RFC 4892 §2',
    what: 'another name of class CH is REFUSED',
    ask: { name: 'www.up.test', type: 'TXT', class: 'CH' },
    is: `${REFUSED} ra`,
  },
  {
    id: 'E10',
    level: 'S',
    source: 'RFC 4892 §2',
    what: 'another class is, too',
    ask: { name: 'version.bind', type: 'TXT', class: 'HS' },
    is: `${REFUSED} ra`,
  },
]
const open = probe(test, rows, { blocks: ROOT.replace('cache', 'chaos "a version"\ncache') })
test('E10: nothing of that went upstream either', () => equal(open.world.upstream.asked.length, 0))

test.run()
