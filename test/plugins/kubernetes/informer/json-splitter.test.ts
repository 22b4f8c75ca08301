/** Objects come out whole, wherever the octets were cut; what is no list or event is refused; nothing grows. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  JsonSplitter,
  MalformedStream,
  type StreamShape,
} from '../../../../plugins/kubernetes/informer/json-splitter.ts'

const test = suite('JsonSplitter')

/** All objects of a text that comes in pieces of these sizes, over and over. */
function split(
  shape: StreamShape,
  text: string,
  sizes: readonly number[] = [1],
): { objects: unknown[]; splitter: JsonSplitter } {
  const octets = Buffer.from(text)
  const splitter = new JsonSplitter(shape)
  const objects: unknown[] = []
  for (let at = 0, i = 0; at < octets.length; i++) {
    const size = sizes[i % sizes.length]!
    splitter.feed(octets.subarray(at, at + size))
    at += size
    for (let found = splitter.next(); found !== undefined; found = splitter.next()) objects.push(JSON.parse(found))
  }
  return { objects, splitter }
}

const OBJECTS = [
  { a: 1 },
  { text: 'quotes " and \\ and } ] , [ { and ünïcödé 🎉', nested: { items: [{ items: [] }, [], 'x'] } },
  {},
  { '"items":[': '\\"' },
]

for (const sizes of [[1], [2, 3], [7], [64], [100_000]]) {
  test(`events in pieces of ${sizes}`, () => {
    const { objects, splitter } = split('events', OBJECTS.map(object => JSON.stringify(object)).join('\n'), sizes)
    assert.equal(objects, OBJECTS)
    assert.ok(splitter.complete)
  })

  test(`list in pieces of ${sizes}, pretty or not, items first or last`, () => {
    const metadata = { resourceVersion: '7', continue: 'x' }
    const lists = [
      { kind: 'ServiceList', metadata, items: OBJECTS },
      { items: OBJECTS, kind: 'ServiceList', metadata },
      { kind: 'ServiceList', metadata: { items: [{ not: 'an item' }] }, items: OBJECTS },
    ]
    for (const list of lists) {
      for (const indent of [0, 2]) {
        const { objects, splitter } = split('list', JSON.stringify(list, undefined, indent), sizes)
        assert.equal(objects, OBJECTS)
        assert.ok(splitter.complete)
        assert.equal(JSON.parse(splitter.envelope), { ...list, items: [] })
      }
    }
  })
}

test('any JSON, cut anywhere', () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (values, sizes) => {
        const plain = JSON.parse(JSON.stringify(values))
        assert.equal(
          split('events', plain.map((value: unknown) => JSON.stringify(value)).join('\n'), sizes).objects,
          plain,
        )
        assert.equal(split('list', JSON.stringify({ metadata: {}, items: plain }), sizes).objects, plain)
      },
    ),
  )
})

for (const [name, shape, text] of [
  ['an object', 'events', '{"a":'],
  ['a text', 'events', '{"a":"x'],
  ['an escape', 'events', '{"a":"x\\'],
  ['items', 'list', '{"items":[{}'],
  ['an envelope', 'list', '{"items":[{}]'],
] as const) {
  test(`a stream that ends within ${name} is not complete`, () => {
    assert.not(split(shape, text).splitter.complete)
  })
}

for (const [name, shape, text] of [
  ['HTML for events', 'events', '<html>'],
  ['HTML for a list', 'list', '<html>'],
  ['a number among items', 'list', '{"items":[1]}'],
  ['a text among events', 'events', '{} "x" {}'],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => split(shape, text),
      (error: unknown) => error instanceof MalformedStream,
    )
  })
}

test('events need no lines of their own', () => {
  assert.equal(split('events', '{"a":1}{"b":\n{}\n}\r\n{"c":\n[]}\n\n{"d":1}', [100]).objects, [
    { a: 1 },
    { b: {} },
    { c: [] },
    { d: 1 },
  ])
})

test('an object without end is refused, not held', () => {
  const splitter = new JsonSplitter('events')
  const piece = Buffer.alloc(1 << 20, ' ')
  splitter.feed(Buffer.from('{'))
  splitter.next()
  assert.throws(() => {
    for (let i = 0; i < 20; i++) {
      splitter.feed(piece)
      splitter.next()
    }
  }, /found an object over 16777216 octets/)
})

test('an envelope without end is refused, not held', () => {
  const splitter = new JsonSplitter('list')
  const piece = Buffer.alloc(1 << 17, ' ')
  splitter.feed(Buffer.from('{"metadata":{"a":"'))
  splitter.next()
  assert.throws(() => {
    for (let i = 0; i < 4; i++) {
      splitter.feed(piece)
      splitter.next()
    }
  }, /found a list of over 262144 octets beside its items/)
})

test.run()
