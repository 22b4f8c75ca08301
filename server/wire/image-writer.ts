/** Makes the image of an answer: its records encoded as in a reply, and a head that says what is where. */
import type { Answer } from './answer.ts'
import { TYPE } from './codes.ts'
import { encodeRecords } from './encode.ts'
import {
  ADDRESS_GAP_BYTES,
  ADDRESSES_AT,
  COUNTS_AT,
  ERROR_AT,
  IMAGE_HEAD_BYTES,
  MIXED,
  PLAIN,
  SHAPE_AT,
} from './image.ts'
import { MAX_STREAM_BYTES, type Query, skipName } from './query.ts'
import { RECORD_HEAD_BYTES, type Section } from './section.ts'

const LEAST_RECORD_BYTES = 1 + RECORD_HEAD_BYTES
/** Of any image: the records of the largest message, and a place for each. */
export const MAX_IMAGE_BYTES =
  IMAGE_HEAD_BYTES + MAX_STREAM_BYTES + 2 * Math.ceil(MAX_STREAM_BYTES / LEAST_RECORD_BYTES)
/** From the TTL of a record to its data: the TTL and the length. */
const TTL_TO_DATA_BYTES = 6

/**
 * Writes the image of `a`, an answer to `q`, at `at` of `into`, which has room for any. OPT records are taken out of the
 * answer: an OPT is of one message.
 * @returns its octets, -1 if no message would hold it.
 */
export function writeImage(q: Query, a: Answer, into: Uint8Array, at: number): number {
  const records = countRecords(a.answer) + countRecords(a.authority) + countRecords(a.additional)
  if (records * LEAST_RECORD_BYTES > MAX_STREAM_BYTES) return -1
  const recordsAt = at + IMAGE_HEAD_BYTES + 2 * records
  const end = encodeRecords(q, a, into, recordsAt - q.questionEnd, recordsAt + MAX_STREAM_BYTES - q.questionEnd)
  if (end < 0) return -1
  into[at] = a.rcode
  putUint16(into, at + ERROR_AT, a.extendedError + 1)
  putUint16(into, at + COUNTS_AT, a.answer.count)
  putUint16(into, at + COUNTS_AT + 2, a.authority.count)
  putUint16(into, at + COUNTS_AT + 4, a.additional.count)
  writePlaces(into, at + IMAGE_HEAD_BYTES, recordsAt, end)
  writeShape(a, into, at)
  return end - at
}

/** Takes OPT records out, and counts the others. */
function countRecords(section: Section): number {
  let to = 0
  for (let i = 0; i < section.count; i++) if (section.type[i] !== TYPE.OPT) section.swap(i, to++)
  section.count = to
  return to
}

/** Walks the records, and notes where the TTL of each is. */
function writePlaces(into: Uint8Array, placesAt: number, recordsAt: number, end: number): void {
  let place = placesAt
  for (let record = recordsAt; record < end; place += 2) {
    const ttl = skipName(into, record, end) + 4
    putUint16(into, place, ttl - recordsAt)
    record = ttl + TTL_TO_DATA_BYTES + uint16(into, ttl + 4)
  }
}

/** Notes the set of addresses at the end of the answer section, and whether there is nothing else to put in order. */
function writeShape(a: Answer, into: Uint8Array, at: number): void {
  const { answer } = a
  let aliases = 0
  while (aliases < answer.count && answer.type[aliases] === TYPE.CNAME) aliases++
  const addresses = answer.count - aliases
  const isSet = addresses > 1 && isAddressSet(answer, aliases, into, at + IMAGE_HEAD_BYTES)
  const isPlain = (isSet || isSettled(answer, aliases)) && isSettled(a.authority, 0) && isSettled(a.additional, 0)
  into[at + SHAPE_AT] = isPlain ? PLAIN : MIXED
  putUint16(into, at + ADDRESSES_AT, isSet ? addresses : 0)
  putUint16(
    into,
    at + ADDRESSES_AT + 2,
    isSet ? uint16(into, at + IMAGE_HEAD_BYTES + 2 * aliases) + TTL_TO_DATA_BYTES : 0,
  )
  putUint16(into, at + ADDRESSES_AT + 4, isSet ? answer.dataLength[aliases]! : 0)
}

/** True if the records from `first` on are addresses of one owner, type and TTL, as far from one another as can be told. */
function isAddressSet(section: Section, first: number, into: Uint8Array, placesAt: number): boolean {
  const { count, owner, ownerAt, type, ttl, dataLength } = section
  if (type[first] !== TYPE.A && type[first] !== TYPE.AAAA) return false
  for (let i = first + 1; i < count; i++) {
    if (type[i] !== type[first] || ttl[i] !== ttl[first] || dataLength[i] !== dataLength[first]) return false
    if (owner[i] !== owner[first] || ownerAt[i] !== ownerAt[first]) return false
    const place = placesAt + 2 * i
    if (uint16(into, place) - uint16(into, place - 2) !== dataLength[i]! + ADDRESS_GAP_BYTES) return false
  }
  return true
}

/** True if no order but the one that is there could be wanted: the only record, or none that clients choose among. */
function isSettled(section: Section, first: number): boolean {
  if (section.count - first < 2) return true
  for (let i = first; i < section.count; i++) {
    switch (section.type[i]) {
      case TYPE.A:
      case TYPE.AAAA:
      case TYPE.MX:
      case TYPE.CNAME:
        return false
    }
  }
  return true
}

function putUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 255
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
