/**
 * EndpointSlices: the ready endpoints of a service, one block each, replaced whole. A slice without a service or without
 * a ready endpoint is not kept.
 *
 *   word 0  1        2           3     4         5     6            7      8              9
 *   hash,  service, generation, next, previous, size, ports' place, count, labels' place, place of label links,
 *   word 10     11            12       then
 *   name place, its octets,  repeats,  address set, ports, label places, labels, name, label links
 *
 * Places count from the block's start. Where there are labels, each address has the place of its label (0: none) and a
 * link in the chain of all labels with that hash.
 */
import { equalOctets, HASH_START, hashJoin, hashLabel, hashOctet } from '../../../server/wire/name.ts'
import type { Query } from '../../../server/wire/query.ts'
import type { EndpointSlice } from '../object/endpointslice.ts'
import { writeDashed } from './address.ts'
import {
  AddressIndex,
  addressAt,
  addressLength,
  addressSetBytes,
  Chains,
  LINK_BYTES,
  ownerOf,
  setOfLink,
} from './address-set.ts'
import { Draft } from './draft.ts'
import type { Namespaces } from './namespaces.ts'
import { portLabelsBytes, portsBytes, writePorts } from './ports.ts'
import { ROOT } from './roots.ts'
import type { Services } from './services.ts'
import type { Slab } from './slab.ts'
import { Table } from './table.ts'

const NEXT = 3
const SET_AT = 52

const draft = new Draft()

export class Slices {
  readonly #slab: Slab
  readonly #namespaces: Namespaces
  readonly #services: Services
  readonly #table: Table
  readonly #labels: Chains
  readonly #podNames: boolean
  /** By endpoint address; the sets' owners are slices. */
  readonly addresses: AddressIndex

  /** @param podNames endpoints without a hostname are named after their pods */
  constructor(slab: Slab, namespaces: Namespaces, services: Services, podNames: boolean) {
    this.#slab = slab
    this.#namespaces = namespaces
    this.#services = services
    this.#podNames = podNames
    this.#table = new Table(slab, ROOT.slices)
    this.#labels = new Chains(slab, ROOT.endpointLabels)
    this.addresses = new AddressIndex(slab, ROOT.endpointAddresses)
  }

  next(slice: number): number {
    return this.#slab.words[(slice >> 2) + NEXT]!
  }
  service(slice: number): number {
    return this.#slab.words[(slice >> 2) + 1]!
  }
  /** Its endpoints' addresses. */
  set(slice: number): number {
    return slice + SET_AT
  }
  /** Place of the ports, counted from the slice. */
  portsAt(slice: number): number {
    return this.#slab.words[(slice >> 2) + 6]!
  }
  portCount(slice: number): number {
    return this.#slab.words[(slice >> 2) + 7]!
  }
  /** Some address stands twice in it, under different labels. */
  repeats(slice: number): boolean {
    return this.#slab.words[(slice >> 2) + 12] === 1
  }
  /** Where the label of address `i` stands, 0 if its name is its address with dashes. */
  labelAt(slice: number, i: number): number {
    const { words } = this.#slab
    const labels = words[(slice >> 2) + 8]!
    if (labels === 0) return 0
    const place = words[((slice + labels) >> 2) + i]!
    return place === 0 ? 0 : slice + place
  }

  /** Writes the label that names address `i`: its own, or the address with dashes. Returns its octets. */
  writeName(slice: number, i: number, into: Uint8Array, to: number): number {
    const { words, bytes } = this.#slab
    const label = this.labelAt(slice, i)
    if (label === 0) {
      const set = slice + SET_AT
      into[to] = writeDashed(bytes, addressAt(words, set, i), addressLength(words, set, i), into, to + 1)
      return into[to]! + 1
    }
    for (let j = 0; j <= bytes[label]!; j++) into[to + j] = bytes[label + j]!
    return bytes[label]! + 1
  }

