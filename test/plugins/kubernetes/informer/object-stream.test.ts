/** Both forms in which an API server sends objects give the same: a real one's answers, cut anywhere, broken anywhere. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { errorOfStatus } from '../../../../plugins/kubernetes/informer/api-error.ts'
import { MalformedStream } from '../../../../plugins/kubernetes/informer/json-splitter.ts'
import { acceptedTypes, objectStream } from '../../../../plugins/kubernetes/informer/object-stream.ts'
import { readMessage, type Shape } from '../../../../plugins/kubernetes/informer/protobuf.ts'
import { statusOfProtobuf } from '../../../../plugins/kubernetes/informer/protobuf-stream.ts'
import type { Kind } from '../../../../plugins/kubernetes/object/object.ts'
import { SHAPES } from '../../../../plugins/kubernetes/object/shapes.ts'
import { trim } from '../../../../plugins/kubernetes/object/trim.ts'

const test = suite('object stream')
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

interface Recorded {
  readonly kind: Kind | ''
  readonly what: 'list' | 'page' | 'events' | 'gone' | 'status'
  readonly json: string
  readonly contentType: string
  readonly protobuf: string
}
const recorded = JSON.parse(readFileSync(`${import.meta.dirname}/recorded/objects.json`, 'utf8')) as Recorded[]
const of = (kind: Kind, what: Recorded['what']): Recorded =>
  recorded.find(each => each.kind === kind && each.what === what)!

// biome-ignore lint/suspicious/noExplicitAny: API objects
type Any = Record<string, any>

interface Read {
  objects: Any[]
  envelope: unknown
  complete: boolean
}

/** Reads octets in chunks of at most `chunkBytes`. */
function read(
  octets: Buffer,
  contentType: string,
  isList: boolean,
  shape: Shape | undefined,
  chunkBytes: number,
): Read {
  const stream = objectStream(contentType, isList ? 'list' : 'events', shape)
  const objects: Any[] = []
  for (let at = 0; at < octets.length; at += chunkBytes) {
    stream.feed(octets.subarray(at, at + chunkBytes))
    for (let object = stream.next(); object !== undefined; object = stream.next()) objects.push(object as Any)
  }
  return { objects, complete: stream.complete, envelope: isList && stream.complete ? stream.envelope : undefined }
}

/** What is used of an object: trimmed, with its version; of an ERROR event, the error. */
function used(kind: Kind, object: Any): unknown {
  if (object.type === 'ERROR') {
    const { message, status, reason } = errorOfStatus(200, object.object)
    return { message, status, reason }
  }
  const of = object.type ? object.object : object
  const { resourceVersion, annotations } = of.metadata
  if (object.type === 'BOOKMARK') return { type: 'BOOKMARK', end: annotations?.['k8s.io/initial-events-end'] }
  // As JSON, since what has no prototype is no different to those who read it.
  return { type: object.type, resourceVersion, slim: JSON.parse(JSON.stringify(trim(kind, of))) }
}

for (const { kind, what, json, contentType, protobuf } of recorded) {
  if (kind === '') continue
  const isList = what === 'list' || what === 'page'
  for (const chunkBytes of [1, 7, 65_536]) {
    test(`${what} of ${kind}s, in chunks of ${chunkBytes}: Protocol Buffers say what JSON says`, () => {
      const expected = read(Buffer.from(json), 'application/json', isList, SHAPES[kind], chunkBytes)
      const found = read(Buffer.from(protobuf, 'base64'), contentType, isList, SHAPES[kind], chunkBytes)
      assert.ok(found.complete)
      assert.ok(found.objects.length > 0)
      assert.equal(
        found.objects.map(object => used(kind, object)),
        expected.objects.map(object => used(kind, object)),
      )
      if (!isList) return
      const { kind: listKind, metadata } = found.envelope as Any
      const { kind: expectedKind, metadata: expectedMetadata } = expected.envelope as Any
      assert.is(listKind, expectedKind)
      assert.is(metadata.resourceVersion, expectedMetadata.resourceVersion)
      assert.is(metadata.continue || undefined, expectedMetadata.continue)
    })
  }
}

test('a Status instead of an answer', () => {
  const { json, protobuf } = recorded.find(({ what }) => what === 'status')!
  const { message, reason, code } = JSON.parse(json)
  const found = statusOfProtobuf(Buffer.from(protobuf, 'base64'))!
  assert.equal({ message: found.message, reason: found.reason, code: found.code }, { message, reason, code })
  assert.is(statusOfProtobuf(Buffer.from('404 page not found')), undefined)
  assert.is(statusOfProtobuf(Buffer.from(of('pod', 'list').protobuf, 'base64')), undefined)
})

test('custom resources are asked for as JSON, and what comes as JSON is read as JSON', () => {
  assert.is(acceptedTypes(undefined), 'application/json')
  assert.is(acceptedTypes(SHAPES.pod), `${PROTOBUF},application/json`)
  const { objects } = read(Buffer.from(of('pod', 'list').json), 'application/json', true, SHAPES.pod, 65_536)
  assert.ok(objects.length > 0)
})

