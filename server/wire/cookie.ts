/**
 * Server cookies (RFC 7873, made as RFC 9018 §4 has it): whoever sends one back has received a reply at its address. They
 * are handed out and renewed; nobody is refused for want of one.
 *
 *   +-------------------+-------------+--------------+---------------+-----------------------------------------+
 *   | client cookie (8) | version (1) | reserved (3) | timestamp (4) | SipHash-2-4 of all before, address (8)  |
 *   +-------------------+-------------+--------------+---------------+-----------------------------------------+
 *
 * The secret of a day is derived from one that is random at the start and that all threads have; a timestamp says which day's
 * secret it was. So secrets change without a word between threads, and the one before stays good as long as its cookies.
 * Secrets that are configured, for several servers at one address, are taken as they are.
 */
import { createHmac, randomBytes } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import type { Peer } from './query.ts'
import { HASH_BYTES, sipHash, sipKey } from './siphash.ts'

export const CLIENT_COOKIE_BYTES = 8
/** Client and server part. */
export const COOKIE_BYTES = 24
const VERSION = 1
export const VERSION_AT = CLIENT_COOKIE_BYTES
const TIME_AT = 12
const HASH_AT = 16
/** RFC 9018 §4.3. An older one is replaced; that it is good, up to an hour, only matters to who asks for nothing else. */
const RENEW_AFTER_S = 1800
const GOOD_FOR_S = 3600
const MAX_AHEAD_S = 300
/** RFC 9018 §5: a secret a day. */
const SECRET_LIFE_S = 86_400

let root: Uint8Array = randomBytes(32)
/** The secrets of an even and of an odd day, and which days these are: times that are good lie in two at most. */
const keys: Int32Array[] = [new Int32Array(4), new Int32Array(4)]
const days = [-1, -1]

/** What secrets are derived from, for other threads. */
export function cookieRoot(): Uint8Array {
  return root
}

/** Takes the root of the main thread. */
export function setCookieRoot(octets: Uint8Array): void {
  root = octets
  days.fill(-1)
}

/** The first makes cookies, each is good; empty: those of the days. */
let configured: readonly Int32Array[] = []

/** Takes secrets of 16 octets in the place of those of the days; none gives these back. */
export function setCookieSecrets(secrets: readonly Uint8Array[]): void {
  configured = secrets.map(sipKey)
}

let clockS = 0
let clockAtMs = Number.NEGATIVE_INFINITY

/** Unix time in seconds at `atMs` of the monotonic clock, as it was within the last second. */
export function unixTime(atMs: number): number {
  if (Math.abs(atMs - clockAtMs) >= 1000) {
    clockAtMs = atMs
    clockS = Math.floor(Date.now() / 1000)
  }
  return clockS
}

/** The secret that is configured, or that of a day since 1970. */
function secretOf(day: number): Int32Array {
  if (configured.length > 0) return configured[0]!
  const slot = day & 1
  if (days[slot] !== day) {
    keys[slot] = sipKey(createHmac('sha256', root).update(`cookies of day ${day}`).digest())
    days[slot] = day
  }
  return keys[slot]!
}

/** What is hashed: a cookie up to its hash, and the client's address behind it (RFC 9018 §4.4). */
const hashed = new Uint8Array(HASH_AT + 16)
const hash = new Uint8Array(HASH_BYTES)

/**
 * Writes the cookie of `peer` at `at` of `out`: its own, if that is good and no older than half an hour, else a fresh one.
 * `cookie` is what the client sent, `length` octets of it, 8 or 24; `nowS` Unix time. Returns where it ends.
 */
export function writeCookie(
  cookie: Uint8Array,
  length: number,
  peer: Peer,
  out: Uint8Array,
  at: number,
  nowS: number,
  secret: (day: number) => Int32Array = secretOf,
): number {
  const octets = HASH_AT + writeAddress(peer)
  const end = at + COOKIE_BYTES
  if (length === COOKIE_BYTES && isOurs(cookie, octets, RENEW_AFTER_S, nowS, secret)) {
    for (let i = 0; i < COOKIE_BYTES; i++) out[at + i] = cookie[i]!
    return end
  }
  for (let i = 0; i < CLIENT_COOKIE_BYTES; i++) hashed[i] = cookie[i]!
  hashed.fill(0, VERSION_AT, HASH_AT)
  hashed[VERSION_AT] = VERSION
  for (let i = 0; i < 4; i++) hashed[TIME_AT + i] = (nowS / 2 ** (24 - 8 * i)) & 255
  for (let i = 0; i < HASH_AT; i++) out[at + i] = hashed[i]!
  sipHash(secret(dayOf(nowS)), hashed, octets, out, at + HASH_AT)
  return end
}

/** True if the 24 octets of `cookie` are good for `peer`: ours, and no older than an hour. */
export function isGoodCookie(cookie: Uint8Array, peer: Peer, nowS: number, secret = secretOf): boolean {
  return isOurs(cookie, HASH_AT + writeAddress(peer), GOOD_FOR_S, nowS, secret)
}

/** `octets` of `hashed` are to be hashed, the client's address among them. */
function isOurs(
  cookie: Uint8Array,
  octets: number,
  maxAgeS: number,
  nowS: number,
  secret: (day: number) => Int32Array,
): boolean {
  if (cookie[VERSION_AT] !== VERSION) return false
  const ageS = (nowS - readTime(cookie)) | 0 // as serial numbers are compared, RFC 9018 §4.3
  if (ageS > maxAgeS || ageS < -MAX_AHEAD_S) return false
  for (let i = 0; i < HASH_AT; i++) hashed[i] = cookie[i]!
  sipHash(secret(dayOf(nowS - ageS)), hashed, octets, hash, 0)
  for (let next = 1; !isHashOf(cookie); next++) {
    if (next >= configured.length) return false
    sipHash(configured[next]!, hashed, octets, hash, 0)
  }
  return true
}

const dayOf = (timeS: number): number => Math.floor(timeS / SECRET_LIFE_S)

function readTime(cookie: Uint8Array): number {
  const at = TIME_AT
  return (cookie[at]! << 24) | (cookie[at + 1]! << 16) | (cookie[at + 2]! << 8) | cookie[at + 3]!
}

/** True if the hash at the end of the cookie is the one that was just made. Looks at all of it, wherever it differs. */
function isHashOf(cookie: Uint8Array): boolean {
  let difference = 0
  for (let i = 0; i < HASH_BYTES; i++) difference |= cookie[HASH_AT + i]! ^ hash[i]!
  return difference === 0
}

/** Puts the client's address behind what is hashed. Returns its octets, 4 or 16; 0 for a connection that is gone already. */
function writeAddress(peer: Peer): number {
  if (peer.writeAddress !== undefined) return peer.writeAddress(hashed, HASH_AT)
  if (!ipaddr.isValid(peer.address)) return 0
  const octets = ipaddr.parse(peer.address).toByteArray()
  hashed.set(octets, HASH_AT)
  return octets.length
}
