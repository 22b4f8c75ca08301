/**
 * The alphabet of a snapshot: numbers of variable length, and texts and labels with their length in front. Written into
 * memory that grows with the largest object, read from a buffer that may hold anything.
 */

/** Most octets of a number. */
export const MAX_NUMBER_BYTES = 5
const START_BYTES = 1 << 17

export class OctetWriter {
  bytes = new Uint8Array(START_BYTES)
  length = 0

  octet(value: number): void {
    this.#reserve(1)
    this.bytes[this.length++] = value
  }

  /** A whole number below 2^32, seven bits to an octet, the lowest first. */
  number(value: number): void {
    this.#reserve(MAX_NUMBER_BYTES)
    let rest = value >>> 0
    for (; rest > 127; rest >>>= 7) this.bytes[this.length++] = (rest & 127) | 128
    this.bytes[this.length++] = rest
  }

  copy(from: Uint8Array, at: number, count: number): void {
    this.#reserve(count)
    for (let i = 0; i < count; i++) this.bytes[this.length + i] = from[at + i]!
    this.length += count
  }

  /** What another one wrote, its length in front. */
  record(from: OctetWriter): void {
    this.number(from.length)
    this.copy(from.bytes, 0, from.length)
  }

  /** A label as it stands in a message: one octet of length, then that many. */
  label(from: Uint8Array, at: number): void {
    this.copy(from, at, from[at]! + 1)
  }

  text(text: string): void {
    const octets = Buffer.from(text, 'latin1')
    this.number(octets.length)
    this.copy(octets, 0, octets.length)
  }

  #reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

/** Octets that are not what a snapshot of ours says. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

export class OctetReader {
  #bytes: Buffer
  #at: number
  #end: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  /** Reads on somewhere else: one reader serves all records. */
  reset(bytes: Buffer, at: number, end: number): void {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  /** Where it has got to. */
  get at(): number {
    return this.#at
  }

  octet(): number {
    return this.#bytes[this.#take(1)]!
  }

  number(): number {
    let value = 0
    for (let i = 0; i < MAX_NUMBER_BYTES; i++) {
      const octet = this.octet()
      value += (octet & 127) * 2 ** (7 * i)
      if (octet < 128) return value
    }
    throw new Malformed('found a number that does not end')
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  /** A label's octets as text. */
  label(): string {
    return this.#latin1(this.octet())
  }

  text(maxLength: number): string {
    const length = this.number()
    if (length > maxLength) throw new Malformed(`found a text of ${length} octets, expected at most ${maxLength}`)
    return this.#latin1(length)
  }

  /** IPv4 as text. */
  address4(): string {
    const at = this.#take(4)
    const bytes = this.#bytes
    return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
  }

  /** IPv6 as text, all eight groups. */
  address6(): string {
    const at = this.#take(16)
    let text = ''
    for (let i = 0; i < 16; i += 2) text += `${i === 0 ? '' : ':'}${this.#bytes.readUInt16BE(at + i).toString(16)}`
    return text
  }

  #latin1(length: number): string {
    const at = this.#take(length)
    return this.#bytes.toString('latin1', at, at + length)
  }

  #take(count: number): number {
    const at = this.#at
    if (this.#end - at < count) throw new Malformed('found the end of a record, expected more of it')
    this.#at = at + count
    return at
  }
}
