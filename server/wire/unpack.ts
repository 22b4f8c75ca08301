/**
 * An image → the sections that it was made of, for a stage that looks at records or changes them. Names come back
 * uncompressed, in memory of the answer; other data stays where it is in the image.
 */
import type { Answer } from './answer.ts'
import { TYPE } from './codes.ts'
import type { Image } from './image.ts'
import { MAX_NAME_BYTES, POINTER_BYTES } from './name.ts'
import { QUESTION, RECORD_HEAD_BYTES, type Section } from './section.ts'

const SOA_NUMBERS_BYTES = 20 // RFC 1035 §3.3.13

let answer: Answer
let image: Image
let at = 0
/** The owner that was read last, as a section has it. */
let owner: Uint8Array | null
let ownerAt = 0
/** The last owner that was put together: where it is in a message, and in memory. */
let lastPointer = 0
let lastOwner: Uint8Array
let lastOwnerAt = 0
/** Where what was read last ends in the image. */
let nameEnd = 0

/** Adds what is in `from` to the sections of `a`, which are empty. */
export function unpack(from: Image, a: Answer): void {
  answer = a
  image = from
  at = from.recordsAt
  lastPointer = 0
  unpackSection(a.answer, from.answers)
  unpackSection(a.authority, from.authorities)
  unpackSection(a.additional, from.additionals)
}

function unpackSection(section: Section, records: number): void {
  const { bytes } = image
  for (let i = 0; i < records; i++) {
    readOwner()
    const head = nameEnd
    const type = (bytes[head]! << 8) | bytes[head + 1]!
    const ttl = ((bytes[head + 4]! << 24) | (bytes[head + 5]! << 16) | (bytes[head + 6]! << 8) | bytes[head + 7]!) >>> 0
    const from = head + RECORD_HEAD_BYTES
    at = from + ((bytes[head + 8]! << 8) | bytes[head + 9]!)
    addRecord(section, type, ttl, from)
  }
}

/** Reads the owner at `at`: a label of the question, a name that is whole in the image, or one to be put together. */
function readOwner(): void {
  const { bytes, questionEnd, recordsAt } = image
  const isPointer = bytes[at]! >= 0xc0
  const pointer = isPointer ? pointerAt(at) : questionEnd + at - recordsAt
  const pointerEnd = at + POINTER_BYTES
  if (pointer < questionEnd) {
    owner = QUESTION
    ownerAt = pointer - image.qnameAt
    nameEnd = pointerEnd
    return
  }
  const place = recordsAt + pointer - questionEnd
  let end = place
  while (bytes[end]! > 0 && bytes[end]! < 0xc0) end += bytes[end]! + 1
  if (bytes[end] === 0) {
    // Left where it is: the target of an SRV record and the owner of its address stay the same octets, as encode.ts likes it.
    owner = bytes
    ownerAt = place
    nameEnd = isPointer ? pointerEnd : end + 1
    return
  }
  if (pointer !== lastPointer) {
    lastOwner = answer.scratch(MAX_NAME_BYTES)
    lastOwnerAt = answer.scratchAt
    answer.trimScratch(unpackName(place, lastOwner, lastOwnerAt))
    lastPointer = pointer
  }
  owner = lastOwner
  ownerAt = lastOwnerAt
  nameEnd = isPointer ? pointerEnd : end + POINTER_BYTES
}

/** Adds the record whose data is from `from` to `at`; the types whose names encode.ts compresses are uncompressed. */
function addRecord(section: Section, type: number, ttl: number, from: number): void {
  const { bytes } = image
  let names = 1
  let before = 0
  let after = 0
  switch (type) {
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      break
    case TYPE.MX:
      before = 2
      break
    case TYPE.SOA:
      names = 2
      after = SOA_NUMBERS_BYTES
      break
    default:
      section.add(owner, ownerAt, type, ttl, bytes, from, at - from)
      return
  }
  const data = answer.scratch(before + names * MAX_NAME_BYTES + after)
  const dataAt = answer.scratchAt
  let to = dataAt
  for (let i = 0; i < before; i++) data[to++] = bytes[from + i]!
  nameEnd = from + before
  for (let i = 0; i < names; i++) to += unpackName(nameEnd, data, to)
  for (let i = 0; i < after; i++) data[to++] = bytes[nameEnd + i]!
  answer.trimScratch(to - dataAt)
  section.add(owner, ownerAt, type, ttl, data, dataAt, to - dataAt)
}

function pointerAt(place: number): number {
  return ((image.bytes[place]! & 0x3f) << 8) | image.bytes[place + 1]!
}

/** Writes the name at `from` of the image to `to` of `out`, without pointers. Returns its octets, and sets `nameEnd`. */
function unpackName(from: number, out: Uint8Array, to: number): number {
  const { qname, qnameAt, questionEnd, recordsAt } = image
  let { bytes } = image
  let end = to
  nameEnd = 0
  for (let place = from; ; ) {
    const length = bytes[place]!
    if (length < 0xc0) {
      for (let i = 0; i <= length; i++) out[end++] = bytes[place + i]!
      place += length + 1
      if (length > 0) continue
      if (nameEnd === 0) nameEnd = place
      return end - to
    }
    const pointer = pointerAt(place)
    if (nameEnd === 0) nameEnd = place + POINTER_BYTES
    if (pointer >= questionEnd) place = recordsAt + pointer - questionEnd
    else {
      bytes = qname // which has no pointers
      place = pointer - qnameAt
    }
  }
}
