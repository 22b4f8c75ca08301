/**
 * The names and addresses of a hosts file, looked up by the query's hashes. A table is filled once, line by line, and
 * does not change any more; a changed file makes a new one. Flat: rows of numbers, and octets, in chunks of memory, so that
 * 100,000 lines leave nothing for the collector to walk.
 *
 *   host    hash, place of its name, its octets and flags, next host of the same bucket, then the last record of each list
 *   record  place of an address, or the host that an address has for a name; next record of the list, the last one
 *           leading to the first; host; next record of the same bucket
 */
import { QUESTION, type Query, type Section } from '../../server/plugin.ts'
import type { ZoneSet } from '../../server/route.ts'
import { TYPE } from '../../server/wire/codes.ts'
import {
  equalOctets,
  hashJoin,
  hashLabel,
  isWithin,
  MAX_NAME_BYTES,
  type Name,
  ROOT_HASH,
} from '../../server/wire/name.ts'
import { addressBytes, nameOf, reverseName, V4_BYTES, V6_BYTES } from './line.ts'
import { Octets, Rows } from './memory.ts'

const HASH = 0
const NAME_AT = 1
/** Octets of the name, then the flags. */
const LENGTH = 2
const NEXT_HOST = 3
const ADDRESSES_4 = 4
const ADDRESSES_6 = 5
const POINTERS = 6
const HOST_WORDS = 7

const LENGTH_MASK = 0xff
/** It stands in a line; without it, it only has names below it. */
const IS_NAMED = 1 << 8
/** It stands for `*.` and this name. */
const IS_WILDCARD = 1 << 9
const WILDCARD_BYTES = 2 // its first label

const DATA = 0
const NEXT = 1
const OWNER = 2
const NEXT_RECORD = 3
const RECORD_WORDS = 4

const MIN_BUCKETS = 16
/** Octets of a hosts file to a bucket: a line has a name or two, names above them, and the name of its address. */
const BUCKET_BYTES = 16
/** More records than this fit no reply (RFC 1035 §4.2.2): none has fewer than 16 octets, but for a few. */
const MAX_RECORDS = 4200

/** A host is known by its row, 0 being none. */
export type Host = number

export class HostsTable {
  readonly #zones: ZoneSet
  readonly #reverse: boolean
  readonly #octets = new Octets()
  readonly #hosts = new Rows(HOST_WORDS)
  readonly #records = new Rows(RECORD_WORDS)
  readonly #hostHeads: Int32Array
  /** Addresses by host and octets. */
  readonly #recordHeads: Int32Array
  #hasWildcards = false
  readonly #labelAts = new Uint8Array(128)
  /** How many addresses of names and names of addresses there are. */
  entries = 0

  /**
   * @param zones names outside of them are left out
   * @param reverse whether names are to be found by address
   * @param textBytes about how much text it will be filled from
   */
  constructor(zones: ZoneSet, reverse: boolean, textBytes: number) {
    let buckets = MIN_BUCKETS
    while (buckets * BUCKET_BYTES < textBytes) buckets *= 2
    this.#hostHeads = new Int32Array(buckets)
    this.#recordHeads = new Int32Array(buckets)
    this.#zones = zones
    this.#reverse = reverse
  }

