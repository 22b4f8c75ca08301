/**
 * An answer → the octets of a message: header, question, records with name compression, OPT, and truncation at whole
 * records. Work is linear in the octets written: the compression table has one slot per length of a name. An answer that is
 * an image is copied, if it fits.
 */
import type { Answer } from './answer.ts'
import { FLAG, TYPE } from './codes.ts'
import { ASKED } from './edns.ts'
import { optBytes, writeReplyOpt } from './edns-reply.ts'
import type { Image } from './image.ts'
import { POINTER_BYTES } from './name.ts'
import { pad } from './padding.ts'
import { HEADER_BYTES, type Query } from './query.ts'
import { RECORD_HEAD_BYTES, type Section } from './section.ts'

const ADDITIONALS_AT = 10 // ARCOUNT, RFC 1035 §4.1.1
/** Up to this many octets a loop is cheaper than a call. */
const LOOP_BYTES = 256
const POINTER_LIMIT = 0x4000 // RFC 1035 §4.1.4: a pointer holds 14 bits

/**
 * Compression table (RFC 1035 §4.1.4): for a name of L octets, where in the message a name of that length was written
 * and the uncompressed octets it stands for. Two names of one length share a slot, the later one has it. A slot is valid
 * if its stamp is that of the message being written.
 */
const slotStamp = new Uint16Array(256)
const slotAt = new Uint16Array(256)
const slotName: Uint8Array[] = Array.from({ length: 256 }, () => new Uint8Array(1))
const slotNameAt = new Int32Array(256)
/**
 * Targets of SRV records, by where their octets stand in memory: owners of the additional section that are these very
 * octets become a pointer, also where many targets have one length. A slot is valid as those above are.
 */
const TARGET_BITS = 10
const targetStamp = new Uint16Array(1 << TARGET_BITS)
const targetAt = new Uint16Array(1 << TARGET_BITS)
const targetName: Uint8Array[] = Array.from({ length: 1 << TARGET_BITS }, () => new Uint8Array(1))
const targetNameAt = new Int32Array(1 << TARGET_BITS)
let stamp = 0
let questionKnown = false

let out: Uint8Array = new Uint8Array(0)
let base = 0
let question: Query

/**
 * Writes the reply to `q` at `at` of `into`, at most `limit` octets; in place if that is where the query stands.
 * `udpSize` is what the reply's OPT offers; `recursionAvailable` the RA bit of this listener.
 * @returns the octets written.
 */
export function encode(
  q: Query,
  a: Answer,
  into: Uint8Array,
  at: number,
  limit: number,
  udpSize: number,
  recursionAvailable: boolean,
): number {
  if (into !== q.bytes || at !== q.start) copyQuestion(q, into, at)
  const end = at + limit - (q.hasOpt ? optBytes(q, a, limit - q.questionEnd) : 0)
  let to = a.isImage ? copyImage(q, a.image, into, at, end) : -1
  if (to < 0) {
    begin(q, into, at)
    to = writeSections(a, at + q.questionEnd, end)
  }
  if (q.hasOpt) {
    const optAt = to
    to = writeReplyOpt(q, a, into, to, udpSize)
    if ((q.options & ASKED.PADDING) !== 0) to = pad(q, into, at, optAt, to, limit)
    putUint16(into, at + ADDITIONALS_AT, ((into[at + ADDITIONALS_AT]! << 8) | into[at + ADDITIONALS_AT + 1]!) + 1)
  }
  const flags =
    FLAG.QR |
    (q.flags & (0x7800 | FLAG.RD | FLAG.CD)) | // opcode, RD and CD are copied
    (a.authoritative ? FLAG.AA : 0) |
    (a.truncated ? FLAG.TC : 0) |
    (recursionAvailable ? FLAG.RA : 0) |
    (a.rcode & 15)
  putUint16(into, at + 2, flags)
  putUint16(into, at + 4, 1) // QDCOUNT
  return to - at
}

/**
 * Writes the records of a reply to `q`, nothing else, as they are in a message that begins at `at` of `into`: the first one
 * `q.questionEnd` octets behind that, which may lie before `into` itself. Returns where they end, -1 if not all end by `end`.
 */
export function encodeRecords(q: Query, a: Answer, into: Uint8Array, at: number, end: number): number {
  begin(q, into, at)
  let to = at + q.questionEnd
  for (const section of [a.answer, a.authority, a.additional]) {
    to = writeSection(section, to, end)
    if (written < section.count) return -1
  }
  return to
}

