/**
 * The options of a reply's OPT: the client's cookie (RFC 7873), how long an idle connection stays (RFC 7828), which server
 * this is (RFC 5001), and what went wrong (RFC 8914). Each at most once, and only for who can read it. No padding: what
 * is not encrypted hides nothing (RFC 7830 §6).
 */
import type { Answer } from './answer.ts'
import { OPTION } from './codes.ts'
import { CLIENT_COOKIE_BYTES, COOKIE_BYTES, unixTime, writeCookie } from './cookie.ts'
import { ASKED, OPT_BYTES, writeOpt } from './edns.ts'
import type { Query } from './query.ts'

const OPTION_HEAD_BYTES = 4
const KEEPALIVE_BYTES = OPTION_HEAD_BYTES + 2
const EDE_BYTES = OPTION_HEAD_BYTES + 2
const LENGTH_AT = 9 // of the options, in an OPT
const KEEPALIVE_UNIT_MS = 100 // RFC 7828 §3.1

/** Octets of what the next reply has of each, as `optBytes` found room for them. */
let nsidBytes = 0
let textBytes = 0

/**
 * Octets of the OPT that `writeReplyOpt` will write for the same reply, to be set aside before any record. Within `room`
 * octets: where it is short, the text of an error goes first, then the server's name.
 */
export function optBytes(q: Query, a: Answer, room: number): number {
  nsidBytes = 0
  textBytes = 0
  if (q.options === 0 && a.extendedError < 0) return OPT_BYTES
  let octets = OPT_BYTES
  if ((q.options & ASKED.COOKIE) !== 0) octets += OPTION_HEAD_BYTES + COOKIE_BYTES
  if (tellsKeepalive(q)) octets += KEEPALIVE_BYTES
  if (a.extendedError >= 0) octets += EDE_BYTES
  const nsid = (q.options & ASKED.NSID) === 0 ? undefined : q.block?.nsid
  if (nsid !== undefined && octets + OPTION_HEAD_BYTES + nsid.length <= room) {
    nsidBytes = OPTION_HEAD_BYTES + nsid.length
    octets += nsidBytes
  }
  if (a.extendedError >= 0 && octets + a.extendedErrorText.length <= room) textBytes = a.extendedErrorText.length
  return octets + textBytes
}

/** Over a stream whose time is known, to those who asked (RFC 7828 §3.3.2). */
function tellsKeepalive(q: Query): boolean {
  return (q.options & ASKED.KEEPALIVE) !== 0 && q.stream && q.peer.idleMs !== undefined
}

/** Writes the reply's OPT at `at`; `optBytes` was called for it. `size` is the server's own. Returns where it ends. */
export function writeReplyOpt(q: Query, a: Answer, out: Uint8Array, at: number, size: number): number {
  const optionsAt = writeOpt(out, at, size, a.rcode, q.dnssecOk)
  if (q.options === 0 && a.extendedError < 0) return optionsAt
  let to = optionsAt
  if ((q.options & ASKED.COOKIE) !== 0) {
    const length = (q.options & ASKED.SERVER_COOKIE) === 0 ? CLIENT_COOKIE_BYTES : COOKIE_BYTES
    to = writeHead(out, to, OPTION.COOKIE, COOKIE_BYTES)
    to = writeCookie(q.cookie, length, q.peer, out, to, unixTime(q.receivedAtMs))
  }
  if (tellsKeepalive(q)) {
    to = writeHead(out, to, OPTION.TCP_KEEPALIVE, 2)
    to = put16(out, to, Math.min(0xffff, Math.floor(q.peer.idleMs! / KEEPALIVE_UNIT_MS)))
  }
  if (nsidBytes > 0) {
    const nsid = q.block!.nsid!
    to = writeHead(out, to, OPTION.NSID, nsid.length)
    out.set(nsid, to)
    to += nsid.length
  }
  if (a.extendedError >= 0) to = writeError(a, out, to)
  put16(out, at + LENGTH_AT, to - optionsAt)
  return to
}

/** An extended error (RFC 8914 §2). Its text is ASCII, or becomes it. */
function writeError(a: Answer, out: Uint8Array, at: number): number {
  const to = put16(out, writeHead(out, at, OPTION.EXTENDED_ERROR, 2 + textBytes), a.extendedError)
  const text = a.extendedErrorText
  for (let i = 0; i < textBytes; i++) {
    const code = text.charCodeAt(i)
    out[to + i] = code < 0x80 ? code : 0x3f
  }
  return to + textBytes
}

function writeHead(out: Uint8Array, at: number, code: number, length: number): number {
  return put16(out, put16(out, at, code), length)
}

function put16(out: Uint8Array, at: number, value: number): number {
  out[at] = value >> 8
  out[at + 1] = value & 255
  return at + 2
}
