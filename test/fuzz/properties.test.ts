/**
 * What holds of each parser for any input: those of the corpus, octets at random, texts at random, and seeds with spans of
 * them changed. `npm run fuzz` does the same with counters, for as long as one likes.
 */
import fc from 'fast-check'
import { dump } from 'js-yaml'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as hosts } from '../../plugins/hosts/hosts.ts'
import { HostsTable, parseHosts } from '../../plugins/hosts/table.ts'
import { objectsIn } from '../../plugins/kubernetes/source/manifest-text.ts'
import { plugin as whoami } from '../../plugins/whoami/whoami.ts'
import { parseArguments } from '../../server/control/arguments.ts'
import { ZoneSet } from '../../server/route.ts'
import { nameFromText, nameToText } from '../../server/wire/name.ts'
import { Query, readQuery } from '../../server/wire/query.ts'
import { readAsk } from '../cve/raw-reply.ts'
import { query } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'
import { readCorpus } from './corpus.ts'
import { checkReply } from './reply-check.ts'
import type { Target } from './target.ts'

const PARSERS = [
  ...[
    'name',
    'opt',
    'reply',
    'framing',
    'command-line',
    'hosts',
    'corefile',
    'manifests',
    'api-stream',
    'watch',
    'snapshot',
  ],
]
/** What a run costs: files and yaml are slow. */
const RUNS: Record<string, number> = { snapshot: 150, corefile: 400, manifests: 300 }
const MOST_RUNS = 1500

for (const name of PARSERS) {
  const load = async () => ((await import(`./targets/${name}.ts`)) as { target: Target }).target
  const numRuns = RUNS[name] ?? MOST_RUNS

  test(`${name}: what was kept, and what once failed`, async () => {
    const target = await load()
    for (const { octets } of [...target.seeds, ...readCorpus(target)]) await target.run(octets)
  })

  test(`${name}: any input`, async () => {
    const target = await load()
    const { seeds, words, maxBytes, isText } = target
    const anything = isText
      ? fc.string({ unit: 'binary', maxLength: 200 }).map(text => Buffer.from(text))
      : fc.uint8Array({ maxLength: 300 })
    const pieces = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map(all => Buffer.concat(all))
    const edit = fc.record({
      at: fc.nat(maxBytes),
      removed: fc.nat(12),
      inserted: fc.constantFrom(new Uint8Array(0), ...words),
    })
    const changed = fc
      .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 }))
      .map(([{ octets }, edits]) =>
        edits.reduce<Uint8Array>((all, { at, removed, inserted }) => {
          const from = at % (all.length + 1)
          return Buffer.concat([all.subarray(0, from), inserted, all.subarray(from + removed)])
        }, octets),
      )
    await fc.assert(
      fc.asyncProperty(fc.oneof(anything, pieces, changed, changed), async octets => {
        await target.run(octets)
      }),
      { numRuns },
    )
  })
}

const LINES = 'hosts /dev/null example {\n192.0.2.1 a.example\n2001:db8::1 a.example\n}\nwhoami'

test('message: the corpus and what is made of it, over both transports: a reply that is sound, or none where none belongs', async () => {
  const { send } = chainOf([hosts, whoami], LINES)
  const corpus = [
    ...readCorpus({ name: 'message', isText: false }).map(({ octets }) => octets),
    ...['A', 'AAAA', 'SOA', 'ANY'].map(type => query('a.example', { type, edns: 1232 })),
  ]
  for (const message of corpus)
    for (const isStream of [false, true]) {
      const reply = await send(message, isStream)
      checkReply(message, reply, 0, reply.length, isStream)
    }
  const edit = fc.record({
    at: fc.nat(600),
    octet: fc.nat(255),
    cut: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(20)),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...corpus),
      fc.array(edit, { maxLength: 5 }),
      fc.boolean(),
      async (seed, edits, isStream) => {
        let message = Buffer.from(seed)
        for (const { at, octet, cut } of edits) {
          if (message.length > 0) message[at % message.length] = octet
          message = message.subarray(0, message.length - cut)
        }
        const reply = await send(message, isStream)
        checkReply(message, reply, 0, reply.length, isStream)
      },
    ),
    { numRuns: 5000 },
  )
})