function begin(q: Query, into: Uint8Array, at: number): void {
  out = into
  base = at
  question = q
  questionKnown = false
  stamp = (stamp + 1) & 0xffff
  if (stamp === 0) forgetNames()
}

/** Writes the sections and their counts; what does not fit, and all that follows, is left out. Returns where it ends. */
function writeSections(a: Answer, from: number, end: number): number {
  const { answer, authority, additional } = a
  let authorities = 0
  let additionals = 0
  let to = writeSection(answer, from, end)
  const answers = written
  if (answers < answer.count) a.truncated = true
  else {
    to = writeSection(authority, to, end)
    authorities = written
    if (authorities < authority.count) a.truncated = true
    else {
      to = writeSection(additional, to, end)
      additionals = written
      if (additionals < additional.count) a.truncated = true
    }
  }
  putCounts(out, base, answers, authorities, additionals)
  return to
}

/** Writes the records of an image and their counts. Returns where they end, -1 if they do not fit. */
function copyImage(q: Query, image: Image, into: Uint8Array, at: number, end: number): number {
  const { bytes, recordsAt, recordsEnd } = image
  let to = at + q.questionEnd
  const octets = recordsEnd - recordsAt
  if (to + octets > end) return -1
  putCounts(into, at, image.answers, image.authorities, image.additionals)
  if (octets > LOOP_BYTES) {
    into.set(bytes.subarray(recordsAt, recordsEnd), to)
    return to + octets
  }
  for (let i = recordsAt; i < recordsEnd; i++) into[to++] = bytes[i]!
  return to
}

function putCounts(into: Uint8Array, at: number, answers: number, authorities: number, additionals: number): void {
  putUint16(into, at + 6, answers)
  putUint16(into, at + 8, authorities)
  putUint16(into, at + ADDITIONALS_AT, additionals)
}

function putUint16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >> 8
  into[at + 1] = value & 255
}

/** Header and question: too few octets for an array of their own to pay. */
function copyQuestion({ bytes, start, questionEnd }: Query, into: Uint8Array, at: number): void {
  for (let i = 0; i < questionEnd; i++) into[at + i] = bytes[start + i]!
}

/** Empties the tables: stamps begin anew, and those of messages long ago would come again. */
function forgetNames(): void {
  slotStamp.fill(0)
  targetStamp.fill(0)
  stamp = 1
}

/** How many records the last `writeSection` wrote. */
let written = 0

/** Writes records until one does not fit (RFC 2181 §9: whole records only). Returns where the last one ends. */
function writeSection(section: Section, from: number, end: number): number {
  const count = Math.min(section.count, 0xffff)
  let at = from
  let i = 0
  for (; i < count; i++) {
    const next = writeRecord(section, i, at, end)
    if (next < 0) break
    at = next
  }
  written = i
  return at
}

function writeRecord(section: Section, i: number, from: number, end: number): number {
  const length = section.dataLength[i]!
  const owner = section.owner[i]
  let at = from
  if (at + POINTER_BYTES + RECORD_HEAD_BYTES > end) return -1
  const isQuestion = owner === null || owner === undefined
  const pointer = isQuestion ? HEADER_BYTES + section.ownerAt[i]! : findTarget(owner, section.ownerAt[i]!)
  if (pointer > 0) {
    out[at++] = 0xc0 | (pointer >> 8)
    out[at++] = pointer & 255
  } else at = writeName(owner!, section.ownerAt[i]!, at, end)
  if (at < 0 || at + RECORD_HEAD_BYTES > end) return -1
  const type = section.type[i]!
  const ttl = section.ttl[i]!
  out[at] = type >> 8
  out[at + 1] = type & 255
  out[at + 2] = question.qclass >> 8
  out[at + 3] = question.qclass & 255
  out[at + 4] = ttl >>> 24
  out[at + 5] = (ttl >> 16) & 255
  out[at + 6] = (ttl >> 8) & 255
  out[at + 7] = ttl & 255
  const dataAt = at + RECORD_HEAD_BYTES
  const next = writeData(type, section.data[i]!, section.dataAt[i]!, length, dataAt, end)
  if (next < 0) return -1
  out[at + 8] = (next - dataAt) >> 8
  out[at + 9] = (next - dataAt) & 255
  return next
}

