/**
 * What is taken of a reply: nothing but the answer to the question. That is the CNAME chain from the name that was
 * asked, the records of the type that was asked at its end, and for a negative answer the SOA above it. The rest of the
 * message is walked and dropped. Work is linear in the octets of the message.
 */
import { CLASS, EDE, FLAG, OPTION, RCODE, TYPE } from '../../../server/wire/codes.ts'
import { LOWER } from '../../../server/wire/name.ts'
import { HEADER_BYTES, type Query, skipName } from '../../../server/wire/query.ts'
import { BROKEN, MAX_POINTERS, MessageReader } from './reader.ts'

const MAX_HOPS = 11 // names in a CNAME chain, as other resolvers bound it
const MAX_WORK = 1 << 20 // octets of names looked through to compare them, for one message
const SCRATCH_BYTES = 2048 // data up to here lives in the answer's own memory
const OWNER_IS_QUESTION = -1

/** The message being read. One at a time: it is read and copied out before anything waits. */
const m = new MessageReader()
let work = 0
let broken = false

/** Places of the records of a section in the message: owner, and TYPE field. */
const ownerAt: number[] = []
const typeAt: number[] = []

/** What was kept: `[0, answers)` of the answer section, the rest of the authority section. */
const keptOwner: number[] = [] // place in `data`, or OWNER_IS_QUESTION
const keptOwnerLabel: number[] = [] // place in the question's name, for OWNER_IS_QUESTION
const keptType: number[] = []
const keptTtl: number[] = []
const keptAt: number[] = []
const keptLength: number[] = []
let kept = 0
let keptAnswers = 0

/** What the last reply read said besides records. */
export const reply = {
  rcode: 0,
  truncated: false,
  /** NOERROR without a record in the answer section. */
  nodata: false,
  /** Its extended error (RFC 8914), the first one; -1 for none. */
  extendedError: -1,
}

/**
 * Reads the reply to `q` that `compare` found to match, and puts its question into lower case. False if it is garbage: what it holds is then void.
 * A truncated reply that breaks off is a truncated reply without records.
 */
export function readReply(q: Query, from: Uint8Array, at: number, length: number): boolean {
  m.open(from, at, length)
  // Names may end in the question: as the query was spelled is nobody's business.
  for (let i = 0; i < q.qnameLength; i++) from[at + HEADER_BYTES + i] = q.qname[i]!
  work = 0
  broken = false
  kept = 0
  keptAnswers = 0
  reply.rcode = m.bytes[at + 3]! & 15
  reply.extendedError = -1
  reply.truncated = (m.bytes[at + 2]! & (FLAG.TC >> 8)) !== 0
  const sound = readSections(q)
  if (!sound) {
    kept = 0
    keptAnswers = 0
    m.used = 0
  }
  reply.nodata = reply.rcode === RCODE.NOERROR && keptAnswers === 0
  return sound || reply.truncated
}

/** Takes a reply that says nothing but an error. */
export function readError(rcode: number): void {
  kept = 0
  keptAnswers = 0
  reply.rcode = rcode
  reply.extendedError = -1
  reply.truncated = false
  reply.nodata = false
}

/**
 * Puts what the last `readReply` kept into the answer of `q`, whose question it answered. An extended error is handed on as
 * its code alone (RFC 8914 §3): the text is for who asked the upstream.
 */
