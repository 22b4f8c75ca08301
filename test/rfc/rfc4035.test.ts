/** RFC 4035 and RFC 3225, DNSSEC as far as a server goes that does not validate: DO, CD, DS, and what the cache tells apart. */
import { equal } from 'node:assert/strict'
import { suite } from 'uvu'
import { Z } from './message.ts'
import { asked, probe, type Row } from './probe.ts'
import { ANSWERED, NODATA, withOpt } from './replies.ts'

const test = suite('RFC 4035')

const rows: Row[] = [
  {
    id: 'F10',
    level: 'M',
    source: 'RFC 3225 §3',
    what: 'DO is copied',
    ask: { opt: { flags: 0x8000 } },
    is: withOpt(ANSWERED, 'do'),
  },
  {
    id: 'F10',
    level: 'M',
    source: 'RFC 3225 §3, RFC 4035 §3',
    what: 'DO and CD are copied',
    ask: { flags: 0x0110, opt: { flags: 0x8000 } },
    is: withOpt(ANSWERED, 'do').replace('aa rd', 'aa rd cd'),
  },
  {
    id: 'A7',
    level: 'M',
    source: 'RFC 4035 §3',
    what: 'AD in a query is ignored',
    ask: { flags: 0x0120 },
    is: ANSWERED,
  },
  {
    id: 'E12',
    level: 'M',
    source: 'RFC 4035 §3.1.4.1',
    what: 'DS at the apex of a zone is NODATA of that zone, where its parent is not here',
    ask: { name: Z, type: 'DS' },
    is: NODATA,
  },
]
const made = probe(test, rows)

test('I7 M RFC 4035 §3.2.1, §3.2.2: what is kept differs by DO and CD and type, not by case and AD', async () => {
  const { world } = made
  const name = 'keyed.up.test'
  const variants = [
    { ask: { name }, queries: 1 },
    { ask: { name: 'KEYED.up.test' }, queries: 0 },
    { ask: { name, opt: {} }, queries: 0 },
    { ask: { name, flags: 0x0120 }, queries: 0 },
    { ask: { name, opt: { flags: 0x8000 } }, queries: 1 },
    { ask: { name, flags: 0x0110 }, queries: 1 },
    { ask: { name, flags: 0x0110, opt: { flags: 0x8000 } }, queries: 1 },
    { ask: { name, type: 'TXT' }, queries: 1 },
    { ask: { name, class: 'CH' }, queries: 0 },
  ] as const
  for (const { ask, queries } of variants) {
    const before = world.upstream.asked.length
    const first = await asked(world, ask)
    equal(world.upstream.asked.length - before, queries, JSON.stringify(ask))
    equal(await asked(world, ask), first)
    equal(world.upstream.asked.length - before, queries, `again: ${JSON.stringify(ask)}`)
  }
})

test('I8 M RFC 8906 §6: an EDNS version that is not known is BADVERS also for what is kept', async () => {
  const { world } = made
  await asked(world, { name: 'kept.up.test', opt: {} })
  equal(await asked(world, { name: 'kept.up.test', opt: { version: 1 } }), 'BADVERS rd\n;; OPT 1232')
})

test.run()