  /** Takes one line: an address and its names, as text. What is no address or no name is passed over. */
  add(address: string, names: readonly string[]): void {
    const bytes = addressBytes(address)
    if (bytes === undefined) return
    const addressAt = this.#octets.add(Uint8Array.of(bytes.length, ...bytes), 0, bytes.length + 1) + 1
    let reverse = 0
    for (const text of names) {
      const name = nameOf(text)
      if (name === undefined) continue
      const host = this.#addName(name)
      if (host === 0 || !this.#addAddress(host, bytes, addressAt)) continue // RFC 2181 §5: a set has no record twice
      this.entries++
      if (!this.#reverse || this.#is(host, IS_WILDCARD)) continue
      reverse ||= this.#ensureReverse(bytes)
      this.#append(reverse, POINTERS, host)
      this.entries++
    }
  }

  /** The query's name, if there is anything at or below it. */
  find(q: Query): Host {
    return this.#lookUp(q, 0, 0)
  }

  /** The wildcard that covers the query's name: it stands for one label. */
  findWildcard(q: Query): Host {
    return this.#hasWildcards && q.labelCount > 0 ? this.#lookUp(q, 1, IS_WILDCARD) : 0
  }

  /** A line has it, it does not only have names below it. */
  isNamed(host: Host): boolean {
    return host !== 0 && this.#is(host, IS_NAMED)
  }

  hasPointers(host: Host): boolean {
    return host !== 0 && this.#hosts.get(host, POINTERS) !== 0
  }

  /** Adds its addresses of a family to a section, owned by the question. Returns how many there are. */
  addAddresses(section: Section, host: Host, type: number, ttl: number): number {
    if (host === 0) return 0
    const [list, size] = type === TYPE.A ? [ADDRESSES_4, V4_BYTES] : [ADDRESSES_6, V6_BYTES]
    return this.#each(host, list, data => {
      section.add(QUESTION, 0, type, ttl, this.#octets.memory(data), this.#octets.at(data), size)
    })
  }

  /** Adds the names that it, the name of an address, has. */
  addPointers(section: Section, host: Host, ttl: number): void {
    this.#each(host, POINTERS, name => {
      const at = this.#hosts.get(name, NAME_AT)
      section.add(QUESTION, 0, TYPE.PTR, ttl, this.#octets.memory(at), this.#octets.at(at), this.#lengthOf(name))
    })
  }

  /** Tells the data of each record of a list, in the order of the lines, as many as a reply may hold. */
  #each(host: Host, list: number, tell: (data: number) => void): number {
    const last = this.#hosts.get(host, list)
    let count = 0
    for (let record = last; record !== 0 && count < MAX_RECORDS; ) {
      record = this.#records.get(record, NEXT)
      tell(this.#records.get(record, DATA))
      count++
      if (record === last) break
    }
    return count
  }

