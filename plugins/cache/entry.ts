/**
 * A stored answer as one run of octets: what was asked, the outcome, and all records with their data uncompressed. Never
 * changed once made, so that answers may point into it for as long as they like.
 *
 *   +-------+---------+--------+-----------+------------+-------------+------+---------+---------------+
 *   | rcode | EDE + 1 | answer | authority | additional | name length | name | records | owners, data  |
 *   |  (1)  |   (2)   |  (2)   |    (2)    |    (2)     |     (1)     |      | 13 each |               |
 *   +-------+---------+--------+-----------+------------+-------------+------+---------+---------------+
 *   record: owner's place (1: 0 in the question, 1 in here; 2), type (2), TTL (4), data's place (2), its length (2)
 */
import type { Answer, Query, Section } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { LOWER, nameLength } from '../../server/wire/name.ts'

const COUNTS_AT = 3
const NAME_LENGTH_AT = 9
const NAME_AT = 10
const RECORD_BYTES = 13
const MAX_BYTES = 0xffff // places are 16 bits

/** The answer `a` to `q` in a memory of its own; undefined if it is too large. OPT is left out. */
export function makeEntry(q: Query, a: Answer): Uint8Array | undefined {
  const records = count(a.answer) + count(a.authority) + count(a.additional)
  const recordsAt = NAME_AT + q.qnameLength
  const freeAt = recordsAt + records * RECORD_BYTES
  const bytes = freeAt + ownBytes(q, a.answer) + ownBytes(q, a.authority) + ownBytes(q, a.additional)
  if (bytes > MAX_BYTES) return undefined
  const entry = new Uint8Array(bytes)
  entry[0] = a.rcode
  putUint16(entry, 1, a.extendedError + 1)
  entry[NAME_LENGTH_AT] = q.qnameLength
  for (let i = 0; i < q.qnameLength; i++) entry[NAME_AT + i] = q.qname[i]!
  const writer = { entry, recordAt: recordsAt, freeAt, counter: COUNTS_AT }
  for (const section of [a.answer, a.authority, a.additional]) writeSection(writer, q, section)
  return entry
}

/** True if the entry is for the query's name. */
export function isFor(entry: Uint8Array, q: Query): boolean {
  const length = q.qnameLength
  if (entry[NAME_LENGTH_AT] !== length) return false
  const { qname } = q
  for (let i = 0; i < length; i++) if (entry[NAME_AT + i] !== qname[i]) return false
  return true
}

/** Composes the stored answer: each TTL less `ageS`, or `ttl` for all of them where that is not negative. */
export function compose(entry: Uint8Array, a: Answer, ageS: number, ttl = -1): Answer {
  a.reset()
  a.rcode = entry[0]!
  a.extendedError = getUint16(entry, 1) - 1
  let at = NAME_AT + entry[NAME_LENGTH_AT]!
  at = readSection(entry, at, getUint16(entry, COUNTS_AT), a.answer, ageS, ttl)
  at = readSection(entry, at, getUint16(entry, COUNTS_AT + 2), a.authority, ageS, ttl)
  readSection(entry, at, getUint16(entry, COUNTS_AT + 4), a.additional, ageS, ttl)
  return a
}

function readSection(
  entry: Uint8Array,
  from: number,
  records: number,
  section: Section,
  ageS: number,
  ttl: number,
): number {
  let at = from
  for (let i = 0; i < records; i++, at += RECORD_BYTES) {
    section.owner[i] = entry[at] === 0 ? null : entry
    section.ownerAt[i] = (entry[at + 1]! << 8) | entry[at + 2]!
    section.type[i] = (entry[at + 3]! << 8) | entry[at + 4]!
    const own = (entry[at + 5]! << 24) | (entry[at + 6]! << 16) | (entry[at + 7]! << 8) | entry[at + 8]!
    section.ttl[i] = ttl >= 0 ? ttl : own > ageS ? own - ageS : 0
    section.data[i] = entry
    section.dataAt[i] = (entry[at + 9]! << 8) | entry[at + 10]!
    section.dataLength[i] = (entry[at + 11]! << 8) | entry[at + 12]!
  }
  section.count = records
  return at
}

interface Writer {
  readonly entry: Uint8Array
  recordAt: number
  freeAt: number
  counter: number
}

function writeSection(to: Writer, q: Query, section: Section): void {
  const { entry } = to
  let ownerAt = 0
  for (let i = 0; i < section.count; i++) {
    if (section.type[i] === TYPE.OPT) continue
    const at = to.recordAt
    const label = labelOf(q, section, i)
    if (label >= 0) putUint16(entry, at + 1, label)
    else {
      if (!sharesOwner(section, i)) {
        ownerAt = to.freeAt
        const owner = section.owner[i]!
        copy(to, owner, section.ownerAt[i]!, nameLength(owner, section.ownerAt[i]!))
      }
      entry[at] = 1
      putUint16(entry, at + 1, ownerAt)
    }
    putUint16(entry, at + 3, section.type[i]!)
    putUint16(entry, at + 5, section.ttl[i]! >>> 16)
    putUint16(entry, at + 7, section.ttl[i]! & 0xffff)
    putUint16(entry, at + 9, to.freeAt)
    putUint16(entry, at + 11, section.dataLength[i]!)
    copy(to, section.data[i]!, section.dataAt[i]!, section.dataLength[i]!)
    to.recordAt += RECORD_BYTES
  }
  putUint16(entry, to.counter, count(section))
  to.counter += 2
}

function copy(to: Writer, from: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) to.entry[to.freeAt + i] = from[at + i]!
  to.freeAt += length
}

function count(section: Section): number {
  let records = 0
  for (let i = 0; i < section.count; i++) if (section.type[i] !== TYPE.OPT) records++
  return records
}

/** Octets of owners and data that the entry itself has to hold. */
function ownBytes(q: Query, section: Section): number {
  let bytes = 0
  for (let i = 0; i < section.count; i++) {
    if (section.type[i] === TYPE.OPT) continue
    bytes += section.dataLength[i]!
    if (labelOf(q, section, i) < 0 && !sharesOwner(section, i)) {
      bytes += nameLength(section.owner[i]!, section.ownerAt[i]!)
    }
  }
  return bytes
}

/** True if record `i` has the very owner of the record before it, which then was written out. */
function sharesOwner(section: Section, i: number): boolean {
  return i > 0 && section.owner[i] === section.owner[i - 1] && section.ownerAt[i] === section.ownerAt[i - 1]
}

/** Where in the question's name the owner of record `i` stands, -1 if it does not. */
function labelOf(q: Query, section: Section, i: number): number {
  const owner = section.owner[i]
  const from = section.ownerAt[i]!
  if (owner === null || owner === undefined) return from
  const at = q.qnameLength - nameLength(owner, from)
  for (let label = 0; label <= q.labelCount; label++) {
    if (q.labelAt[label] !== at) continue
    for (let j = 0; at + j < q.qnameLength; j++) if (LOWER[owner[from + j]!] !== q.qname[at + j]) return -1
    return at
  }
  return -1
}

function putUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 255
}

function getUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
