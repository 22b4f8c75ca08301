/** A hosts file: what is no line of one is left out, and nothing is thrown. */
import { HostsTable, parseHosts } from '../../../plugins/hosts/table.ts'
import { ZoneSet } from '../../../server/route.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { hold, type Outcome, type Target, textSeed, textWords } from '../target.ts'

const zones = new ZoneSet([nameFromText('.')])

export const target: Target = {
  name: 'hosts',
  isText: true,
  bound: { base: 500, perOctet: 150 },
  maxBytes: 3000,
  words: textWords(
    '\n',
    '#',
    ' ',
    '\t',
    '*.',
    '::1',
    '127.0.0.1',
    '%eth0',
    '::ffff:10.0.0.1',
    '.',
    '\\',
    'localhost',
    '\r\n',
    '\0',
  ),
  seeds: [
    textSeed('usual', '127.0.0.1 localhost\n::1 localhost ip6-localhost # a comment\n'),
    textSeed('wildcard', '10.0.0.1 *.example.org example.org\n10.0.0.2 example.org'),
    textSeed('odd-lines', '# nothing\n\n10.0.0.1\nnot-an-address a\n10.0.0.1 a..b\nfe80::1%eth0 link.local\n'),
    textSeed('mapped', '::ffff:192.0.2.1 mapped.test\r\n192.0.2.1 mapped.test\r\n'),
    textSeed('many-of-one', Array.from({ length: 60 }, (_, i) => `10.0.0.${i} one.test`).join('\n')),
    textSeed('one-of-many', Array.from({ length: 60 }, (_, i) => `0.0.0.0 ad${i}.test`).join('\n')),
  ],
  run(octets): Outcome {
    const lines = parseHosts(Buffer.from(octets).toString())
    const table = new HostsTable(lines, zones, true)
    const names = lines.reduce((sum, line) => sum + line.names.length, 0)
    hold(table.entries <= 2 * names, 'a table has more entries than its file')
    return { kind: `${Math.min(3, table.entries)} ${Math.min(3, lines.length)}` }
  },
}
