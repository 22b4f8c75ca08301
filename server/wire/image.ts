/**
 * A reply as it stands in a message behind the question, kept to be sent again: the records with their names compressed,
 * where their TTLs are, and how many there are. Names may point into the question, which has the same length for everybody
 * who asks it, in whatever spelling. image-writer.ts makes one, unpack.ts makes sections of it again.
 *
 *   +-----------+-----------+-------------+-------------+-----------------+-----------------+
 *   | rcode (1) | shape (1) | EDE + 1 (2) | answers (2) | authorities (2) | additionals (2) |
 *   +-----------+-----------+-------------+-------------+-----------------+-----------------+
 *   | addresses (2) | data of the first (2) | octets of each (2) | TTL places (2 each) | records |
 *   +---------------+-----------------------+--------------------+---------------------+---------+
 *
 * Places are counted from the first record on. An Image is memory that such octets were copied into: it may be changed.
 */
import type { Query } from './query.ts'

export const IMAGE_HEAD_BYTES = 16
/** Places within the head. */
export const SHAPE_AT = 1
export const ERROR_AT = 2
export const COUNTS_AT = 4
export const ADDRESSES_AT = 10
/** Between the data of two addresses of one set: a pointer as owner, and the head of the record. */
export const ADDRESS_GAP_BYTES = 12

/**
 * PLAIN: aliases, then either one set of addresses that differ in their data alone or no addresses and exchanges at all;
 * nothing in the other sections whose order could matter. MIXED: anything.
 */
export const MIXED = 0
export const PLAIN = 1

const QUESTION_TAIL_BYTES = 4 // type and class
const FIRST_BYTES = 256
const NO_WORDS = new Int32Array(0)
const NO_BYTES = new Uint8Array(0)

export class Image {
  /** The same memory twice. */
  words = NO_WORDS
  bytes = NO_BYTES
  rcode = 0
  extendedError = -1
  isPlain = false
  answers = 0
  authorities = 0
  additionals = 0
  /** Addresses of the set at the end of a PLAIN answer section. */
  addresses = 0
  /** The records: from here to there in `bytes`. */
  recordsAt = 0
  recordsEnd = 0
  /** What the records may point into: the question's name, in lower case, its place in a message, and the question's end. */
  qname = NO_BYTES
  qnameAt = 0
  questionEnd = 0
  #addressAt = 0
  #addressBytes = 0

  /** Memory for so many octets of an image, to be copied into and opened. */
  room(octets: number): Int32Array {
    if (octets > this.bytes.length) {
      this.words = new Int32Array(Math.max(FIRST_BYTES, octets + 3) >> 2)
      this.bytes = new Uint8Array(this.words.buffer)
    }
    return this.words
  }

  /** Reads the head of the image of `octets` octets that was copied into the memory, a reply to what `q` asks. */
  open(q: Query, octets: number): void {
    const { bytes } = this
    this.rcode = bytes[0]!
    this.isPlain = bytes[SHAPE_AT] === PLAIN
    this.extendedError = uint16(bytes, ERROR_AT) - 1
    this.answers = uint16(bytes, COUNTS_AT)
    this.authorities = uint16(bytes, COUNTS_AT + 2)
    this.additionals = uint16(bytes, COUNTS_AT + 4)
    this.addresses = uint16(bytes, ADDRESSES_AT)
    this.recordsAt = IMAGE_HEAD_BYTES + 2 * (this.answers + this.authorities + this.additionals)
    this.recordsEnd = octets
    this.#addressAt = this.recordsAt + uint16(bytes, ADDRESSES_AT + 2)
    this.#addressBytes = uint16(bytes, ADDRESSES_AT + 4)
    this.qname = q.qname
    this.qnameAt = q.questionEnd - QUESTION_TAIL_BYTES - q.qnameLength
    this.questionEnd = q.questionEnd
  }

  /** Takes `seconds` off every TTL, none falls below 0. Nothing is added where they are negative. */
  age(seconds: number): void {
    if (seconds <= 0) return
    const { bytes, recordsAt } = this
    for (let place = IMAGE_HEAD_BYTES; place < recordsAt; place += 2) {
      const at = recordsAt + ((bytes[place]! << 8) | bytes[place + 1]!)
      const ttl = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
      putTtl(bytes, at, ttl > seconds ? ttl - seconds : 0)
    }
  }

  /** Gives every record this TTL. */
  setTtl(ttl: number): void {
    const { bytes, recordsAt } = this
    for (let place = IMAGE_HEAD_BYTES; place < recordsAt; place += 2) {
      putTtl(bytes, recordsAt + uint16(bytes, place), ttl)
    }
  }

  /** Exchanges two addresses of the set. */
  swapAddresses(i: number, j: number): void {
    const { bytes } = this
    const length = this.#addressBytes
    const stride = length + ADDRESS_GAP_BYTES
    const a = this.#addressAt + i * stride
    const b = this.#addressAt + j * stride
    for (let octet = 0; octet < length; octet++) {
      const held = bytes[a + octet]!
      bytes[a + octet] = bytes[b + octet]!
      bytes[b + octet] = held
    }
  }

  /** Gives its memory back. */
  drop(): void {
    this.words = NO_WORDS
    this.bytes = NO_BYTES
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function putTtl(bytes: Uint8Array, at: number, ttl: number): void {
  bytes[at] = ttl >>> 24
  bytes[at + 1] = (ttl >> 16) & 255
  bytes[at + 2] = (ttl >> 8) & 255
  bytes[at + 3] = ttl & 255
}
