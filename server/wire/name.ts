/**
 * Domain names. In memory a name has one form: wire format, uncompressed, lower case, ending in the root label
 * (RFC 1035 §3.1, case folded as RFC 4343 says). As text it is absolute, ends in a dot, and escapes what a zone file
 * would have to escape (RFC 1035 §5.1). Only the question keeps the client's spelling, and that in its message.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/** Wire format, uncompressed, lower case, root label included: 1 to 255 octets. */
export type Name = Uint8Array

export const MAX_NAME_BYTES = 255 // RFC 1035 §2.3.4
export const MAX_LABEL_BYTES = 63 // RFC 1035 §2.3.4
export const MAX_LABELS = 127 // what fits in 255 octets, the root not counted
export const POINTER_BYTES = 2 // RFC 1035 §4.1.4: what stands for a name that was in the message before

/** Lower case of each octet: ASCII letters only (RFC 4343 §3). */
export const LOWER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 65 && octet <= 90 ? octet + 32 : octet))

/**
 * Names come from strangers: a secret start makes it hard to choose names that collide. All threads have that of the main
 * one, whose data they are given as they start: they read the same tables.
 */
const SEED_KEY = 'sextant hash seed'
const HASH_SEED = (getEnvironmentData(SEED_KEY) as number | undefined) ?? randomInt(0x7fffffff)
setEnvironmentData(SEED_KEY, HASH_SEED)
/** The hash of the root, the start of every name's hash. */
export const ROOT_HASH = HASH_SEED

/** One step of a label's hash; start with `HASH_START`, octets in lower case. */
export function hashOctet(hash: number, octet: number): number {
  const h = Math.imul(hash ^ octet, 0x5bd1e995)
  return h ^ (h >>> 15)
}
export const HASH_START = HASH_SEED ^ 0x2545f491

/** The hash of a name from that of what follows its first label and that of its first label. */
export function hashJoin(parent: number, label: number): number {
  const h = Math.imul((parent << 5) ^ (parent >>> 27) ^ label, 0x27d4eb2d)
  return h ^ (h >>> 13)
}

/** Hash of one label (octets `from` up to `to`), any case. */
export function hashLabel(bytes: Uint8Array, from: number, to: number): number {
  let hash = HASH_START
  for (let i = from; i < to; i++) hash = hashOctet(hash, LOWER[bytes[i]!]!)
  return hash
}

/** Hash of a whole name, the same that a query's `suffixHash` holds for it. */
export function hashName(name: Name): number {
  const labels: number[] = []
  for (let at = 0; name[at]! > 0; at += name[at]! + 1) labels.push(hashLabel(name, at + 1, at + 1 + name[at]!))
  return labels.reduceRight(hashJoin, ROOT_HASH)
}

/** Number of labels, the root not counted. */
export function countLabels(name: Name): number {
  let labels = 0
  for (let at = 0; name[at]! > 0; at += name[at]! + 1) labels++
  return labels
}

/** Octets of the uncompressed name that starts at `at`, root label included. */
export function nameLength(bytes: Uint8Array, at: number): number {
  let end = at
  while (bytes[end]! > 0) end += bytes[end]! + 1
  return end + 1 - at
}

/** True if `name` is `zone` or below it. */
export function isWithin(name: Name, zone: Name): boolean {
  for (let at = 0; name.length - at >= zone.length; at += name[at]! + 1) {
    if (name.length - at === zone.length) return equalOctets(name, at, zone, 0, zone.length)
  }
  return false
}

/** True if the `length` octets at both places are the same. */
export function equalOctets(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false
  return true
}

/**
 * The name that a text stands for, with or without its final dot, escapes as in a zone file.
 * @throws RangeError with the reason: an empty or too long label, a name over 255 octets, a broken escape.
 */
export function nameFromText(text: string): Name {
  if (text === '.' || text === '') return Uint8Array.of(0)
  const octets = Buffer.from(text, 'utf8')
  const name = new Uint8Array(octets.length + 2)
  let labelAt = 0
  let to = 1
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!
    if (octet === 0x2e) {
      labelAt = closeLabel(name, labelAt, to, text)
      to = labelAt + 1
    } else if (octet === 0x5c) {
      const escaped = readEscape(octets, i, text)
      name[to++] = LOWER[escaped.octet]!
      i += escaped.length
    } else name[to++] = LOWER[octet]!
  }
  if (to > labelAt + 1) labelAt = closeLabel(name, labelAt, to, text)
  if (labelAt + 1 > MAX_NAME_BYTES) {
    throw new RangeError(`name "${text}" has ${labelAt + 1} octets, expected at most ${MAX_NAME_BYTES}`)
  }
  return name.slice(0, labelAt + 1)
}

/** The name that labels as text, between dots, have below a zone. @throws RangeError as `nameFromText` does */
export function nameBelow(zone: Name, labels: string): Name {
  return nameFromText(zone.length === 1 ? labels : `${labels}.${nameToText(zone)}`)
}

const UNGUESSABLE_BYTES = 2 * 17 // two labels of 16 letters

/** A name below a zone that nobody can guess: two labels of 64 random bits each. Undefined where it has no room. */
export function unguessableBelow(zone: Name): Name | undefined {
  if (zone.length + UNGUESSABLE_BYTES > MAX_NAME_BYTES) return undefined
  return nameBelow(zone, `${randomBytes(8).toString('hex')}.${randomBytes(8).toString('hex')}`)
}

function closeLabel(name: Uint8Array, labelAt: number, to: number, text: string): number {
  const length = to - labelAt - 1
  if (length === 0) throw new RangeError(`name "${text}" has an empty label`)
  if (length > MAX_LABEL_BYTES) {
    throw new RangeError(`name "${text}" has a label of ${length} octets, expected at most ${MAX_LABEL_BYTES}`)
  }
  name[labelAt] = length
  return to
}

/** `\DDD` or `\X` at `at`: the octet, and how many octets follow the backslash (RFC 1035 §5.1). */
function readEscape(octets: Uint8Array, at: number, text: string): { octet: number; length: number } {
  const digits = /^\d{3}/.exec(String.fromCharCode(...octets.subarray(at + 1, at + 4)))
  if (digits) {
    const octet = Number(digits[0])
    if (octet > 255) throw new RangeError(`name "${text}" has the escape "\\${digits[0]}", expected at most "\\255"`)
    return { octet, length: 3 }
  }
  const octet = octets[at + 1]
  if (octet === undefined) throw new RangeError(`name "${text}" ends in a backslash`)
  return { octet, length: 1 }
}

/** Text of the uncompressed name at `at`: absolute, with final dot, special and unprintable octets escaped. */
export function nameToText(bytes: Uint8Array, at = 0): string {
  if (bytes[at] === 0) return '.'
  let text = ''
  for (; bytes[at]! > 0; at += bytes[at]! + 1) text += `${labelToText(bytes, at)}.`
  return text
}

/** Text of the label at `at`, escaped likewise. */
export function labelToText(bytes: Uint8Array, at: number): string {
  const end = at + 1 + bytes[at]!
  let text = ''
  for (let i = at + 1; i < end; i++) text += OCTET_TEXT[bytes[i]!]
  return text
}

const OCTET_TEXT: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(octet)
  if ('.\\"();@$'.includes(character)) return `\\${character}`
  return octet > 0x20 && octet < 0x7f ? character : `\\${String(octet).padStart(3, '0')}`
})