  /** First link of the chain that holds all endpoints of the service under label `i` of the question. */
  firstLabelled(service: number, q: Query, i: number): number {
    return this.#matching(this.#labels.first(hashJoin(this.#services.hash(service), q.labelHash[i]!)), service, q, i)
  }
  nextLabelled(link: number, service: number, q: Query, i: number): number {
    return this.#matching(this.#labels.next(link), service, q, i)
  }
  /** Which address of its slice a label link stands for. */
  indexOfLabelled(link: number): number {
    const { words } = this.#slab
    const slice = ownerOf(words, setOfLink(words, link))
    return ((link - slice - words[(slice >> 2) + 9]!) / LINK_BYTES) | 0
  }

  #matching(from: number, service: number, q: Query, i: number): number {
    const { words, bytes } = this.#slab
    const at = q.labelAt[i]!
    for (let link = from; link !== 0; link = words[link >> 2]!) {
      const slice = ownerOf(words, setOfLink(words, link))
      if (words[(slice >> 2) + 1] !== service) continue
      if (equalOctets(bytes, this.labelAt(slice, this.indexOfLabelled(link)), q.qname, at, q.qname[at]! + 1))
        return link
    }
    return 0
  }

  /** Returns true if that changed anything. */
  put(slice: EndpointSlice, generation: number): boolean {
    this.#gather(slice)
    const old = this.named(slice.namespace, slice.name)
    if (slice.service === '' || draft.count4 + draft.count6 === 0) return this.delete(old)
    const service = this.#services.ensure(slice.namespace, slice.service)
    const made = this.#write(service, slice, generation)
    if (old !== 0 && this.#same(old, made)) {
      this.#slab.words[(old >> 2) + 2] = generation
      this.#slab.freeNow(made)
      return false
    }
    this.addresses.insert(made + SET_AT)
    this.#eachLabel(made, true)
    if (old === 0) {
      this.#table.insert(this.#slab.words[made >> 2]!, made)
      this.#services.appendSlice(service, made, NEXT)
    } else this.#replace(old, made)
    return true
  }

  /** Returns true if it was there. */
  delete(slice: number): boolean {
    if (slice === 0) return false
    const service = this.service(slice)
    this.#table.remove(this.#slab.words[slice >> 2]!, slice)
    this.#services.removeSlice(service, slice, NEXT)
    this.#forget(slice)
    this.#services.release(service)
    return true
  }

  /** The slice of a name, 0 if there is none. */
  named(namespace: string, name: string): number {
    const parent = this.#namespaces.named(namespace)
    if (parent === 0) return 0
    const hash = hashJoin(this.#namespaces.hash(parent), hashText(name))
    for (let found = this.#table.first(hash); found !== 0; found = this.#table.next(found, hash)) {
      const slice = this.#table.block(found)
      const at = slice >> 2
      const { words } = this.#slab
      if (words[at + 11] !== name.length || this.#services.namespace(words[at + 1]!) !== parent) continue
      if (isText(this.#slab.bytes, slice + words[at + 10]!, name)) return slice
    }
    return 0
  }

  /** Slices that are not of this generation. */
  outdated(generation: number): number[] {
    return this.#table.unlike(2, generation)
  }

  #gather(slice: EndpointSlice): void {
    draft.clear()
    for (const { addresses, hostname, podName } of slice.endpoints) {
      const label = hostname !== '' ? hostname : this.#podNames ? podName : ''
      for (const address of addresses) draft.add(address, label)
    }
  }

  /** Writes what was gathered into a block that nobody sees yet. */
  #write(service: number, slice: EndpointSlice, generation: number): number {
    const count = draft.count4 + draft.count6
    const labelled = draft.labelBytes > 0
    const portsAt = SET_AT + addressSetBytes(draft.count4, draft.count6)
    const placesAt = portsAt + portsBytes(slice.ports.length)
    const textAt = placesAt + (labelled ? count * 4 : 0)
    const nameAt = textAt + draft.labelBytes + portLabelsBytes(slice.ports)
    const linksAt = (nameAt + slice.name.length + 3) & ~3
    const size = linksAt + (labelled ? count * LINK_BYTES : 0)
    const block = this.#slab.allocate(size)
    const { words, bytes } = this.#slab
    const at = block >> 2
    words[at] = hashJoin(this.#namespaces.hash(this.#services.namespace(service)), hashText(slice.name))
    words[at + 1] = service
    words[at + 2] = generation
    words[at + NEXT] = words[at + NEXT + 1] = 0
    words[at + 5] = size
    words[at + 6] = portsAt
    words[at + 7] = slice.ports.length
    words[at + 8] = labelled ? placesAt : 0
    words[at + 9] = linksAt
    words[at + 10] = nameAt
    words[at + 11] = slice.name.length
    words[at + 12] = draft.repeats ? 1 : 0
    draft.writeSet(words, bytes, block + SET_AT, block)
    let to = textAt
    for (let i = 0; labelled && i < count; i++) {
      const length = draft.writeLabel(bytes, block + to, i)
      words[((block + placesAt) >> 2) + i] = length === 0 ? 0 : to
      to += length
    }
    writePorts(words, bytes, block, portsAt, to, slice.ports)
    for (let i = 0; i < slice.name.length; i++) bytes[block + nameAt + i] = slice.name.charCodeAt(i)
    bytes.fill(0, block + nameAt + slice.name.length, block + linksAt)
    return block
  }

  /** True if two slices say the same: all but generation and links. */
  #same(a: number, b: number): boolean {
    const { words, bytes } = this.#slab
    const [aAt, bAt] = [a >> 2, b >> 2]
    if (words[aAt + 1] !== words[bAt + 1]) return false
    for (let i = 5; i <= 12; i++) if (words[aAt + i] !== words[bAt + i]) return false
    for (let i = 14; i <= 15; i++) if (words[aAt + i] !== words[bAt + i]) return false
    const addressesAt = SET_AT + 12
    const addressBytes = 4 * words[aAt + 14]! + 16 * words[aAt + 15]!
    if (!equalOctets(bytes, a + addressesAt, bytes, b + addressesAt, addressBytes)) return false
    const portsAt = words[aAt + 6]!
    return equalOctets(bytes, a + portsAt, bytes, b + portsAt, words[aAt + 9]! - portsAt)
  }

  /** Puts `made` in the place of `old`, also where it belongs to another service now. */
  #replace(old: number, made: number): void {
    const hash = this.#slab.words[made >> 2]!
    let found = this.#table.first(hash)
    while (this.#table.block(found) !== old) found = this.#table.next(found, hash)
    this.#table.setBlock(found, made)
    const before = this.service(old)
    const now = this.service(made)
    if (before === now) this.#services.replaceSlice(now, old, made, NEXT)
    else {
      this.#services.appendSlice(now, made, NEXT)
      this.#services.removeSlice(before, old, NEXT)
    }
    this.#forget(old)
    if (before !== now) this.#services.release(before)
  }

  #forget(slice: number): void {
    this.addresses.remove(slice + SET_AT)
    this.#eachLabel(slice, false)
    this.#slab.free(slice)
  }

  /** Enters all labels of a slice into the chains, or takes them out. */
  #eachLabel(slice: number, insert: boolean): void {
    const at = slice >> 2
    if (this.#slab.words[at + 8] === 0) return
    const count = this.#slab.words[at + 14]! + this.#slab.words[at + 15]!
    const serviceHash = this.#services.hash(this.service(slice))
    for (let i = 0; i < count; i++) {
      const label = this.labelAt(slice, i)
      if (label === 0) continue
      const { bytes, words } = this.#slab
      const hash = hashJoin(serviceHash, hashLabel(bytes, label + 1, label + 1 + bytes[label]!))
      const link = slice + words[at + 9]! + LINK_BYTES * i
      if (insert) this.#labels.insert(hash, link, slice + SET_AT)
      else this.#labels.remove(hash, link)
    }
  }
}

/** Hash of an object's name, which may have dots. */
export function hashText(text: string): number {
  let hash = HASH_START
  for (let i = 0; i < text.length; i++) hash = hashOctet(hash, text.charCodeAt(i))
  return hash
}

/** True if the ASCII text stands at `at`. */
export function isText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}
