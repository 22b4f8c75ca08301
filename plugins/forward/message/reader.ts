/**
 * The octets of one reply, and the memory into which its names and record data are copied uncompressed. Everything is
 * checked against the end of the message; memory is bounded, whatever compression promises.
 */
import { TYPE } from '../../../server/wire/codes.ts'
import { MAX_LABELS } from '../../../server/wire/name.ts'
import { HEADER_BYTES } from '../../../server/wire/query.ts'

/** A place in a message that does not hold what it should. */
export const BROKEN = -1
const MAX_DATA_BYTES = 1 << 18 // uncompressed names and data of one message
/** Pointers that one name may go through. A chain of thousands, named by thousands of records, costs their product. */
export const MAX_POINTERS = MAX_LABELS

/** Octets before the names, number of names, octets after them (-1: any number), for types with names in their data. */
const SHAPES = new Map<number, readonly [before: number, names: number, after: number]>([
  ...[TYPE.NS, 3, 4, TYPE.CNAME, 7, 8, 9, TYPE.PTR, TYPE.DNAME].map(type => [type, [0, 1, 0]] as const), // MD MF MB MG MR
  [TYPE.SOA, [0, 2, 20]],
  [14, [0, 2, 0]], // MINFO
  [17, [0, 2, 0]], // RP
  ...[TYPE.MX, 18, 21, 36].map(type => [type, [2, 1, 0]] as const), // AFSDB RT KX
  [26, [2, 2, 0]], // PX
  [TYPE.SRV, [6, 1, 0]],
  [24, [18, 1, -1]], // SIG
  [TYPE.RRSIG, [18, 1, -1]],
  [30, [0, 1, -1]], // NXT
  [TYPE.NSEC, [0, 1, -1]],
])

export class MessageReader {
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  /** Names and record data as they were copied: `used` octets. */
  data = new Uint8Array(4096)
  used = 0

  open(bytes: Uint8Array, at: number, length: number): void {
    this.bytes = bytes
    this.start = at
    this.end = at + length
    this.used = 0
  }

  u16(at: number): number {
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  nameOctets(at: number): number {
    let last = at
    while (this.data[last]! > 0) last += this.data[last]! + 1
    return last + 1 - at
  }

  /** Makes room for `more` octets of data; false beyond what one message may grow to. */
  reserve(more: number): boolean {
    const needed = this.used + more
    if (needed > MAX_DATA_BYTES) return false
    if (needed > this.data.length) {
      const larger = new Uint8Array(Math.max(needed, this.data.length * 2))
      larger.set(this.data)
      this.data = larger
    }
    return true
  }

  /**
   * Appends the possibly compressed name at `at` of the message to `data`, uncompressed. Returns where it ends in the
   * message; BROKEN for a loop, a label of unknown kind, more than 255 octets, too many pointers, or the end of the
   * message (RFC 9267 §2-§4).
   */
  uncompress(at: number): number {
    if (!this.reserve(256)) return BROKEN
    let from = at
    let limit = at
    let next = BROKEN
    let octets = 0
    let pointers = 0
    for (;;) {
      if (from >= this.end) return BROKEN
      const length = this.bytes[from]!
      if (length >= 0xc0) {
        if (from + 1 >= this.end || ++pointers > MAX_POINTERS) return BROKEN
        if (next < 0) next = from + 2
        from = this.start + (((length & 0x3f) << 8) | this.bytes[from + 1]!)
        if (from >= limit || from < this.start + HEADER_BYTES) return BROKEN
        limit = from
        continue
      }
      octets += length + 1
      if (length > 63 || octets > 255 || from + length >= this.end) return BROKEN
      for (let i = 0; i <= length; i++) this.data[this.used++] = this.bytes[from + i]!
      from += length + 1
      if (length === 0) return next < 0 ? from : next
    }
  }

  /** Appends record data, names uncompressed (RFC 3597 §4: only where the type is known to hold them). */
  copyData(of: number, at: number, length: number): boolean {
    const stop = at + length
    if (of === TYPE.A && length !== 4) return false
    if (of === TYPE.AAAA && length !== 16) return false
    if (of === TYPE.NAPTR) return this.copyNaptr(at, stop)
    const shape = SHAPES.get(of)
    if (shape === undefined) return this.copy(at, stop)
    const [before, names, after] = shape
    if (length < before || !this.copy(at, at + before)) return false
    let from = at + before
    for (let i = 0; i < names; i++) {
      from = this.uncompress(from)
      if (from < 0 || from > stop) return false
    }
    return (after < 0 || stop - from === after) && this.copy(from, stop)
  }

  /** Order and preference, three character strings, a name (RFC 3403 §4.1). */
  copyNaptr(at: number, stop: number): boolean {
    let from = at + 4
    for (let i = 0; i < 3 && from < stop; i++) from += this.bytes[from]! + 1
    return from < stop && this.copy(at, from) && this.uncompress(from) === stop
  }

  copy(from: number, to: number): boolean {
    if (from > to || !this.reserve(to - from)) return false
    for (let i = from; i < to; i++) this.data[this.used++] = this.bytes[i]!
    return true
  }
}
