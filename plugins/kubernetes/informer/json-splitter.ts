/**
 * Cuts a stream of JSON octets into the objects of a watch (values one after the other) or of a list (the elements of
 * `items`), without parsing them and without holding more than one. Bounded: an object, or what surrounds the items,
 * that grows over its limit is an error. Knows no Kubernetes and does no I/O.
 */

/** No object in etcd is larger than 1.5 MiB; as JSON it grows by less than this. */
export const MAX_OBJECT_BYTES = 16 << 20
/** A list without its items is a few hundred octets; a Status with many causes is some kilobytes. */
const MAX_ENVELOPE_BYTES = 256 << 10

const LINE_FEED = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** What arrived is not what was announced: not JSON, not an object, too large, or it ended in the middle. */
export class MalformedStream extends Error {
  override readonly name = 'MalformedStream'
}

export type StreamShape = 'events' | 'list'

export class JsonSplitter {
  readonly #shape: StreamShape
  /** Depth at which the objects to cut out begin: 0 for events; for a list it is 2, once inside of `items`. */
  #base: number
  #depth = 0
  #inString = false
  #escaped = false
  /** True from the object's opening brace on. */
  #inObject = false
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  /** The parts of the current object that came in earlier chunks. */
  #parts: Buffer[] = []
  #partsBytes = 0
  #envelope = ''

  constructor(shape: StreamShape) {
    this.#shape = shape
    this.#base = shape === 'events' ? 0 : -1
  }

  /** Takes the next octets. All objects of the octets before must have been taken. */
  feed(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#at = 0
  }

  /**
   * The text of the next object that is complete; undefined once all octets are used.
   * @throws MalformedStream
   */
  next(): string | undefined {
    while (this.#at < this.#chunk.length) {
      if (this.#inObject) {
        const text = this.#scanObject()
        if (text !== undefined) return text
      } else {
        this.#scanBetween()
      }
    }
    return undefined
  }

  /** True if the stream may end here: not in the middle of anything. */
  get complete(): boolean {
    return this.#depth === 0 && !this.#inString && !this.#inObject
  }

  /** What surrounds the items of a list that is complete, with an empty `items`. */
  get envelope(): string {
    return this.#envelope
  }

  /**
   * An event on a line of its own, which is how API servers send them: found by its end, at a tenth of the cost.
   * Undefined if the line does not end in this chunk, or not with the object.
   */
  #takeLine(): string | undefined {
    const end = this.#chunk.indexOf(LINE_FEED, this.#at)
    if (end < 0 || this.#chunk[end - 1] !== CLOSE_OBJECT) return undefined
    const text = this.#chunk.toString('utf8', this.#at, end)
    this.#at = end + 1
    this.#inObject = false
    return text
  }

  /** Reads to the end of the current object, or of the chunk. */
  #scanObject(): string | undefined {
    if (this.#shape === 'events' && this.#depth === 0) {
      const line = this.#takeLine()
      if (line !== undefined) return line
    }
    const chunk = this.#chunk
    const from = this.#at
    const end = chunk.length
    const base = this.#base
    let depth = this.#depth
    let inString = this.#inString
    let at = from
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    while (at < end) {
      const octet = chunk[at++]!
      if (inString) {
        if (octet === QUOTE) inString = false
        else if (octet === BACKSLASH) {
          if (at < end) at++
          else this.#escaped = true
        }
      } else if (octet === QUOTE) inString = true
      else if (octet === OPEN_OBJECT || octet === OPEN_ARRAY) depth++
      else if ((octet === CLOSE_OBJECT || octet === CLOSE_ARRAY) && --depth === base) {
        this.#at = at
        this.#depth = depth
        this.#inString = false
        this.#inObject = false
        return this.#takeObject(chunk, from, at)
      }
    }
    this.#at = end
    this.#depth = depth
    this.#inString = inString
    this.#keepPart(chunk.subarray(from, end))
    return undefined
  }

  #takeObject(chunk: Buffer, from: number, to: number): string {
    if (this.#partsBytes === 0) return chunk.toString('utf8', from, to)
    this.#keepPart(chunk.subarray(from, to))
    const whole = Buffer.concat(this.#parts, this.#partsBytes)
    this.#parts = []
    this.#partsBytes = 0
    return whole.toString('utf8')
  }

  #keepPart(part: Buffer): void {
    this.#partsBytes += part.length
    if (this.#partsBytes > MAX_OBJECT_BYTES) {
      throw new MalformedStream(`found an object over ${MAX_OBJECT_BYTES} octets, expected at most that`)
    }
    this.#parts.push(part)
  }

  /** Reads what stands between objects, to the start of the next one or the end of the chunk. */
  #scanBetween(): void {
    if (this.#depth === this.#base) this.#scanSeparators()
    else this.#scanEnvelope()
  }

  #scanSeparators(): void {
    const octet = this.#chunk[this.#at]!
    if (octet === OPEN_OBJECT) {
      this.#inObject = true
      return
    }
    this.#at++
    if (isBlank(octet)) return
    if (this.#shape === 'list') {
      if (octet === COMMA) return
      if (octet === CLOSE_ARRAY) {
        this.#base = -1
        this.#depth--
        this.#envelope += ']'
        return
      }
    }
    throw new MalformedStream(`found ${JSON.stringify(String.fromCharCode(octet))} between objects, expected "{"`)
  }

  /** A list outside of its items. */
  #scanEnvelope(): void {
    const chunk = this.#chunk
    const from = this.#at
    let at = from
    while (at < chunk.length) {
      const octet = chunk[at++]!
      if (this.#escaped) this.#escaped = false
      else if (this.#inString) {
        if (octet === QUOTE) this.#inString = false
        else if (octet === BACKSLASH) this.#escaped = true
      } else if (octet === QUOTE) this.#inString = true
      else if (octet === OPEN_OBJECT) this.#depth++
      else if (octet === OPEN_ARRAY) {
        this.#depth++
        if (
          this.#depth === 2 &&
          /"items"\s*:\s*$/.test(this.#envelope.slice(-64) + chunk.toString('utf8', from, at - 1))
        ) {
          this.#base = 2
          break
        }
      } else if (octet === CLOSE_OBJECT || octet === CLOSE_ARRAY) this.#depth--
      else if (this.#depth === 0 && !isBlank(octet)) {
        throw new MalformedStream(`found ${JSON.stringify(String.fromCharCode(octet))}, expected a JSON object`)
      }
    }
    this.#at = at
    this.#envelope += chunk.toString('latin1', from, at)
    if (this.#envelope.length > MAX_ENVELOPE_BYTES) {
      throw new MalformedStream(
        `found a list of over ${MAX_ENVELOPE_BYTES} octets beside its items, expected at most that`,
      )
    }
  }
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === LINE_FEED || octet === 0x0d || octet === 0x09
}
