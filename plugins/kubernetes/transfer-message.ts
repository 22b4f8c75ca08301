/**
 * One message of a zone transfer as it is filled: its records, the memory of what they point at, and the room that is left.
 * Records that belong together are added after a `mark`: none of them twice, and all of them are taken back if they are too
 * many. Each has a key, which is the same for the same record.
 */
import type { Answer } from '../../server/plugin.ts'
import { equalOctets, MAX_NAME_BYTES } from '../../server/wire/name.ts'

const FIXED_BYTES = 10 // type, class, TTL and length: RFC 1035 §3.2.1
const SRV_HEAD_BYTES = 6
export const MAX_RECORD_BYTES = MAX_NAME_BYTES + FIXED_BYTES + SRV_HEAD_BYTES + MAX_NAME_BYTES
/** Fewer octets than any record has. */
const MIN_RECORD_BYTES = 12
/** What is written before it is known whether it is needed: names of one endpoint. */
const SPARE_BYTES = 8 * MAX_NAME_BYTES

/**
 * Places of records by their keys, one more than the place, and the keys: of the message at hand only, and so shared by all.
 * What stood before the mark counts as a free slot.
 */
let slots = new Int32Array(0)
let keys = new Float64Array(0)

export class TransferMessage {
  /** Names and record data. */
  memory = new Uint8Array(0)
  /** Octets of the memory in use. */
  used = 0
  /** Octets of records, without compression, that may still be added. */
  room = 0
  #octets = 0
  #answer!: Answer
  /** How things were at the mark. */
  #count = 0
  #usedThen = 0
  #roomThen = 0

  /** Begins a message of so many octets, behind what the answer has. */
  begin(a: Answer, octets: number): void {
    // A record's name, and that of what it points at, may both be written once more.
    if (this.memory.length < 2 * octets + SPARE_BYTES) this.memory = new Uint8Array(2 * octets + SPARE_BYTES)
    while (slots.length * MIN_RECORD_BYTES < 2 * octets) {
      slots = new Int32Array(Math.max(64, slots.length * 2))
      keys = new Float64Array(slots.length)
    }
    this.#answer = a
    this.#octets = this.room = octets
    this.used = 0
    slots.fill(0)
  }

  /** More than half of it is filled. */
  get isMostlyFull(): boolean {
    return this.room * 2 < this.#octets
  }

  get isFull(): boolean {
    return this.room < MAX_RECORD_BYTES
  }

  get records(): number {
    return this.#answer.answer.count
  }

  mark(): void {
    this.#count = this.records
    this.#usedThen = this.used
    this.#roomThen = this.room
  }

  /** Octets of the records since the mark. */
  get octets(): number {
    return this.#roomThen - this.room
  }

  /** Takes back all since the mark. */
  undo(): void {
    this.#answer.answer.count = this.#count
    this.used = this.#usedThen
    this.room = this.#roomThen
    slots.fill(0)
  }

  /** Adds a record, its owner in the memory, unless it is there since the mark. */
  add(
    key: number,
    owner: number,
    ownerBytes: number,
    type: number,
    ttl: number,
    data: Uint8Array,
    at: number,
    bytes: number,
  ): void {
    let slot = key & (slots.length - 1)
    for (; slots[slot]! > this.#count; slot = (slot + 1) & (slots.length - 1)) {
      if (keys[slot] === key && this.#is(slots[slot]! - 1, owner, ownerBytes, type, data, at, bytes)) return
    }
    this.#answer.answer.add(this.memory, owner, type, ttl, data, at, bytes)
    this.room -= ownerBytes + FIXED_BYTES + bytes
    slots[slot] = this.records
    keys[slot] = key
  }

  /** True if record `i` says that. */
  #is(
    i: number,
    owner: number,
    ownerBytes: number,
    type: number,
    data: Uint8Array,
    at: number,
    bytes: number,
  ): boolean {
    const { answer } = this.#answer
    if (answer.type[i] !== type || answer.dataLength[i] !== bytes) return false
    if (!equalOctets(answer.data[i]!, answer.dataAt[i]!, data, at, bytes)) return false
    return equalOctets(this.memory, answer.ownerAt[i]!, this.memory, owner, ownerBytes)
  }

  write(from: Uint8Array, at: number, count: number): void {
    for (let i = 0; i < count; i++) this.memory[this.used++] = from[at + i]!
  }
}
