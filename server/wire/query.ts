/**
 * One query, read from its message: header, question and EDNS. One object serves many messages, one after the other:
 * its shape never changes and reading overwrites it, so that a query costs no garbage. A query that has to wait is
 * given a copy of its message by `keep`, and the listener goes on with another object.
 *
 *     0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5      RFC 1035 §4.1.1
 *   +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 *   |                      ID                       |  0
 *   |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |  2
 *   |     QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT        |  4 6 8 10
 *   +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 */
import type { Block, Routes } from '../route.ts'
import { Answer } from './answer.ts'
import { CLASS, FLAG, RCODE, TYPE } from './codes.ts'
import { COOKIE_BYTES } from './cookie.ts'
import { ASKED, DEFAULT_UDP_BYTES, datagramLimit, OPT_BYTES, readOpt, writeOpt } from './edns.ts'
import { HASH_START, hashJoin, LOWER, MAX_LABELS, MAX_NAME_BYTES, type Name, nameToText, ROOT_HASH } from './name.ts'

export const HEADER_BYTES = 12 // RFC 1035 §4.1.1
export const MAX_STREAM_BYTES = 65_535 // RFC 1035 §4.2.2
/** `stage` of a query that no stage has answered. */
export const NO_STAGE = -1
/** What stays of a message that waits: the longest question and the longest SOA behind it. The rest has been read. */
const KEPT_BYTES = 1280
const NO_BYTES = new Uint8Array(0)

/** Who asked, and the way back. One object per listener slot; `keep` makes one that outlives the slot. */
export interface Peer {
  /** Address as text, IPv6 without brackets, IPv4-mapped addresses as IPv4. */
  readonly address: string
  readonly port: number
  readonly family: 4 | 6
  /** The address that was asked, as text (log's {local}). */
  readonly localAddress: string
  /** What passes between is encrypted. */
  readonly isEncrypted?: boolean
  keep(): Peer
  /** Sends a finished message. Never throws: what cannot be sent, or has no octets, is counted by the listener. */
  send(bytes: Uint8Array, at: number, length: number): void
  /**
   * Over a stream: sends a message that `send` will send more of. Resolves, in a turn of its own, when the client has taken
   * enough for another one: false if it is gone.
   */
  sendPart?(bytes: Uint8Array, at: number, length: number): Promise<boolean>
  /** Over a stream: how long it is kept without a query, in milliseconds; 0 for one that is about to be closed. */
  readonly idleMs?: number
  /** Writes the 4 or 16 octets of `address` to `at` of `into`, where that is cheaper than its text. Returns how many. */
  writeAddress?(into: Uint8Array, at: number): number
}

export class Query {
  /** The message: `length` octets from `start` in `bytes`; `capacity` octets from `start` may hold the reply. */
  bytes: Uint8Array = NO_BYTES
  start = 0
  length = 0
  capacity = 0
  /** Over a stream: replies up to 65,535 octets, no truncation to the EDNS size. */
  stream = false
  peer!: Peer
  /** When it was read from the socket, in `performance.now()` milliseconds. */
  receivedAtMs = 0

  id = 0
  /** The header's second word as it came (FLAG bits, opcode, rcode). */
  flags = 0

  /** The question's name in lower case; `qnameLength` octets with the root label, and zeros up to a multiple of four. */
  readonly qname = new Uint8Array(MAX_NAME_BYTES + 1)
  qnameLength = 0
  /** The same memory in words, for those who compare names. */
  readonly qnameWords = new Int32Array(this.qname.buffer)
  /** Labels, the root not counted; label i starts (with its length octet) at `qname[labelAt[i]]`. */
  labelCount = 0
  readonly labelAt = new Uint8Array(MAX_LABELS + 1)
  readonly labelHash = new Int32Array(MAX_LABELS + 1)
  /** `suffixHash[i]` is the hash of the name from label i on: `suffixHash[0]` that of the whole. */
  readonly suffixHash = new Int32Array(MAX_LABELS + 1)
  qtype = 0
  qclass = 0
  /** Octets of header and question: where the first record of a reply goes. */
  questionEnd = 0