  /** The host of the name of an address, whatever zone that is in. */
  #ensureReverse(address: Uint8Array): Host {
    const name = reverseName(address)
    return this.#ensureAll(name, name.length, false)
  }

  #is(host: Host, flag: number): boolean {
    return (this.#hosts.get(host, LENGTH) & flag) !== 0
  }

  #lengthOf(host: Host): number {
    return this.#hosts.get(host, LENGTH) & LENGTH_MASK
  }

  #lookUp(q: Query, label: number, wildcard: number): Host {
    const at = q.labelAt[label]!
    return this.#find(q.suffixHash[label]!, q.qname, at, q.qnameLength - at, wildcard)
  }

  #find(hash: number, bytes: Uint8Array, at: number, length: number, wildcard: number): Host {
    const hosts = this.#hosts
    for (let host = this.#hostHeads[this.#bucket(hash)]!; host !== 0; host = hosts.get(host, NEXT_HOST)) {
      if (hosts.get(host, HASH) !== hash) continue
      const word = hosts.get(host, LENGTH)
      if ((word & LENGTH_MASK) !== length || (word & IS_WILDCARD) !== wildcard) continue
      const nameAt = hosts.get(host, NAME_AT)
      if (equalOctets(this.#octets.memory(nameAt), this.#octets.at(nameAt), bytes, at, length)) return host
    }
    return 0
  }

  #bucket(hash: number): number {
    return (hash ^ (hash >>> 16)) & (this.#hostHeads.length - 1)
  }

  /** The host of a name in a line; what has names below it exists, too (RFC 8020). 0 outside of the zones. */
  #addName(name: Name): Host {
    const shortest = shortestZone(this.#zones.names, name)
    if (shortest > name.length) return 0
    const isWildcard = name[0] === 1 && name[1] === 0x2a
    const host = this.#ensureAll(name, shortest, isWildcard)
    this.#hosts.set(host, LENGTH, this.#hosts.get(host, LENGTH) | IS_NAMED)
    return host
  }

  /** The host of a name. It and those of all names above it that have `shortest` octets or more are made if need be. */
  #ensureAll(name: Name, shortest: number, isWildcard: boolean): Host {
    const ats = this.#labelAts
    let labels = 0
    for (let at = 0; name[at]! > 0; at += name[at]! + 1) ats[labels++] = at
    let nameAt = 0
    let hash = ROOT_HASH
    let host = 0
    for (let label = labels; label >= 0; label--) {
      const at = label === labels ? name.length - 1 : ats[label]!
      if (label < labels) {
        if (isWildcard && label === 0) break
        hash = hashJoin(hash, hashLabel(name, at + 1, at + 1 + name[at]!))
      }
      const length = name.length - at
      if (length < shortest) continue
      host = this.#find(hash, name, at, length, 0)
      if (host !== 0) continue
      nameAt ||= this.#octets.add(name, 0, name.length)
      host = this.#make(hash, nameAt + at, length)
    }
    return isWildcard ? this.#ensureWildcard(hash, name) : host
  }

  /** @param hash of what follows the asterisk */
  #ensureWildcard(hash: number, name: Name): Host {
    this.#hasWildcards = true
    const [at, length] = [WILDCARD_BYTES, name.length - WILDCARD_BYTES]
    const known = this.#find(hash, name, at, length, IS_WILDCARD)
    return known === 0 ? this.#make(hash, this.#octets.add(name, at, length), length | IS_WILDCARD) : known
  }

  #make(hash: number, nameAt: number, lengthWord: number): Host {
    const hosts = this.#hosts
    const host = hosts.add()
    const bucket = this.#bucket(hash)
    hosts.set(host, HASH, hash)
    hosts.set(host, NAME_AT, nameAt)
    hosts.set(host, LENGTH, lengthWord)
    hosts.set(host, NEXT_HOST, this.#hostHeads[bucket]!)
    this.#hostHeads[bucket] = host
    return host
  }

  /** False if the host has it. */
  #addAddress(host: Host, address: Uint8Array, addressAt: number): boolean {
    const records = this.#records
    const bucket = this.#bucket(hashLabel(address, 0, address.length) ^ Math.imul(host, 0x9e3779b1))
    for (let record = this.#recordHeads[bucket]!; record !== 0; record = records.get(record, NEXT_RECORD)) {
      if (records.get(record, OWNER) !== host) continue
      const known = records.get(record, DATA)
      if (known === addressAt || this.#isAt(known, address)) return false
    }
    const made = this.#append(host, address.length === V4_BYTES ? ADDRESSES_4 : ADDRESSES_6, addressAt)
    records.set(made, OWNER, host)
    records.set(made, NEXT_RECORD, this.#recordHeads[bucket]!)
    this.#recordHeads[bucket] = made
    return true
  }

  /** Each address stands behind its length. */
  #isAt(place: number, address: Uint8Array): boolean {
    const [memory, at] = [this.#octets.memory(place), this.#octets.at(place)]
    return memory[at - 1] === address.length && equalOctets(memory, at, address, 0, address.length)
  }

  /** Adds a record at the end of a list. */
  #append(host: Host, list: number, data: number): number {
    const records = this.#records
    const made = records.add()
    const last = this.#hosts.get(host, list)
    records.set(made, DATA, data)
    records.set(made, NEXT, last === 0 ? made : records.get(last, NEXT))
    if (last !== 0) records.set(last, NEXT, made)
    this.#hosts.set(host, list, made)
    return made
  }
}

/** Octets of the shortest zone that a name is in; more than a name has if it is in none. */
function shortestZone(zones: readonly Name[], name: Name): number {
  let shortest = MAX_NAME_BYTES + 1
  for (const zone of zones) if (zone.length < shortest && isWithin(name, zone)) shortest = zone.length
  return shortest
}