test('of a map of which some keys are wanted, the others are not there', () => {
  const entry = (key: string, value: string) => {
    const texts = Buffer.from(
      `\n${String.fromCharCode(key.length)}${key}\x12${String.fromCharCode(value.length)}${value}`,
    )
    return Buffer.concat([Buffer.of(0x0a, texts.length), texts])
  }
  const octets = Buffer.concat([entry('other', 'x'.repeat(80)), entry('wanted', 'a'), entry('want', 'b')])
  const readWith = (keys?: Buffer[]) =>
    readMessage(octets, 0, octets.length, new Map([[1, { name: 'map', holds: 'texts', ...(keys && { keys }) }]]))
  assert.equal({ ...(readWith([Buffer.from('wanted')]).map as object) }, { wanted: 'a' })
  assert.equal(readWith([Buffer.from('none')]), {})
  assert.equal({ ...(readWith().map as object) }, { other: 'x'.repeat(80), wanted: 'a', want: 'b' })
  const metadata = SHAPES.pod!.get(1)!.holds as Shape
  assert.not([...metadata.values()].some(({ name }) => name === 'uid'))
  assert.equal(metadata.get(12)!.keys!.map(String), [
    'k8s.io/initial-events-end',
    'endpoints.kubernetes.io/last-change-trigger-time',
  ])
})

test('an empty list', () => {
  const empty = Buffer.from('6b3873000a070a027631120150120a0a080a00120234321a001a002200', 'hex')
  const found = read(empty, PROTOBUF, true, SHAPES.pod, 3)
  assert.equal(found.objects, [])
  assert.ok(found.complete)
  assert.is((found.envelope as Any).metadata.resourceVersion, '42')
})

test('a stream that is cut anywhere is not complete', () => {
  for (const [kind, what, isList] of [
    ['service', 'list', true],
    ['service', 'events', false],
  ] as const) {
    const octets = Buffer.from(of(kind, what).protobuf, 'base64')
    let completeAt = 0
    for (let end = 1; end < octets.length; end++) {
      if (read(octets.subarray(0, end), PROTOBUF, isList, SHAPES[kind], 65_536).complete) completeAt++
    }
    // Between two events, and behind the list, nothing is in the middle of anything.
    const events = read(octets, PROTOBUF, isList, SHAPES[kind], 65_536).objects.length
    assert.ok(completeAt < (isList ? 4 : events), `${completeAt}`)
  }
})

test('octets changed at random: MalformedStream, or objects; never another error, never an endless loop', () => {
  const bodies = recorded.filter(({ kind }) => kind !== '')
  let malformed = 0
  fc.assert(
    fc.property(
      fc.nat(bodies.length - 1),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4096 }),
      (index, changes, chunkBytes) => {
        const { kind, what, protobuf } = bodies[index]!
        const octets = Buffer.from(protobuf, 'base64')
        for (const [at, octet] of changes) octets[at % octets.length] = octet
        try {
          const isList = what === 'list' || what === 'page'
          for (const object of read(octets, PROTOBUF, isList, SHAPES[kind as Kind], chunkBytes).objects) {
            assert.type(object, 'object')
            trim(kind as Kind, object.object ?? object)
          }
        } catch (error) {
          if (!(error instanceof MalformedStream)) throw error
          malformed++
        }
      },
    ),
    { numRuns: 5000 },
  )
  assert.ok(malformed > 100, `${malformed} malformed`)
})

interface Broken {
  name: string
  hex: string
  is: RegExp
}
const broken: Broken[] = [
  { name: 'a number that does not end', hex: '0affffffffffffffffffff', is: /number that does not end/ },
  { name: 'a text longer than the message', hex: '0a05aa', is: /field of 5 octets, expected at most 1/ },
  { name: 'a group', hex: '0b', is: /wire type 3/ },
  { name: 'a fixed field that is cut', hex: '190000', is: /middle of a field/ },
]
for (const { name, hex, is } of broken) {
  test(`${name} is malformed`, () => {
    const octets = Buffer.from(hex, 'hex')
    const shape: Shape = new Map([[1, { name: 'text', holds: 'text' }]])
    assert.throws(
      () => readMessage(octets, 0, octets.length, shape),
      (error: Error) => error instanceof MalformedStream && is.test(error.message),
    )
  })
}

test('an event or item of more octets than any object has is refused before it arrives', () => {
  const huge = Buffer.from('7fffffff', 'hex')
  assert.throws(() => read(huge, PROTOBUF, false, SHAPES.pod, 64), /expected at most/)
  const list = Buffer.from('6b38730012ffffffff7f12ffffff7f', 'hex')
  assert.throws(() => read(list, PROTOBUF, true, SHAPES.pod, 64), /expected at most/)
})

test('a map entry named __proto__ is an entry', () => {
  const shape: Shape = new Map([[1, { name: 'labels', holds: 'texts' }]])
  const entry = Buffer.concat([Buffer.from([10, 9]), Buffer.from('__proto__'), Buffer.from([18, 1]), Buffer.from('x')])
  const octets = Buffer.concat([Buffer.from([10, entry.length]), entry])
  const { labels } = readMessage(octets, 0, octets.length, shape) as { labels: Record<string, string> }
  assert.equal(Object.keys(labels), ['__proto__'])
})

test.run()
