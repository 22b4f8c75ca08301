/** Text in pieces means what it means as a whole, and what is broken is located all the same. */
import { dump } from 'js-yaml'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listPieces } from '../../../../plugins/kubernetes/source/manifest-pieces.ts'
import { ManifestError, objectsIn } from '../../../../plugins/kubernetes/source/manifest-text.ts'

const test = suite('manifest text')

const ITEMS = Array.from({ length: 400 }, (_, i) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: `s${i}`,
    annotations: { text: `first\n- not: an item\n\n---\n  - more\nitems:\n- x: ${i}\n`, long: 'word '.repeat(40) },
  },
  spec: { ports: [{ port: i }], list: [['- a'], []] },
}))
const LIST = { apiVersion: 'v1', items: ITEMS, kind: 'List', metadata: { resourceVersion: '' } }

const indented = dump(LIST)
/** As kubectl writes it: items at the margin. */
const flush = indented.replace(/^ {2}/gm, '').replace(/^resourceVersion/m, '  resourceVersion')

for (const { name, text } of [
  { name: 'items indented', text: indented },
  { name: 'items at the margin, as kubectl has them', text: flush },
  { name: 'carriage returns', text: flush.replaceAll('\n', '\r\n') },
  { name: 'items last', text: dump({ kind: 'List', apiVersion: 'v1', items: ITEMS }) },
  { name: 'comments between', text: flush.replaceAll(/^- apiVersion/gm, '# a comment\n- apiVersion') },
  { name: 'other documents around it', text: `kind: Other\n---\n${flush}---\n# nothing\n--- {kind: Last}\n` },
  { name: 'flow style', text: JSON.stringify(LIST).replace('{', '{ ') },
]) {
  test(name, async () => {
    const objects = (await objectsIn(text)).filter(({ kind }) => kind === 'Service')
    assert.equal(objects, ITEMS)
  })
}

test('a large List is cut, a small one is not', () => {
  assert.ok(listPieces(indented)!.items.length > 5)
  assert.ok(listPieces(flush)!.items.length > 5)
  assert.is(listPieces('items:\n- a\n'), undefined)
})

test('anchors across the cuts are honoured', async () => {
  const text = flush.replace('name: s0', 'name: &first s0').replace('name: s399', 'name: *first')
  const objects = await objectsIn(text)
  assert.equal((objects.at(-1) as (typeof ITEMS)[0]).metadata.name, 's0')
})

test('an error in the last of many pieces has its line in the file', async () => {
  const line = flush.split('\n').findIndex(each => each.includes('name: s399')) + 1
  try {
    await objectsIn(flush.replace('name: s399', 'name: "s399'))
    assert.unreachable('it parsed')
  } catch (error) {
    assert.ok(error instanceof ManifestError && error.line >= line, `found ${error}`)
  }
})

const POD = 'kind: Pod\nmetadata: { name: a }\n'
const aliases = (levels: number) =>
  Array.from({ length: levels }, (_, i) => `l${i + 1}: &l${i + 1} { kind: List, items: [${Array(10).fill(`*l${i}`)}] }`)

for (const { name, text, objects } of [
  { name: 'a List that is an item of itself', text: '&a\nkind: List\nitems: [*a]\n', objects: 0 },
  {
    name: 'two that hold each other',
    text: '&a\nkind: List\nitems: [{ kind: List, items: [*a] }, { kind: Pod }]\n',
    objects: 1,
  },
  { name: 'one object under many aliases', text: 'a: &a { kind: Pod }\nkind: List\nitems: [*a, *a, *a]\n', objects: 1 },
  {
    name: 'aliases of aliases: ten to the ninth items',
    text: `kind: List\nl0: &l0 { kind: Pod }\n${aliases(9).join('\n')}\nitems: [*l9]\n`,
    objects: 1,
  },
]) {
  test(`${name}: each is taken once`, async () => {
    assert.is((await objectsIn(text)).length, objects)
    assert.is((await objectsIn(`${POD}---\n${text}`)).length, objects + 1)
  })
}

test('Lists within Lists without end are refused, with a place', async () => {
  const depth = 10_000
  const error = await objectsIn(`${'{"kind":"List","items":['.repeat(depth)}${']}'.repeat(depth)}`).catch(
    cause => cause,
  )
  assert.instance(error, ManifestError)
  assert.match(error.message, /found Lists within Lists/)
})

test.run()
