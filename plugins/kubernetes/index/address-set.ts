/**
 * The addresses of one object, as they stand in its block, and the chains that lead to them by address. IPv4 addresses
 * stand first, then IPv6; each has a link, by which all addresses of one hash, of whatever object, form a chain.
 *
 *   word 0      1            2            then             then, per address
 *   owner block, IPv4 count, IPv6 count, the addresses,   next link, previous link, this set
 */
import { equalOctets } from '../../../server/wire/name.ts'
import { hashAddress } from './address.ts'
import type { Slab } from './slab.ts'
import { Table } from './table.ts'

export const HEAD_BYTES = 12
export const LINK_BYTES = 12

/** Octets of a set. */
export function addressSetBytes(count4: number, count6: number): number {
  return HEAD_BYTES + 4 * count4 + 16 * count6 + LINK_BYTES * (count4 + count6)
}

/** Lays out a set at `set`; the addresses are to be written to `addressAt`. */
export function beginAddressSet(words: Int32Array, set: number, owner: number, count4: number, count6: number): void {
  const at = set >> 2
  words[at] = owner
  words[at + 1] = count4
  words[at + 2] = count6
}

export function ownerOf(words: Int32Array, set: number): number {
  return words[set >> 2]!
}

export function count4(words: Int32Array, set: number): number {
  return words[(set >> 2) + 1]!
}

export function count6(words: Int32Array, set: number): number {
  return words[(set >> 2) + 2]!
}

/** Addresses of either family. */
export function addressCount(words: Int32Array, set: number): number {
  return count4(words, set) + count6(words, set)
}

/** Where address `i` stands. */
export function addressAt(words: Int32Array, set: number, i: number): number {
  const fours = words[(set >> 2) + 1]!
  return set + HEAD_BYTES + (i < fours ? 4 * i : 4 * fours + 16 * (i - fours))
}

/** 4 or 16. */
export function addressLength(words: Int32Array, set: number, i: number): number {
  return i < words[(set >> 2) + 1]! ? 4 : 16
}

function linksAt(words: Int32Array, set: number): number {
  const at = set >> 2
  return set + HEAD_BYTES + 4 * words[at + 1]! + 16 * words[at + 2]!
}

/** The set that a link belongs to. */
export function setOfLink(words: Int32Array, link: number): number {
  return words[(link >> 2) + 2]!
}

/** Which address of its set a link is. */
export function indexOfLink(words: Int32Array, set: number, link: number): number {
  return ((link - linksAt(words, set)) / LINK_BYTES) | 0
}

/** Links by hash: a table of first links, each leading to the next one of the same hash. */
export class Chains {
  readonly #slab: Slab
  readonly #heads: Table

  constructor(slab: Slab, root: number) {
    this.#slab = slab
    this.#heads = new Table(slab, root)
  }

  /** First link of the chain, 0 if there is none. The hash is all that the links of a chain have in common. */
  first(hash: number): number {
    const slot = this.#heads.first(hash)
    return slot === 0 ? 0 : this.#heads.block(slot)
  }

  next(link: number): number {
    return this.#slab.words[link >> 2]!
  }

  /** Makes room for a link. */
  reserve(hash: number): void {
    this.#heads.reserve(hash)
  }

  insert(hash: number, link: number, set: number): void {
    const slot = this.#heads.first(hash)
    const { words } = this.#slab
    const at = link >> 2
    const first = slot === 0 ? 0 : this.#heads.block(slot)
    words[at] = first
    words[at + 1] = 0
    words[at + 2] = set
    if (slot === 0) this.#heads.insert(hash, link)
    else {
      words[(first >> 2) + 1] = link
      this.#heads.setBlock(slot, link)
    }
  }

  remove(hash: number, link: number): void {
    const { words } = this.#slab
    const next = words[link >> 2]!
    const previous = words[(link >> 2) + 1]!
    if (next !== 0) words[(next >> 2) + 1] = previous
    if (previous !== 0) this.#slab.publish(previous >> 2, next)
    else if (next !== 0) this.#heads.setBlock(this.#heads.first(hash), next)
    else this.#heads.remove(hash, link)
  }
}

/** All addresses of one kind of object, by address. */
export class AddressIndex {
  readonly #slab: Slab
  readonly #chains: Chains

  constructor(slab: Slab, root: number) {
    this.#slab = slab
    this.#chains = new Chains(slab, root)
  }

  /** First link whose address is this one, 0 if there is none. */
  first(bytes: Uint8Array, at: number, length: number): number {
    return this.#matching(this.#chains.first(hashAddress(bytes, at, length)), bytes, at, length)
  }

  /** Next link of the same address. */
  next(link: number, bytes: Uint8Array, at: number, length: number): number {
    return this.#matching(this.#chains.next(link), bytes, at, length)
  }

  #matching(from: number, bytes: Uint8Array, at: number, length: number): number {
    const { words, bytes: slabBytes } = this.#slab
    for (let link = from; link !== 0; link = words[link >> 2]!) {
      const set = setOfLink(words, link)
      const i = indexOfLink(words, set, link)
      if (addressLength(words, set, i) !== length) continue
      if (equalOctets(slabBytes, addressAt(words, set, i), bytes, at, length)) return link
    }
    return 0
  }

  /** Makes room for all addresses of a set. */
  reserve(set: number): void {
    this.#each(set, hash => this.#chains.reserve(hash))
  }

  /** Enters all addresses of a set. */
  insert(set: number): void {
    this.#each(set, (hash, link) => this.#chains.insert(hash, link, set))
  }

  remove(set: number): void {
    this.#each(set, (hash, link) => this.#chains.remove(hash, link))
  }

  #each(set: number, tell: (hash: number, link: number) => void): void {
    const slab = this.#slab
    const fours = count4(slab.words, set)
    const count = addressCount(slab.words, set)
    let link = linksAt(slab.words, set)
    for (let i = 0; i < count; i++, link += LINK_BYTES) {
      const { words, bytes } = slab // inserting may replace the memory
      const hash = hashAddress(bytes, addressAt(words, set, i), i < fours ? 4 : 16)
      tell(hash, link)
    }
  }
}