export function fillAnswer(q: Query): void {
  const a = q.answer.reset()
  a.rcode = reply.rcode
  a.extendedError = reply.extendedError
  if (reply.extendedError < 0 && (a.rcode === RCODE.SERVFAIL || a.rcode === RCODE.REFUSED)) {
    a.extendedError = EDE.OTHER
    a.extendedErrorText = 'the upstream says so'
  }
  a.truncated = reply.truncated
  if (kept === 0) return
  const own = m.used <= SCRATCH_BYTES ? a.scratch(m.used) : new Uint8Array(m.used)
  const base = m.used <= SCRATCH_BYTES ? a.scratchAt : 0
  for (let i = 0; i < m.used; i++) own[base + i] = m.data[i]!
  for (let i = 0; i < kept; i++) {
    const section = i < keptAnswers ? a.answer : a.authority
    const isQuestion = keptOwner[i] === OWNER_IS_QUESTION
    section.add(
      isQuestion ? null : own,
      isQuestion ? keptOwnerLabel[i]! : base + keptOwner[i]!,
      keptType[i]!,
      keptTtl[i]!,
      own,
      base + keptAt[i]!,
      keptLength[i]!,
    )
  }
}

function readSections(q: Query): boolean {
  const answers = (m.bytes[m.start + 6]! << 8) | m.bytes[m.start + 7]!
  const authorities = (m.bytes[m.start + 8]! << 8) | m.bytes[m.start + 9]!
  const additionals = (m.bytes[m.start + 10]! << 8) | m.bytes[m.start + 11]!
  let at = m.start + HEADER_BYTES + q.qnameLength + 4
  at = findRecords(answers, at, 0)
  if (at < 0) return false
  at = findRecords(authorities, at, answers)
  if (at < 0 || !readAdditional(additionals, at)) return false
  const { rcode } = reply
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN && rcode !== RCODE.YXDOMAIN) return true
  const hops = followChain(q, answers)
  if (hops < 0 || !keepAnswers(q, answers, hops)) return false
  return keepAuthority(q, answers, authorities, hops) && work <= MAX_WORK && !broken
}

/** Notes where `count` records are. Returns where they end. */
function findRecords(count: number, from: number, index: number): number {
  let at = from
  for (let i = 0; i < count; i++) {
    const type = skipName(m.bytes, at, m.end)
    if (type < 0 || type + 10 > m.end) return BROKEN
    const next = type + 10 + ((m.bytes[type + 8]! << 8) | m.bytes[type + 9]!)
    if (next > m.end) return BROKEN
    ownerAt[index + i] = at
    typeAt[index + i] = type
    at = next
  }
  return at
}

/** Of the additional section the OPT is of interest: the upper bits of the rcode (RFC 6891 §6.1.3), and an extended error. */
function readAdditional(count: number, from: number): boolean {
  let at = from
  for (let i = 0; i < count; i++) {
    const type = skipName(m.bytes, at, m.end)
    if (type < 0 || type + 10 > m.end) return false
    const end = type + 10 + m.u16(type + 8)
    if (end > m.end) return false
    if (m.u16(type) === TYPE.OPT && m.bytes[at] === 0) {
      reply.rcode = (reply.rcode & 15) | (m.bytes[type + 4]! << 4)
      reply.extendedError = findError(type + 10, end)
    }
    at = end
  }
  return true
}

/** The code of the first extended error among options, -1 if there is none. */
function findError(from: number, end: number): number {
  for (let at = from; at + 4 <= end; ) {
    const length = m.u16(at + 2)
    if (m.u16(at) === OPTION.EXTENDED_ERROR && length >= 2 && at + 6 <= end) return m.u16(at + 4)
    at += 4 + length
  }
  return -1
}

/** The names of the chain: OWNER_IS_QUESTION, then places in `data`; which CNAME record leads on from each. */
const hopName: number[] = []
const hopRecord: number[] = []

/** Follows the CNAMEs from the name asked. Returns how many names the chain has. */
function followChain(q: Query, answers: number): number {
  hopName[0] = OWNER_IS_QUESTION
  hopRecord[0] = -1
  let hops = 1
  if (q.qtype === TYPE.CNAME || q.qtype === TYPE.ANY) return hops
  while (hops < MAX_HOPS) {
    const record = findAlias(q, hopName[hops - 1]!, answers)
    if (record < 0) break
    hopRecord[hops - 1] = record
    const type = typeAt[record]!
    hopName[hops] = m.used
    hopRecord[hops] = -1
    if (m.uncompress(type + 10) !== type + 10 + m.u16(type + 8)) return BROKEN
    hops++
  }
  return hops
}

