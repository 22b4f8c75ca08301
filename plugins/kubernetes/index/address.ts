/**
 * IP addresses as octets, 4 or 16 of them: read from text (`10.0.0.1`, `2001:db8::1`) and from labels that have dashes
 * for the separators (`10-0-0-1`, `2001-db8--1`), and written as such labels. No memory is made.
 */
import { HASH_START, hashOctet } from '../../../server/wire/name.ts'

const DASH = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const MAX_TEXT = 45 // eight groups, the last two as IPv4

const text = new Uint8Array(MAX_TEXT)

/**
 * Reads an address from text into 16 octets at `to` of `into`.
 * @returns 4 or 16, the octets written; 0 if it is no address. IPv4-mapped IPv6 counts as IPv4.
 */
export function readAddress(from: string, into: Uint8Array, to: number): number {
  const { length } = from
  if (length > MAX_TEXT) return 0
  for (let i = 0; i < length; i++) {
    const code = from.charCodeAt(i)
    if (code > 0x7f) return 0
    text[i] = code
  }
  return from.includes(':') ? read6(text, 0, length, COLON, into, to) : read4(text, 0, length, DOT, into, to)
}

/**
 * Reads an address from a label: IPv4 if it has exactly three dashes, none next to another, else IPv6.
 * @returns as `readAddress`
 */
export function readDashed(label: Uint8Array, from: number, end: number, into: Uint8Array, to: number): number {
  if (end - from > MAX_TEXT) return 0
  let dashes = 0
  let double = false
  for (let i = from; i < end; i++) {
    if (label[i] !== DASH) continue
    dashes++
    if (i > from && label[i - 1] === DASH) double = true
  }
  return dashes === 3 && !double ? read4(label, from, end, DASH, into, to) : read6(label, from, end, DASH, into, to)
}

/** Four decimal numbers without leading zeros. */
function read4(from: Uint8Array, at: number, end: number, separator: number, into: Uint8Array, to: number): number {
  let i = at
  for (let group = 0; group < 4; group++) {
    if (group > 0 && from[i++] !== separator) return 0
    const start = i
    let value = 0
    for (; i < end && i - start < 3; i++) {
      const digit = from[i]! - 0x30
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (i === start || value > 255 || (i - start > 1 && from[start] === 0x30)) return 0
    into[to + group] = value
  }
  return i === end ? 4 : 0
}

/** Groups of hexadecimal digits, one run of zeros as a double separator (RFC 4291 §2.2); an IPv4 tail in text only. */
function read6(from: Uint8Array, at: number, end: number, separator: number, into: Uint8Array, to: number): number {
  let groups = 0
  let gap = -1
  let i = at
  if (from[i] === separator) {
    if (i + 1 >= end || from[i + 1] !== separator) return 0
    gap = 0
    i += 2
  }
  while (i < end) {
    if (groups === 8) return 0
    const start = i
    let value = 0
    for (; i < end && i - start < 4; i++) {
      const digit = hexDigit(from[i]!)
      if (digit < 0) break
      value = value * 16 + digit
    }
    if (i < end && from[i] === DOT && separator === COLON) {
      if (groups > 6 || read4(from, start, end, DOT, into, to + groups * 2) === 0) return 0
      groups += 2
      i = end
      break
    }
    if (i === start) return 0
    into[to + groups * 2] = value >> 8
    into[to + groups * 2 + 1] = value & 255
    groups++
    if (i === end) break
    if (from[i++] !== separator) return 0
    if (i === end) return 0 // ends in a single separator
    if (from[i] === separator) {
      if (gap >= 0) return 0
      gap = groups
      i++
    }
  }
  if (gap < 0 ? groups !== 8 : groups > 7) return 0
  if (gap >= 0) openGap(into, to, gap, groups)
  return unmap(into, to)
}

/** Moves the groups behind the gap to the end and fills it with zeros. */
function openGap(into: Uint8Array, to: number, gap: number, groups: number): void {
  const behind = (groups - gap) * 2
  into.copyWithin(to + 16 - behind, to + gap * 2, to + groups * 2)
  into.fill(0, to + gap * 2, to + 16 - behind)
}

/** ::ffff:a.b.c.d is a.b.c.d (RFC 4291 §2.5.5.2). */
function unmap(into: Uint8Array, to: number): number {
  for (let i = 0; i < 10; i++) if (into[to + i] !== 0) return 16
  if (into[to + 10] !== 255 || into[to + 11] !== 255) return 16
  into.copyWithin(to, to + 12, to + 16)
  return 4
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/**
 * Writes an address as a label's octets, without the length: RFC 5952 with dashes. Where that ends in a dash, a `0`
 * follows; what begins with one is left so, as CoreDNS does. At most 39 octets.
 * @returns the octets written
 */
export function writeDashed(from: Uint8Array, at: number, length: number, into: Uint8Array, to: number): number {
  return length === 4 ? writeDashed4(from, at, into, to) : writeDashed6(from, at, into, to)
}

function writeDashed4(from: Uint8Array, at: number, into: Uint8Array, to: number): number {
  let i = to
  for (let group = 0; group < 4; group++) {
    const octet = from[at + group]!
    if (group > 0) into[i++] = DASH
    if (octet >= 100) into[i++] = 0x30 + ((octet / 100) | 0)
    if (octet >= 10) into[i++] = 0x30 + (((octet / 10) | 0) % 10)
    into[i++] = 0x30 + (octet % 10)
  }
  return i - to
}

function writeDashed6(from: Uint8Array, at: number, into: Uint8Array, to: number): number {
  const [gap, gapEnd] = longestZeros(from, at)
  let i = to
  for (let group = 0; group < 8; group++) {
    if (group === gap) {
      into[i++] = DASH
      into[i++] = DASH
      group = gapEnd - 1
      continue
    }
    if (group > 0 && group !== gapEnd) into[i++] = DASH
    i = writeHex((from[at + group * 2]! << 8) | from[at + group * 2 + 1]!, into, i)
  }
  if (into[i - 1] === DASH) into[i++] = 0x30
  return i - to
}

const zeros: [from: number, end: number] = [-1, -1]

/** The longest run of at least two zero groups, the first of those; -1 and -1 if there is none (RFC 5952 §4.2). */
function longestZeros(from: Uint8Array, at: number): [from: number, end: number] {
  zeros[0] = zeros[1] = -1
  for (let group = 0; group < 8; group++) {
    let end = group
    while (end < 8 && from[at + end * 2] === 0 && from[at + end * 2 + 1] === 0) end++
    if (end - group > Math.max(1, zeros[1] - zeros[0])) {
      zeros[0] = group
      zeros[1] = end
    }
    group = Math.max(group, end - 1)
  }
  return zeros
}

function writeHex(value: number, into: Uint8Array, to: number): number {
  let i = to
  for (let shift = 12; shift >= 0; shift -= 4) {
    const digit = (value >> shift) & 15
    if (digit !== 0 || i > to || shift === 0) into[i++] = digit < 10 ? 0x30 + digit : 0x57 + digit
  }
  return i
}

/** Hash of an address. */
export function hashAddress(bytes: Uint8Array, at: number, length: number): number {
  let hash = HASH_START
  for (let i = at; i < at + length; i++) hash = hashOctet(hash, bytes[i]!)
  return hash
}
