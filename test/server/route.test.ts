import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Block, Routes, ZoneSet } from '../../server/route.ts'
import { isWithin, nameFromText, nameToText } from '../../server/wire/name.ts'
import { Query, readQuery } from '../../server/wire/query.ts'
import { query } from '../harness/message.ts'

function read(name: string, type = 'A'): Query {
  const q = new Query()
  q.bytes = query(name, { type })
  q.length = q.capacity = q.bytes.length
  readQuery(q)
  return q
}
const block = (zone: string) => ({ zone: nameFromText(zone) }) as Block
const routes = (...zones: string[]) => new Routes(zones.map(block), false, undefined, 'dns://:53')

const table = [
  {
    name: 'the longest zone wins',
    zones: ['.', 'local.', 'cluster.local.'],
    ask: 'a.cluster.local',
    expect: 'cluster.local.',
  },
  { name: 'the zone itself', zones: ['.', 'cluster.local.'], ask: 'cluster.local', expect: 'cluster.local.' },
  { name: 'label boundaries', zones: ['.', 'cluster.local.'], ask: 'xcluster.local', expect: '.' },
  { name: 'any case', zones: ['.', 'cluster.local.'], ask: 'A.CLUSTER.Local', expect: 'cluster.local.' },
  { name: 'the root alone', zones: ['.'], ask: 'a.b', expect: '.' },
  { name: 'the root is asked', zones: ['.', 'a.'], ask: '.', expect: '.' },
  { name: 'no block', zones: ['a.', 'b.a.'], ask: 'c', expect: undefined },
  { name: 'DS belongs to the parent', zones: ['.', 'org.', 'a.org.'], ask: 'a.org', type: 'DS', expect: 'org.' },
  { name: 'DS without a parent but the root', zones: ['.', 'a.org.'], ask: 'a.org', type: 'DS', expect: 'a.org.' },
  // CVE-2026-33489: a comparison of strings let a shorter zone win
  { name: 'longest by labels, not by letters', zones: ['z.', 'a.z.'], ask: 'b.a.z', expect: 'a.z.' },
]
for (const row of table) {
  test(row.name, () => {
    const found = routes(...row.zones).route(read(row.ask, row.type))
    assert.is(found && nameToText(found.zone), row.expect)
  })
}

test('a zone set matches as a naive search does', () => {
  const name = fc
    .array(fc.constantFrom('a', 'b', 'cc'), { maxLength: 5 })
    .map(labels => `${labels.join('.')}.`.replace(/^\.$/, '.'))
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), name, (zones, asked) => {
      const names = zones.map(nameFromText)
      const asName = nameFromText(asked)
      const enclosing = names.filter(zone => isWithin(asName, zone)).sort((a, b) => b.length - a.length)
      const found = new ZoneSet(names).match(read(asked))
      assert.is(found < 0 ? undefined : nameToText(names[found]!), enclosing[0] && nameToText(enclosing[0]))
      assert.is(new ZoneSet(names).encloses(asName), enclosing.length > 0)
    }),
  )
})

test.run()
