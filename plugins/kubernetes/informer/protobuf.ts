/**
 * Reads Protocol Buffers messages, but only the fields that are wanted: of a pod's four kilobytes some eighty octets are.
 * A Shape says which fields those are; the result is a plain object like the one that the same message has as JSON.
 * Knows no Kubernetes and does no I/O.
 *
 *   message = *( tag value );  tag = varint, field number << 3 | wire type
 *   wire type 0: varint   1: 8 octets   2: varint length, then octets   5: 4 octets
 */
import { MalformedStream } from './json-splitter.ts'

const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
const FIXED32 = 5

/** A field that is wanted: its name in JSON, and what it holds. A message of another shape is read by that shape. */
export interface Field {
  readonly name: string
  /** `texts` is a map from text to text, `octets` a view of the message's own memory. */
  readonly holds: 'text' | 'number' | 'boolean' | 'texts' | 'octets' | Shape
  /** Of `texts`, the keys that are wanted; all of them if not given. Values of others are not read. */
  readonly keys?: readonly Buffer[]
  /** The field may stand several times: a list. */
  readonly repeated?: true
}

/** By field number. */
export type Shape = ReadonlyMap<number, Field>

/** Where the last number ended. */
let next = 0

/**
 * Reads the message that stands from `at` up to `end`.
 * @throws MalformedStream if that is none
 */
export function readMessage(bytes: Buffer, at: number, end: number, shape: Shape): Record<string, unknown> {
  const message: Record<string, unknown> = {}
  while (at < end) {
    const tag = readNumber(bytes, at, end)
    const type = tag & 7
    const field = shape.get(tag >>> 3)
    if (type === DELIMITED) {
      const length = readNumber(bytes, next, end)
      const from = next
      at = from + length
      if (at > end) throw new MalformedStream(`found a field of ${length} octets, expected at most ${end - from}`)
      if (field !== undefined) readDelimited(message, field, bytes, from, at)
    } else if (type === VARINT) {
      const value = readNumber(bytes, next, end)
      at = next
      if (field?.holds === 'number') message[field.name] = value
      else if (field?.holds === 'boolean') message[field.name] = value !== 0
    } else at = next + fixedBytes(type)
  }
  if (at > end) throw new MalformedStream('found a message that ends in the middle of a field')
  return message
}

function readDelimited(message: Record<string, unknown>, field: Field, bytes: Buffer, from: number, end: number): void {
  const { name, holds } = field
  if (holds === 'text') {
    const text = bytes.toString('utf8', from, end)
    if (field.repeated) append(message, name, text)
    else message[name] = text
  } else if (holds === 'texts') readEntry(message, field, bytes, from, end)
  else if (holds === 'octets') message[name] = bytes.subarray(from, end)
  else if (typeof holds === 'object') {
    const inner = readMessage(bytes, from, end, holds)
    if (field.repeated) append(message, name, inner)
    else message[name] = inner
  }
}

/** Of a map from text to text. */
const ENTRY: Shape = new Map([
  [1, { name: 'key', holds: 'octets' }],
  [2, { name: 'value', holds: 'octets' }],
])
const NO_OCTETS = Buffer.alloc(0)

function readEntry(message: Record<string, unknown>, field: Field, bytes: Buffer, from: number, end: number): void {
  const { name, keys } = field
  const { key = NO_OCTETS, value = NO_OCTETS } = readMessage(bytes, from, end, ENTRY) as Record<string, Buffer>
  if (keys !== undefined && !keys.some(wanted => wanted.equals(key))) return
  message[name] ??= Object.create(null)
  const texts = message[name] as Record<string, string>
  texts[key.toString()] = value.toString()
}

function append(message: Record<string, unknown>, name: string, value: unknown): void {
  const known = message[name]
  if (Array.isArray(known)) known.push(value)
  else message[name] = [value]
}

/**
 * Reads a varint, of which all but the lowest 53 bits must be zero or, in a negative number, may be anything: no field
 * that is wanted is negative. `next` is where it ends.
 * @throws MalformedStream if it does not end
 */
function readNumber(bytes: Buffer, at: number, end: number): number {
  let value = 0
  let factor = 1
  for (let i = at; i < end && i < at + 10; i++) {
    const octet = bytes[i]!
    value += (octet & 127) * factor
    if (octet < 128) {
      next = i + 1
      return value
    }
    factor *= 128
  }
  throw new MalformedStream('found a number that does not end')
}

function fixedBytes(type: number): number {
  if (type === FIXED64) return 8
  if (type === FIXED32) return 4
  throw new MalformedStream(`found a field of wire type ${type}, expected 0, 1, 2 or 5`)
}