function findAlias(q: Query, name: number, answers: number): number {
  for (let i = 0; i < answers; i++) {
    const type = typeAt[i]!
    if (m.u16(type) === TYPE.CNAME && m.u16(type + 2) === CLASS.IN && isNamed(q, ownerAt[i]!, name)) return i
  }
  return -1
}

/** Keeps the chain, what was asked at its end, DNAMEs that made it, and for those who want them the signatures. */
function keepAnswers(q: Query, answers: number, hops: number): boolean {
  const last = hops - 1
  for (let i = 0; i < answers; i++) {
    const type = typeAt[i]!
    if (m.u16(type + 2) !== CLASS.IN) continue
    const of = m.u16(type)
    const signs = of === TYPE.RRSIG && q.dnssecOk && m.u16(type + 8) >= 18 ? m.u16(type + 10) : -1
    if (of === TYPE.DNAME || signs === TYPE.DNAME) {
      if (q.qtype !== of && !keepAbove(q, i, hops)) return false
      if (q.qtype !== of) continue
    }
    if (of === TYPE.CNAME && q.qtype !== TYPE.CNAME && q.qtype !== TYPE.ANY) {
      const hop = hopRecord.indexOf(i)
      if (hop >= 0 && hop < hops && !keep(q, i, hopName[hop]!, hopName[hop + 1]!)) return false
      continue
    }
    const wanted = of === q.qtype || q.qtype === TYPE.ANY || signs === q.qtype
    if (wanted && isNamed(q, ownerAt[i]!, hopName[last]!)) {
      if (!keep(q, i, hopName[last]!, BROKEN)) return false
    } else if (signs === TYPE.CNAME) {
      for (let hop = 0; hop < last; hop++) {
        if (!isNamed(q, ownerAt[i]!, hopName[hop]!)) continue
        if (!keep(q, i, hopName[hop]!, BROKEN)) return false
        break
      }
    }
  }
  keptAnswers = kept
  return true
}

/** Keeps a DNAME, or the signature of one, whose owner is above a name of the chain (RFC 6672 §3.2). */
function keepAbove(q: Query, record: number, hops: number): boolean {
  const owner = m.used
  if (m.uncompress(ownerAt[record]!) < 0) return false
  for (let hop = 0; hop < hops; hop++) if (isAbove(q, owner, hopName[hop]!)) return keep(q, record, owner, BROKEN)
  m.used = owner
  return true
}

/**
 * Keeps of the authority section what a negative answer or a referral needs: the SOA (RFC 2308 §2), else the NS, whose
 * owner is above the chain's end; with DO the proofs and signatures. With a positive answer only proofs (wildcards).
 */
function keepAuthority(q: Query, answers: number, count: number, hops: number): boolean {
  const last = hopName[hops - 1]!
  let positive = false
  for (let i = 0; i < keptAnswers; i++) if (keptType[i] === q.qtype || q.qtype === TYPE.ANY) positive = true
  let wanted = TYPE.NS as number
  for (let i = answers; i < answers + count; i++) if (m.u16(typeAt[i]!) === TYPE.SOA) wanted = TYPE.SOA
  let hasSoa = false
  for (let i = answers; i < answers + count; i++) {
    const type = typeAt[i]!
    if (m.u16(type + 2) !== CLASS.IN) continue
    const of = m.u16(type)
    const isProof = q.dnssecOk && (of === TYPE.NSEC || of === TYPE.NSEC3 || of === TYPE.RRSIG || of === TYPE.DS)
    if (!isProof && (positive || of !== wanted || hasSoa)) continue
    const owner = m.used
    if (m.uncompress(ownerAt[i]!) < 0) return false
    if (!isProof && !isAbove(q, owner, last)) {
      m.used = owner
      continue
    }
    if (of === TYPE.SOA) hasSoa = true
    if (!keep(q, i, owner, BROKEN)) return false
  }
  return true
}

