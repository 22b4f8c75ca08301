/**
 * EDNS(0), RFC 6891: reads the OPT of a query, writes that of a reply. A reply's OPT is always the server's own:
 * nothing that a client put into its OPT comes back but the DO bit.
 *
 *   +----------+------+--------------+-----------------------------+-------+-------------------+
 *   | root (1) | type | UDP size (2) | ext. rcode, version, DO|Z   | rdlen | options: code,    |
 *   |          |  41  |              | (1)         (1)     (2)     |  (2)  | length, data …    |
 *   +----------+------+--------------+-----------------------------+-------+-------------------+
 */
import { OPTION, TYPE } from './codes.ts'
import type { Query } from './query.ts'

export const OPT_BYTES = 11 // RFC 6891 §6.1.2, without options
/** What this server says it takes, and the most it sends by default (DNS flag day 2020; RFC 9715 §3.2). */
export const DEFAULT_UDP_BYTES = 1232
export const MIN_UDP_BYTES = 512 // RFC 1035 §4.2.1; RFC 6891 §6.2.3 treats less as this
/** A UDP reply has at most this many octets for each one of the query's: no amplifier for those who forge addresses. */
const MAX_AMPLIFICATION = 25
const DO_BIT = 0x80 // of the first Z octet, RFC 3225 §3

/** Most octets of a UDP reply: what the client takes, what we allow (`udpBytes`), and what its query is worth. */
export function datagramLimit(q: Query, udpBytes: number): number {
  if (!q.hasOpt) return MIN_UDP_BYTES
  return Math.min(q.udpSize, udpBytes, Math.max(MIN_UDP_BYTES, MAX_AMPLIFICATION * q.length))
}

/** Reads the OPT whose TYPE field is at `at`. False where it, or an option with a rule of its own, is malformed. */
export function readOpt(q: Query, at: number, end: number): boolean {
  const { bytes } = q
  q.hasOpt = true
  q.udpSize = Math.max(MIN_UDP_BYTES, (bytes[at + 2]! << 8) | bytes[at + 3]!)
  q.ednsVersion = bytes[at + 5]!
  q.dnssecOk = (bytes[at + 6]! & DO_BIT) !== 0
  const length = (bytes[at + 8]! << 8) | bytes[at + 9]!
  let option = at + 10
  const stop = option + length
  if (stop > end) return false
  if (q.ednsVersion !== 0) return true // the options of another version are not ours to judge
  while (option < stop) {
    if (option + 4 > stop) return false
    const code = (bytes[option]! << 8) | bytes[option + 1]!
    const size = (bytes[option + 2]! << 8) | bytes[option + 3]!
    option += 4
    if (option + size > stop || !isWellFormed(bytes, code, option, size)) return false
    if (code === OPTION.PADDING) q.wantsPadding = true
    option += size
  }
  return true
}

function isWellFormed(bytes: Uint8Array, code: number, at: number, size: number): boolean {
  if (code === OPTION.COOKIE) return size === 8 || (size >= 16 && size <= 40) // RFC 7873 §5.2.2
  if (code !== OPTION.CLIENT_SUBNET) return true
  if (size < 4) return false // RFC 7871 §6
  const family = (bytes[at]! << 8) | bytes[at + 1]!
  const prefix = bytes[at + 2]!
  if (family === 0) return prefix === 0 && size === 4
  if ((family !== 1 && family !== 2) || prefix > (family === 1 ? 32 : 128)) return false
  return size - 4 === Math.ceil(prefix / 8)
}

/** Octets of the OPT that `writeOpt` will write. */
export function optBytes(extendedError: number, errorText: string): number {
  return extendedError < 0 ? OPT_BYTES : OPT_BYTES + 6 + Buffer.byteLength(errorText)
}

/**
 * Writes the reply's OPT at `at`: the server's own size, the extended rcode's upper 8 bits, the query's DO, and an
 * extended error where there is one (RFC 8914 §2). Returns where it ends.
 */
export function writeOpt(
  out: Uint8Array,
  at: number,
  size: number,
  rcode: number,
  dnssecOk: boolean,
  extendedError: number,
  errorText: string,
): number {
  out[at] = 0
  out[at + 1] = 0
  out[at + 2] = TYPE.OPT
  out[at + 3] = size >> 8
  out[at + 4] = size & 255
  out[at + 5] = rcode >> 4
  out[at + 6] = 0 // version
  out[at + 7] = dnssecOk ? DO_BIT : 0 // RFC 3225 §3: copied
  out[at + 8] = 0
  out[at + 9] = 0
  out[at + 10] = 0
  if (extendedError < 0) return at + OPT_BYTES
  const text = Buffer.from(errorText)
  const length = 6 + text.length
  out[at + 9] = length >> 8
  out[at + 10] = length & 255
  out[at + 11] = 0
  out[at + 12] = OPTION.EXTENDED_ERROR
  out[at + 13] = (text.length + 2) >> 8
  out[at + 14] = (text.length + 2) & 255
  out[at + 15] = extendedError >> 8
  out[at + 16] = extendedError & 255
  out.set(text, at + 17)
  return at + OPT_BYTES + length
}
