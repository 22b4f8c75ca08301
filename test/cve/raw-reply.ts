/** Replies put together octet by octet, with the compression that an attacker likes and no encoder would write. */
import { Query, readQuery } from '../../server/wire/query.ts'
import { type Ask, query } from '../harness/message.ts'

/** Where the question's name stands in every message. */
export const QNAME_AT = 12
export const MAX_MESSAGE_BYTES = 65_535
const RECORD_HEAD_BYTES = 10

export const pointer = (to: number): Uint8Array => Uint8Array.of(0xc0 | (to >> 8), to & 255)

/** A name of 126 labels, 253 octets; two of them differ only in the last label. */
export function manyLabels(last: string): Buffer {
  return Buffer.from(`${'\x01a'.repeat(125)}\x01${last}\0`, 'latin1')
}

/** A query as the server has it after reading. */
export function readAsk(name: string, ask: Ask = {}): Query {
  const message = query(name, ask)
  const q = new Query()
  q.bytes = message
  q.length = message.length
  q.stream = true
  readQuery(q)
  return q
}

export class RawReply {
  #at: number
  readonly #bytes = Buffer.alloc(MAX_MESSAGE_BYTES)

  /** A reply to the query whose octets these are: NOERROR, its question, no records. */
  constructor(asked: Uint8Array, rcode = 0) {
    let end = QNAME_AT
    while (asked[end]! > 0) end += asked[end]! + 1
    this.#at = end + 5
    this.#bytes.set(asked.subarray(0, this.#at))
    this.#bytes.writeUInt16BE(0x8180 | rcode, 2)
    this.#bytes.fill(0, 6, QNAME_AT)
  }

  /** Octets so far. */
  get length(): number {
    return this.#at
  }

  /** True if a record with so many octets of owner and data still fits. */
  holds(octets: number): boolean {
    return this.#at + octets + RECORD_HEAD_BYTES <= MAX_MESSAGE_BYTES
  }

  /** Appends a record to section 0 (answer), 1 or 2. Returns where its data begins. */
  add(section: 0 | 1 | 2, owner: Uint8Array, type: number, data: Uint8Array, ttl = 60): number {
    const counterAt = 6 + 2 * section
    this.#bytes.writeUInt16BE(this.#bytes.readUInt16BE(counterAt) + 1, counterAt)
    this.#put(owner)
    const head = Buffer.alloc(RECORD_HEAD_BYTES)
    head.writeUInt16BE(type)
    head.writeUInt16BE(1, 2)
    head.writeUInt32BE(ttl, 4)
    head.writeUInt16BE(data.length, 8)
    this.#put(head)
    const dataAt = this.#at
    this.#put(data)
    return dataAt
  }

  /** Appends the same record until nothing more fits. */
  fill(section: 0 | 1 | 2, owner: Uint8Array, type: number, data: Uint8Array): this {
    while (this.holds(owner.length + data.length)) this.add(section, owner, type, data)
    return this
  }

  get octets(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #put(octets: Uint8Array): void {
    this.#bytes.set(octets, this.#at)
    this.#at += octets.length
  }
}
