/**
 * EDNS(0), RFC 6891: reads the OPT of a query. What a reply's OPT says is in edns-reply.ts: nothing that a client put into
 * its own comes back but the DO bit and its cookie.
 *
 *   +----------+------+--------------+-----------------------------+-------+-------------------+
 *   | root (1) | type | UDP size (2) | ext. rcode, version, DO|Z   | rdlen | options: code,    |
 *   |          |  41  |              | (1)         (1)     (2)     |  (2)  | length, data …    |
 *   +----------+------+--------------+-----------------------------+-------+-------------------+
 */
import { OPTION, TYPE } from './codes.ts'
import { CLIENT_COOKIE_BYTES, COOKIE_BYTES, VERSION_AT } from './cookie.ts'
import type { Query } from './query.ts'

export const OPT_BYTES = 11 // RFC 6891 §6.1.2, without options
/** What this server says it takes, and the most it sends by default (DNS flag day 2020; RFC 9715 §3.1, §3.2). */
export const DEFAULT_UDP_BYTES = 1232
export const MIN_UDP_BYTES = 512 // RFC 1035 §4.2.1; RFC 6891 §6.2.3 treats less as this
/** A UDP reply has at most this many octets for each one of the query's: no amplifier for those who forge addresses. */
const MAX_AMPLIFICATION = 25
const DO_BIT = 0x80 // of the first Z octet, RFC 3225 §3

/** Options of a query that a reply has to do with, as bits of `Query.options`. */
export const ASKED = { COOKIE: 1, SERVER_COOKIE: 2, KEEPALIVE: 4, NSID: 8, PADDING: 16 } as const

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
    if (option + size > stop) return false
    if (!isLaterCookie(q, code) && !isWellFormed(bytes, code, option, size)) return false
    note(q, code, option, size)
    option += size
  }
  return true
}

/** Of several cookies the first one counts, whatever the others look like (RFC 7873 §5.2). */
function isLaterCookie(q: Query, code: number): boolean {
  return code === OPTION.COOKIE && (q.options & ASKED.COOKIE) !== 0
}

/** Notes an option that matters to the reply. */
function note(q: Query, code: number, at: number, size: number): void {
  if (code === OPTION.NSID) q.options |= ASKED.NSID
  else if (code === OPTION.TCP_KEEPALIVE) q.options |= ASKED.KEEPALIVE
  else if (code === OPTION.PADDING) q.options |= ASKED.PADDING
  else if (code === OPTION.COOKIE && !isLaterCookie(q, code)) {
    q.options |= size === CLIENT_COOKIE_BYTES ? ASKED.COOKIE : ASKED.COOKIE | ASKED.SERVER_COOKIE
    for (let i = 0; i < size && i < COOKIE_BYTES; i++) q.cookie[i] = q.bytes[at + i]!
    if (size !== COOKIE_BYTES) q.cookie[VERSION_AT] = 0 // a server part of another length is none of ours
  }
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

/**
 * Writes an OPT without options at `at`: a size, the extended rcode's upper 8 bits, version 0, DO. Returns where it ends.
 */
export function writeOpt(out: Uint8Array, at: number, size: number, rcode: number, dnssecOk: boolean): number {
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
  return at + OPT_BYTES
}