  /** EDNS (RFC 6891): whether there was an OPT, and what it said. */
  hasOpt = false
  udpSize = 0
  ednsVersion = 0
  dnssecOk = false
  /** Which options it had, of those that a reply has to do with (ASKED), and the cookie: 8 octets, or 24 with a server part. */
  options = 0
  readonly cookie = new Uint8Array(COOKIE_BYTES)

  /** What the listener serves, and the block that answers; set by routing. */
  routes: Routes | undefined = undefined
  block: Block | undefined = undefined
  /** Index, within the block, of the stage that the query reached last: the one that answered. */
  stage = NO_STAGE
  /** It had to wait: its message is in memory of its own. */
  waited = false
  /** Depth of a look-up that the server asks itself, 0 for one from a client. */
  depth = 0
  /** What the server wants to know for itself (the address of an ExternalName), in nobody's words. */
  internal = false
  /** Of a look-up of the server's own: most octets of the reply that it is for. 0 for a client's own. */
  outerBytes = 0
  /** Where the one answer to this query is composed. */
  readonly answer = new Answer()

  #own: Uint8Array = NO_BYTES

  get opcode(): number {
    return (this.flags >> 11) & 15
  }

  get recursionDesired(): boolean {
    return (this.flags & FLAG.RD) !== 0
  }

  get checkingDisabled(): boolean {
    return (this.flags & FLAG.CD) !== 0
  }

  /** Most octets of its reply. Of a look-up of the server's own nobody is to gather more than its client can be sent. */
  get replyBytes(): number {
    if (this.outerBytes > 0) return this.outerBytes
    return this.stream ? MAX_STREAM_BYTES : datagramLimit(this, this.block?.udpBytes ?? DEFAULT_UDP_BYTES)
  }

  /** The question's name as text, lower case, for logs and errors. */
  get qnameText(): string {
    return nameToText(this.qname)
  }

  /** A copy of the question's name from label `label` on. */
  nameFrom(label = 0): Name {
    return this.qname.slice(this.labelAt[label], this.qnameLength)
  }