/** Record data: names are compressed in the types of RFC 1035 only (RFC 3597 §4). */
function writeData(type: number, data: Uint8Array, from: number, length: number, to: number, end: number): number {
  switch (type) {
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      return writeName(data, from, to, end)
    case TYPE.MX:
      if (to + 2 > end) return -1
      out[to] = data[from]!
      out[to + 1] = data[from + 1]!
      return writeName(data, from + 2, to + 2, end)
    case TYPE.SOA:
      return writeSoa(data, from, length, to, end)
    default:
      if (to + length > end) return -1
      for (let i = 0; i < length; i++) out[to + i] = data[from + i]!
      if (type === TYPE.SRV) {
        // RFC 2782: never compressed, but may be pointed at.
        remember(data, from + 6, to + 6)
        rememberTarget(data, from + 6, to + 6 - base)
      }
      return to + length
  }
}

function writeSoa(data: Uint8Array, from: number, length: number, to: number, end: number): number {
  const rname = writeName(data, from, to, end)
  if (rname < 0) return -1
  let second = from
  while (data[second]! > 0) second += data[second]! + 1
  const numbers = writeName(data, second + 1, rname, end)
  if (numbers < 0 || numbers + 20 > end) return -1
  const last = from + length - 20
  for (let i = 0; i < 20; i++) out[numbers + i] = data[last + i]!
  return numbers + 20
}

/** Writes the uncompressed name at `from` of `name`, its longest known suffix as a pointer. -1 if it does not fit. */
function writeName(name: Uint8Array, from: number, to: number, end: number): number {
  if (!questionKnown) rememberQuestion()
  let last = from
  while (name[last]! > 0) last += name[last]! + 1
  let at = from
  while (name[at]! > 0) {
    const length = last + 1 - at
    if (slotStamp[length] === stamp && isSlotName(name, at, length)) {
      if (to + 2 > end) return -1
      out[to] = 0xc0 | (slotAt[length]! >> 8)
      out[to + 1] = slotAt[length]! & 255
      return to + 2
    }
    const label = name[at]! + 1
    if (to + label > end) return -1
    setSlot(length, to - base, name, at)
    for (let i = 0; i < label; i++) out[to + i] = name[at + i]!
    to += label
    at += label
  }
  if (to + 1 > end) return -1
  out[to] = 0
  return to + 1
}

/** True if the name of the slot for its length is this one. */
function isSlotName(name: Uint8Array, at: number, length: number): boolean {
  const known = slotName[length]!
  const knownAt = slotNameAt[length]!
  if (known === name && knownAt === at) return true
  for (let i = 0; i < length; i++) if (known[knownAt + i] !== name[at + i]) return false
  return true
}

/** Enters a name that stands uncompressed at `to` of the message, and its suffixes, into the table. */
function remember(name: Uint8Array, from: number, to: number): void {
  if (!questionKnown) rememberQuestion()
  let last = from
  while (name[last]! > 0) last += name[last]! + 1
  for (let at = from; name[at]! > 0; at += name[at]! + 1) setSlot(last + 1 - at, to + at - from - base, name, at)
}

const targetSlot = (nameAt: number): number => Math.imul(nameAt, 0x9e3779b1) >>> (32 - TARGET_BITS)

function rememberTarget(name: Uint8Array, nameAt: number, at: number): void {
  if (at >= POINTER_LIMIT) return
  const slot = targetSlot(nameAt)
  targetStamp[slot] = stamp
  targetAt[slot] = at
  targetName[slot] = name
  targetNameAt[slot] = nameAt
}

/** Where in the message these octets were written as a target, 0 if they were not. */
function findTarget(name: Uint8Array, nameAt: number): number {
  const slot = targetSlot(nameAt)
  return targetStamp[slot] === stamp && targetNameAt[slot] === nameAt && targetName[slot] === name ? targetAt[slot]! : 0
}

function rememberQuestion(): void {
  questionKnown = true
  const { qname, qnameLength, labelAt, labelCount } = question
  for (let i = 0; i < labelCount; i++) {
    const at = labelAt[i]!
    setSlot(qnameLength - at, HEADER_BYTES + at, qname, at)
  }
}

function setSlot(length: number, at: number, name: Uint8Array, nameAt: number): void {
  if (at >= POINTER_LIMIT) return
  slotStamp[length] = stamp
  slotAt[length] = at
  slotName[length] = name
  slotNameAt[length] = nameAt
}
