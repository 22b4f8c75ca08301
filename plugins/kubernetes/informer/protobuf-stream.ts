/**
 * Cuts a stream of Protocol Buffers octets, as an API server sends them, into the objects of a watch or of a list, and
 * reads of each what its shape wants. Holds no more than one object; bounded as the JSON stream is.
 *
 *   watch   = *( length (4 octets, most significant first)  WatchEvent )    WatchEvent.object.raw is an Unknown
 *   list    = Unknown                                                       Unknown.raw is the list: metadata, items
 *   Unknown = "k8s" NUL  message of: 1 typeMeta, 2 raw, 3 contentEncoding, 4 contentType
 */
import type { Status } from './api-error.ts'
import { MAX_OBJECT_BYTES, MalformedStream } from './json-splitter.ts'
import type { ListEnvelope, ObjectStream } from './object-stream.ts'
import { readMessage, type Shape } from './protobuf.ts'

/** What API servers call it; the answer's type has `;stream=watch` behind it. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

const MAGIC = 0x6b38_7300
const MAGIC_BYTES = 4
const MAX_PREFIX_BYTES = 11 // a tag of one octet, and a varint
const DELIMITED = 2
const TAG_TYPE_META = (1 << 3) | DELIMITED
const TAG_RAW = (2 << 3) | DELIMITED
const TAG_LIST_META = (1 << 3) | DELIMITED
const TAG_ITEM = (2 << 3) | DELIMITED

const TYPE_META: Shape = new Map([[2, { name: 'kind', holds: 'text' }]])
const UNKNOWN: Shape = new Map([
  [1, { name: 'typeMeta', holds: TYPE_META }],
  [2, { name: 'raw', holds: 'octets' }],
])
const EVENT: Shape = new Map([
  [1, { name: 'type', holds: 'text' }],
  [2, { name: 'object', holds: new Map([[1, { name: 'raw', holds: 'octets' }]]) }],
])
const LIST_META: Shape = new Map([
  [2, { name: 'resourceVersion', holds: 'text' }],
  [3, { name: 'continue', holds: 'text' }],
])
const CAUSE: Shape = new Map([[1, { name: 'reason', holds: 'text' }]])
const DETAILS: Shape = new Map([
  [4, { name: 'causes', holds: CAUSE, repeated: true }],
  [5, { name: 'retryAfterSeconds', holds: 'number' }],
])
const STATUS: Shape = new Map([
  [3, { name: 'message', holds: 'text' }],
  [4, { name: 'reason', holds: 'text' }],
  [5, { name: 'details', holds: DETAILS }],
  [6, { name: 'code', holds: 'number' }],
])

interface Unknown {
  readonly typeMeta?: { readonly kind?: string }
  readonly raw?: Buffer
}

/** A Status as an API server sends it instead of what was asked for; undefined if it is something else. */
export function statusOfProtobuf(bytes: Buffer): (Status & { kind: 'Status' }) | undefined {
  if (bytes.length < MAGIC_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined
  const { typeMeta, raw } = readMessage(bytes, MAGIC_BYTES, bytes.length, UNKNOWN) as Unknown
  if (typeMeta?.kind !== 'Status' || !raw) return undefined
  return { kind: 'Status', ...readMessage(raw, 0, raw.length, STATUS) }
}

/** The octets that have arrived and are not read yet, in parts until enough of them are there. */
class Pending {
  #parts: Buffer[] = []
  /** Octets of the first part that are read. */
  #at = 0
  length = 0

  add(chunk: Uint8Array): void {
    if (this.length === 0) {
      this.#parts = []
      this.#at = 0
    }
    this.#parts.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this.length += chunk.byteLength
  }

  /** The octet at `i`, which must be there. */
  octet(i: number): number {
    const whole = this.#whole()
    return whole[this.#at + i]!
  }

  /** The next octets, which must be there. */
  take(bytes: number): Buffer {
    const whole = this.#whole()
    const taken = whole.subarray(this.#at, this.#at + bytes)
    this.#at += bytes
    this.length -= bytes
    return taken
  }

  #whole(): Buffer {
    if (this.#parts.length > 1) {
      const [first, ...rest] = this.#parts
      this.#parts = [Buffer.concat([first!.subarray(this.#at), ...rest], this.length)]
      this.#at = 0
    }
    return this.#parts[0]!
  }
}

/** The events of a watch, each like `{ type, object }` of JSON. */
export class ProtobufEvents implements ObjectStream {
  readonly #shape: Shape
  readonly #pending = new Pending()
  /** Octets of the event that is to come; 0: its length is to come. */
  #eventBytes = 0
  readonly envelope: ListEnvelope = {}

  constructor(shape: Shape) {
    this.#shape = shape
  }

  feed(chunk: Uint8Array): void {
    this.#pending.add(chunk)
  }

  next(): unknown {
    if (this.#eventBytes === 0) {
      if (this.#pending.length < 4) return undefined
      this.#eventBytes = this.#pending.take(4).readUInt32BE(0)
      checkSize(this.#eventBytes)
    }
    if (this.#pending.length < this.#eventBytes) return undefined
    const octets = this.#pending.take(this.#eventBytes)
    this.#eventBytes = 0
    return this.#event(octets)
  }

  get complete(): boolean {
    return this.#eventBytes === 0 && this.#pending.length === 0
  }

  #event(octets: Buffer): unknown {
    const event = readMessage(octets, 0, octets.length, EVENT) as { type?: string; object?: { raw?: Buffer } }
    const wrapped = event.object?.raw
    if (!wrapped) return { type: event.type }
    checkMagic(wrapped)
    const { typeMeta, raw } = readMessage(wrapped, MAGIC_BYTES, wrapped.length, UNKNOWN) as Unknown
    if (!raw) return { type: event.type }
    return {
      type: event.type,
      object: readMessage(raw, 0, raw.length, typeMeta?.kind === 'Status' ? STATUS : this.#shape),
    }
  }
}

/** The items of a list. */
export class ProtobufList implements ObjectStream {
  readonly #shape: Shape
  readonly #pending = new Pending()
  #hasMagic = false
  /** Tag and octets of the field whose value is to come; tag 0: they are to come. */
  #tag = 0
  #valueBytes = 0
  /** Octets of `raw` that are to come; -1 outside of it. */
  #rawBytes = -1
  #hasList = false
  #kind = ''
  #metadata: ListEnvelope['metadata']

  constructor(shape: Shape) {
    this.#shape = shape
  }

  feed(chunk: Uint8Array): void {
    this.#pending.add(chunk)
  }

  next(): unknown {
    while (this.#advance()) {
      if (this.#tag === 0 || this.#pending.length < this.#valueBytes) continue
      const tag = this.#tag
      const value = this.#take(this.#valueBytes)
      this.#tag = 0
      if (this.#rawBytes < 0) this.#outside(tag, value)
      else if (tag === TAG_ITEM) return readMessage(value, 0, value.length, this.#shape)
      else if (tag === TAG_LIST_META) this.#metadata = readMessage(value, 0, value.length, LIST_META)
    }
    return undefined
  }

  get complete(): boolean {
    return this.#hasList && this.#rawBytes <= 0 && this.#tag === 0 && this.#pending.length === 0
  }

  get envelope(): ListEnvelope {
    return { kind: this.#kind, ...(this.#metadata && { metadata: this.#metadata }) }
  }

  /** Reads as far as the next value. False if that takes more octets. */
  #advance(): boolean {
    if (!this.#hasMagic) {
      if (this.#pending.length < MAGIC_BYTES) return false
      checkMagic(this.#pending.take(MAGIC_BYTES))
      this.#hasMagic = true
    }
    if (this.#rawBytes === 0) {
      this.#rawBytes = -1
      this.#hasList = true
    }
    if (this.#tag !== 0) return this.#pending.length >= this.#valueBytes
    return this.#readPrefix()
  }

  /** Reads tag and length of a field. */
  #readPrefix(): boolean {
    const { length } = this.#pending
    let bytes = 0
    let factor = 1
    for (let i = 1; i < Math.min(length, MAX_PREFIX_BYTES); i++) {
      const octet = this.#pending.octet(i)
      bytes += (octet & 127) * factor
      factor *= 128
      if (octet >= 128) continue
      const tag = this.#pending.octet(0)
      if ((tag & 7) !== DELIMITED) throw new MalformedStream(`found a field of wire type ${tag & 7}, expected 2`)
      this.#take(i + 1)
      if (tag === TAG_RAW && this.#rawBytes < 0 && this.#kind !== 'Status') {
        this.#rawBytes = bytes
        return true
      }
      checkSize(bytes)
      this.#tag = tag
      this.#valueBytes = bytes
      return true
    }
    if (length >= MAX_PREFIX_BYTES) throw new MalformedStream('found a number that does not end')
    return false
  }

  #take(bytes: number): Buffer {
    if (this.#rawBytes >= 0) {
      if (bytes > this.#rawBytes) throw new MalformedStream('found an item that is longer than its list')
      this.#rawBytes -= bytes
    }
    return this.#pending.take(bytes)
  }

  /** A field that is none of the list's. */
  #outside(tag: number, value: Buffer): void {
    if (tag === TAG_TYPE_META) this.#kind = (readMessage(value, 0, value.length, TYPE_META).kind as string) ?? ''
  }
}

function checkMagic(bytes: Buffer): void {
  if (bytes.length >= MAGIC_BYTES && bytes.readUInt32BE(0) === MAGIC) return
  throw new MalformedStream('found octets that do not begin with "k8s", expected an object in Protocol Buffers')
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_OBJECT_BYTES) return
  throw new MalformedStream(`found an object of ${bytes} octets, expected at most ${MAX_OBJECT_BYTES}`)
}