test('OPT: any options that are well formed are accepted, and one that is longer than the rest of them is not', () => {
  const code = fc.integer({ min: 0, max: 65_535 }).filter(one => one !== 8 && one !== 10) // those have rules of their own
  const option = fc.tuple(code, fc.uint8Array({ maxLength: 60 }))
  fc.assert(
    fc.property(fc.array(option, { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (options, missing) => {
      const data = Buffer.concat(
        options.map(([of, octets]) => Buffer.from([of >> 8, of & 255, 0, octets.length, ...octets])),
      )
      const message = Buffer.concat([query('a.example', { edns: 4096 }), data])
      message.writeUInt16BE(data.length, message.length - data.length - 2)
      const read = (octets: Buffer) => {
        const q = new Query()
        q.bytes = octets
        q.length = octets.length
        return [readQuery(q), q.hasOpt, q.udpSize]
      }
      assert.equal(read(message), [0, true, 4096])
      if (data.length >= missing) assert.is(read(message.subarray(0, -missing))[0], 1)
    }),
  )
})

test('hosts: each name has the addresses of its lines, in their order, once', () => {
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '::1', '2001:db8::2', '::ffff:10.0.0.1')
  const name = fc.constantFrom('a.test', 'b.test', 'A.test', 'x.a.test')
  const line = fc.tuple(
    address,
    fc.array(name, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', ' # more', '\t', '\r'),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), lines => {
      const text = lines.map(([of, names, end]) => `${of} ${names.join(' \t')}${end}`).join('\n')
      const table = new HostsTable(parseHosts(text), new ZoneSet([nameFromText('.')]), true)
      for (const asked of ['a.test', 'b.test', 'x.a.test']) {
        const wanted = lines
          .filter(([, names]) => names.some(one => one.toLowerCase() === asked))
          .map(([of]) => (of.startsWith('::ffff:') ? of.slice(7) : of))
        const v4 = [...new Set(wanted.filter(of => of.includes('.')))].flatMap(of => of.split('.').map(Number))
        const host = table.find(readAsk(asked))
        assert.equal([...(host?.v4 ?? [])], v4)
        assert.is((host?.v6 ?? []).length, 16 * new Set(wanted.filter(of => of.includes(':'))).size)
      }
      const pointers = table.find(readAsk('1.0.0.10.in-addr.arpa'))?.pointers ?? []
      assert.is(new Set(pointers.map(one => nameToText(one))).size, pointers.length)
    }),
    { numRuns: 2000 },
  )
})

test('manifests: JSON and YAML of the same objects are the same objects', async () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab0:-#\'"{}[]&*!|>%@ \n'), maxLength: 12 })
  const object = fc.record({
    kind: fc.constantFrom('Service', 'Pod', 'Other'),
    spec: fc.dictionary(text, fc.oneof(text, fc.integer())),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(object, { minLength: 1, maxLength: 6 }), async objects => {
      const list = JSON.parse(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
      const plain = (all: unknown) => JSON.parse(JSON.stringify(all))
      assert.equal(plain(await objectsIn(JSON.stringify(list))), list.items)
      assert.equal(plain(await objectsIn(dump(list))), list.items)
      assert.equal(plain(await objectsIn(objects.map(one => `---\n${dump(one)}`).join(''))), list.items)
    }),
    { numRuns: 300 },
  )
})

test('command line: flags in any order say the same', () => {
  const flags = [['-conf', 'a'], ['-p', '1053'], ['-quiet'], ['--log-format=json'], ['-pidfile=/run/x']]
  const expected = parseArguments(flags.flat())
  fc.assert(
    fc.property(fc.shuffledSubarray(flags, { minLength: flags.length }), all => {
      assert.equal(parseArguments(all.flat()), expected)
    }),
  )
})

test.run()
