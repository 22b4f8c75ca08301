/** What an API server sends, list or events, JSON or Protocol Buffers, cut anywhere, up to what is kept of an object. */
import { readFileSync } from 'node:fs'
import { MalformedStream } from '../../../plugins/kubernetes/informer/json-splitter.ts'
import { objectStream } from '../../../plugins/kubernetes/informer/object-stream.ts'
import { KINDS, type Kind } from '../../../plugins/kubernetes/object/object.ts'
import { SHAPES } from '../../../plugins/kubernetes/object/shapes.ts'
import { trim } from '../../../plugins/kubernetes/object/trim.ts'
import { hexWords, type Outcome, type Target, textWords } from '../target.ts'

const TYPES = ['application/json', 'application/vnd.kubernetes.protobuf']
const MAX_SEED_BYTES = 4000

interface Recorded {
  readonly kind: Kind | ''
  readonly what: string
  readonly json: string
  readonly protobuf: string
}
const file = `${import.meta.dirname}/../../plugins/kubernetes/informer/recorded/objects.json`
const recorded = (JSON.parse(readFileSync(file, 'utf8')) as Recorded[]).filter(({ kind }) => kind !== '')

/** First octet: which form (bit 0), list or events (bit 1), which kind (bits 2 and 3). Second: how long its pieces are. */
const seeds = recorded.flatMap(({ kind, what, json, protobuf }) => {
  const head = (KINDS.indexOf(kind as Kind) << 2) | (what === 'events' ? 2 : 0)
  return [Buffer.from(json), Buffer.from(protobuf, 'base64')].map((body, form) => ({
    label: `${what}-${kind}-${form}`,
    octets: Buffer.concat([Buffer.of(head | form, 200), body]),
  }))
})

export const target: Target = {
  name: 'api-stream',
  isText: false,
  bound: { base: 1000, perOctet: 10 },
  maxBytes: 20_000,
  words: [
    ...textWords(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ':',
      ',',
      '"items":[',
      '"object":',
      '"__proto__":',
      '"metadata":{}',
      'null',
      '1e999',
      '\\u0000',
    ),
    ...hexWords(
      '6b387300',
      '0a',
      '12',
      '1a',
      '22',
      'ffffffff7f',
      'ffffffffffffffffff01',
      '00000000',
      'ffffffff',
      '0b',
      '0c',
    ),
  ],
  seeds: seeds.filter(({ octets }) => octets.length <= MAX_SEED_BYTES),
  run(octets): Outcome {
    const [head = 0, size = 1] = octets
    const kind = KINDS[(head >> 2) % KINDS.length]!
    const stream = objectStream(TYPES[head & 1]!, (head & 2) === 0 ? 'list' : 'events', SHAPES[kind])
    let objects = 0
    try {
      for (let at = 2; at < octets.length; at += size + 1) {
        stream.feed(octets.subarray(at, at + size + 1))
        for (let one = stream.next(); one !== undefined; one = stream.next()) {
          objects++
          const { object } = one as { object?: object }
          if (typeof one === 'object' && one !== null) trim(kind, (object ?? one) as never)
        }
      }
      const isComplete = stream.complete
      if (isComplete && (head & 2) === 0) void stream.envelope
      return { kind: `${head & 3} ${Math.min(3, objects)} ${isComplete}` }
    } catch (error) {
      if (!(error instanceof MalformedStream)) throw error
      return { kind: `${head & 3} ${error.message.replaceAll(/\d+|".*?"/g, '')}` }
    }
  },
}