/** Keeps a record under an owner that is in `data`, or the question. `dataAt` is its uncompressed data, if already there. */
function keep(q: Query, record: number, owner: number, dataAt: number): boolean {
  const type = typeAt[record]!
  const of = m.u16(type)
  const label = owner === OWNER_IS_QUESTION ? 0 : labelInQuestion(q, owner)
  const at = dataAt >= 0 ? dataAt : m.used
  if (dataAt < 0 && !m.copyData(of, type + 10, m.u16(type + 8))) return false
  keptOwner[kept] = label >= 0 ? OWNER_IS_QUESTION : owner
  keptOwnerLabel[kept] = label
  keptType[kept] = of
  const ttl = (m.bytes[type + 4]! << 24) | (m.bytes[type + 5]! << 16) | (m.bytes[type + 6]! << 8) | m.bytes[type + 7]!
  keptTtl[kept] = Math.max(ttl, 0) // RFC 2181 §8
  keptAt[kept] = at
  keptLength[kept] = dataAt >= 0 ? m.nameOctets(dataAt) : m.used - at
  kept++
  return true
}

/** Where the question's name has the name at `owner` of `data` as its end, -1 if it does not. */
function labelInQuestion(q: Query, owner: number): number {
  const length = m.nameOctets(owner)
  const at = q.qnameLength - length
  if (at < 0) return -1
  for (let i = 0; i < length; i++) if (LOWER[m.data[owner + i]!] !== q.qname[at + i]) return -1
  for (let i = 0; i <= q.labelCount; i++) if (q.labelAt[i] === at) return at
  return -1
}

/** True if the name at `owner` of `data` is `name` or above it. */
function isAbove(q: Query, owner: number, name: number): boolean {
  if (work > MAX_WORK) return false
  const below = name === OWNER_IS_QUESTION ? q.qname : m.data
  const ownerLength = m.nameOctets(owner)
  let at = name === OWNER_IS_QUESTION ? 0 : name
  let left = name === OWNER_IS_QUESTION ? q.qnameLength : m.nameOctets(name)
  work += left + ownerLength
  while (left > ownerLength) {
    const label = below[at]! + 1
    at += label
    left -= label
  }
  if (left !== ownerLength) return false
  for (let i = 0; i < ownerLength; i++) if (LOWER[m.data[owner + i]!] !== LOWER[below[at + i]!]) return false
  return true
}

/**
 * True if the possibly compressed name at `at` of the message is the one at `name` of `data`, or the question's. Notes
 * where a name is broken.
 */
function isNamed(q: Query, at: number, name: number): boolean {
  const isQuestion = name === OWNER_IS_QUESTION
  if (isQuestion && m.bytes[at] === 0xc0 && m.bytes[at + 1] === HEADER_BYTES) return true
  const wanted = isQuestion ? q.qname : m.data
  let want = isQuestion ? 0 : name
  let from = at
  let limit = at // a pointer goes back (RFC 1035 §4.1.4: "a prior occurrence")
  let pointers = 0
  while (work <= MAX_WORK) {
    const length = from < m.end ? m.bytes[from]! : BROKEN
    if (length >= 0xc0 && from + 1 < m.end) {
      from = m.start + (((length & 0x3f) << 8) | m.bytes[from + 1]!)
      broken ||= from >= limit || ++pointers > MAX_POINTERS
      if (broken) return false
      limit = from
      work++
      continue
    }
    broken ||= length < 0 || length > 63 || from + length >= m.end
    if (broken || length !== wanted[want]!) return false
    for (let i = 1; i <= length; i++) if (LOWER[m.bytes[from + i]!] !== LOWER[wanted[want + i]!]) return false
    work += length + 1
    if (length === 0) return true
    from += length + 1
    want += length + 1
  }
  return false
}