  /** Memory of its own, of at least this many octets. */
  own(bytes: number): Uint8Array {
    if (this.#own.length < bytes) this.#own = new Uint8Array(Math.max(512, bytes))
    return this.#own
  }

  /**
   * Takes the message out of the listener's memory, which is used again once the listener goes on. Not all of one that is
   * long: thousands may wait, and each is as long as its client likes.
   */
  keep(): void {
    const kept = Math.min(this.length, KEPT_BYTES)
    const own = this.own(kept)
    for (let i = 0; i < kept; i++) own[i] = this.bytes[this.start + i]!
    this.bytes = own
    this.start = 0
    this.capacity = own.length
    this.waited = true
    this.peer = this.peer.keep()
  }
}

/**
 * Reads the header, the question and an OPT; other records are walked, not decoded. Reads no octet twice and none
 * behind the message.
 * @returns RCODE.NOERROR, or FORMERR where the message is broken.
 */
export function readQuery(q: Query): number {
  const { bytes, start } = q
  const end = start + q.length
  q.id = (bytes[start]! << 8) | bytes[start + 1]!
  q.flags = (bytes[start + 2]! << 8) | bytes[start + 3]!
  q.hasOpt = false
  q.options = 0
  q.dnssecOk = false
  q.udpSize = 0
  q.ednsVersion = 0
  q.stage = NO_STAGE
  q.waited = false
  q.depth = 0
  q.internal = false
  q.outerBytes = 0

  let at = readQname(q, start + HEADER_BYTES, end)
  if (at < 0 || at + 4 > end) return RCODE.FORMERR
  q.qtype = (bytes[at]! << 8) | bytes[at + 1]!
  q.qclass = (bytes[at + 2]! << 8) | bytes[at + 3]!
  at += 4
  q.questionEnd = at - start

  const authority = bytes[start + 9]!
  if (authority > 0) {
    if (q.qtype !== TYPE.IXFR) return RCODE.FORMERR // only IXFR brings a SOA (RFC 1995 §3)
    at = skipRecord(bytes, at, end)
  }
  if (!readAdditional(q, at, end)) return RCODE.FORMERR
  return q.qtype === TYPE.OPT || q.qtype === TYPE.TSIG ? RCODE.FORMERR : RCODE.NOERROR // pseudo-types are no questions
}

/**
 * Reads the OPT among the additional records, which begin at `from`, and looks where a TSIG stands. False where one of them is
 * broken.
 */
function readAdditional(q: Query, from: number, end: number): boolean {
  const { bytes } = q
  const additional = bytes[q.start + 11]!
  let at = from
  for (let i = 0; i < additional && at >= 0; i++) {
    const typeAt = skipName(bytes, at, end)
    if (typeAt < 0 || typeAt + 10 > end) return false
    const type = (bytes[typeAt]! << 8) | bytes[typeAt + 1]!
    if (type === TYPE.OPT) {
      if (q.hasOpt || bytes[at] !== 0) return false // RFC 6891 §6.1.1: one, owned by the root
      if (!readOpt(q, typeAt, end)) return false
    } else if (type === TYPE.TSIG) {
      const qclass = (bytes[typeAt + 2]! << 8) | bytes[typeAt + 3]!
      if (i + 1 < additional || qclass !== CLASS.ANY) return false // RFC 8945 §5.2, §4.2: the last one, of class ANY
    }
    at = skipRecord(bytes, at, end)
  }
  return at >= 0
}

/** Reads a message without a question. True if it asks for a cookie (RFC 7873 §5.4); else `hasOpt` says if it has an OPT. */
export function readCookieRequest(q: Query): boolean {
  q.hasOpt = false
  q.options = 0
  q.dnssecOk = false
  q.ednsVersion = 0
  q.block = undefined
  q.questionEnd = HEADER_BYTES
  const { start } = q
  return readAdditional(q, start + HEADER_BYTES, start + q.length) && (q.options & ASKED.COOKIE) !== 0
}

/** Sets a query's question for a look-up of the server's own, which `parent` waits for: class IN, no EDNS, recursion desired. */
export function askSelf(q: Query, name: Name, type: number, parent: Query): void {
  const message = new Uint8Array(HEADER_BYTES + name.length + 4)
  message[2] = 1 // RD
  message[5] = 1 // QDCOUNT
  message.set(name, HEADER_BYTES)
  const at = HEADER_BYTES + name.length
  message[at] = type >> 8
  message[at + 1] = type & 255
  message[at + 3] = 1 // IN
  q.bytes = message
  q.start = 0
  q.length = q.capacity = message.length
  q.stream = true // whole answers: the outer reply is what may be truncated
  q.peer = parent.peer
  q.receivedAtMs = parent.receivedAtMs
  readQuery(q)
  q.depth = parent.depth + 1
  q.internal = true
  q.outerBytes = parent.replyBytes
}

/**
 * Sets `q` to ask what `parent` asks, as its client would, of another name: the question's first `labels` labels and
 * `suffix`. Answers are whole, whatever the client takes. False if there is no such name.
 */
export function askInstead(q: Query, parent: Query, labels: number, suffix: Name): boolean {
  const prefix = parent.labelAt[labels]!
  if (prefix + suffix.length > MAX_NAME_BYTES) return false
  const message = q.own(HEADER_BYTES + MAX_NAME_BYTES + 4)
  message.fill(0, 0, HEADER_BYTES)
  message[2] = parent.flags >> 8
  message[3] = parent.flags & 255
  message[5] = 1 // QDCOUNT
  for (let i = 0; i < prefix; i++) message[HEADER_BYTES + i] = parent.qname[i]!
  for (let i = 0; i < suffix.length; i++) message[HEADER_BYTES + prefix + i] = suffix[i]!
  const at = HEADER_BYTES + prefix + suffix.length
  message[at] = parent.qtype >> 8
  message[at + 1] = parent.qtype & 255
  message[at + 2] = parent.qclass >> 8
  message[at + 3] = parent.qclass & 255
  q.bytes = message
  q.start = 0
  q.length = q.capacity = at + 4
  q.stream = true
  q.peer = parent.peer
  q.receivedAtMs = parent.receivedAtMs
  readQuery(q)
  q.hasOpt = parent.hasOpt
  q.udpSize = parent.udpSize
  q.dnssecOk = parent.dnssecOk
  q.routes = parent.routes
  q.block = parent.block
  q.depth = parent.depth + 1
  q.internal = parent.internal
  q.outerBytes = parent.replyBytes
  return true
}

/**
 * The question once more, in memory of its own, for a stage that asks again without its client: with RD, with the client's
 * CD and DO, and with EDNS where the client has it, but no option of it and not its spelling.
 */
export function copyQuery(from: Query): Query {
  const optAt = HEADER_BYTES + from.qnameLength + 4
  const message = new Uint8Array(optAt + OPT_BYTES)
  const flags = FLAG.RD | (from.flags & FLAG.CD)
  message[2] = flags >> 8
  message[3] = flags & 255
  message[5] = 1 // QDCOUNT
  message.set(from.qname.subarray(0, from.qnameLength), HEADER_BYTES)
  message.set([from.qtype >> 8, from.qtype & 255, from.qclass >> 8, from.qclass & 255], optAt - 4)
  if (from.hasOpt) {
    message[11] = 1 // ARCOUNT
    writeOpt(message, optAt, from.udpSize, 0, from.dnssecOk)
  }
  const q = new Query()
  q.bytes = message
  q.length = q.capacity = from.hasOpt ? message.length : optAt
  q.stream = from.stream
  q.peer = from.peer.keep()
  q.receivedAtMs = performance.now()
  readQuery(q)
  q.routes = from.routes
  q.block = from.block
  q.depth = from.depth
  q.internal = from.internal
  return q
}

/** Reads the question's name in one pass: lower case, label places, hashes. Returns where it ends, -1 if it is broken. */
function readQname(q: Query, from: number, end: number): number {
  const { bytes, qname, labelAt, labelHash } = q
  let at = from
  let to = 0
  let labels = 0
  for (;;) {
    if (at >= end) return -1
    const length = bytes[at++]!
    if (length === 0) break
    if (length > 63 || at + length > end) return -1 // a pointer or an extended type has no place here (RFC 9267 §2)
    if (to + length + 2 > MAX_NAME_BYTES) return -1
    labelAt[labels] = to
    qname[to++] = length
    let hash = HASH_START
    for (const stop = at + length; at < stop; at++) {
      const octet = LOWER[bytes[at]!]!
      qname[to++] = octet
      const h = Math.imul(hash ^ octet, 0x5bd1e995) // hashOctet, by hand: this loop is the hottest of all
      hash = h ^ (h >>> 15)
    }
    labelHash[labels++] = hash
  }
  qname[to++] = 0
  labelAt[labels] = to - 1
  q.qnameLength = to
  for (; (to & 3) !== 0; to++) qname[to] = 0
  q.labelCount = labels
  let hash = ROOT_HASH
  q.suffixHash[labels] = hash
  for (let i = labels - 1; i >= 0; i--) q.suffixHash[i] = hash = hashJoin(hash, labelHash[i]!)
  return at
}

/** Where the name at `at` ends in the message, -1 if it does not. A pointer ends it (RFC 1035 §4.1.4). */
export function skipName(bytes: Uint8Array, at: number, end: number): number {
  for (let octets = 0; at < end; ) {
    const length = bytes[at]!
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2 <= end ? at + 2 : -1
    if (length > 63) return -1
    octets += length + 1
    if (octets >= MAX_NAME_BYTES) return -1
    at += length + 1
  }
  return -1
}

/** Where the record at `at` ends, -1 if it does not end within the message (RFC 1035 §4.1.3). */
export function skipRecord(bytes: Uint8Array, at: number, end: number): number {
  const typeAt = skipName(bytes, at, end)
  if (typeAt < 0 || typeAt + 10 > end) return -1
  const next = typeAt + 10 + ((bytes[typeAt + 8]! << 8) | bytes[typeAt + 9]!)
  return next <= end ? next : -1
}
