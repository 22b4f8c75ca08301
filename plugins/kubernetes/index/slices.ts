/**
 * EndpointSlices: the ready endpoints of a service, one block each (slice-block.ts), replaced whole. A slice without a
 * service or without a ready endpoint is not kept. Chains lead to endpoints by address, and by service and label.
 */
import { equalOctets, HASH_START, hashJoin, hashLabel, hashOctet, MAX_LABEL_BYTES } from '../../../server/wire/name.ts'
import type { Query } from '../../../server/wire/query.ts'
import type { EndpointSlice } from '../object/endpointslice.ts'
import { writeDashed } from './address.ts'
import {
  AddressIndex,
  addressAt,
  addressCount,
  addressLength,
  Chains,
  LINK_BYTES,
  ownerOf,
  setOfLink,
} from './address-set.ts'
import { Draft } from './draft.ts'
import type { Namespaces } from './namespaces.ts'
import { ROOT } from './roots.ts'
import type { Services } from './services.ts'
import type { Slab } from './slab.ts'
import { SET_AT, SLICE, saysTheSame, writeSlice } from './slice-block.ts'
import { Table } from './table.ts'

const draft = new Draft()

export interface SliceOptions {
  /** Endpoints without a hostname are named after their pods. */
  readonly podNames: boolean
  /** The topology zones of endpoints are kept. */
  readonly zones: boolean
}

export class Slices {
  readonly #slab: Slab
  readonly #namespaces: Namespaces
  readonly #services: Services
  readonly #table: Table
  readonly #labels: Chains
  readonly #options: SliceOptions
  /** By endpoint address; the sets' owners are slices. */
  readonly addresses: AddressIndex

  constructor(slab: Slab, namespaces: Namespaces, services: Services, options: SliceOptions) {
    this.#slab = slab
    this.#namespaces = namespaces
    this.#services = services
    this.#options = options
    this.#table = new Table(slab, ROOT.slices)
    this.#labels = new Chains(slab, ROOT.endpointLabels)
    this.addresses = new AddressIndex(slab, ROOT.endpointAddresses)
  }

  /** All slices by hash. */
  get table(): Table {
    return this.#table
  }

  /** Where its name stands, and its octets. */
  nameAt(slice: number): number {
    return slice + this.#word(slice, SLICE.NAME)
  }
  nameLength(slice: number): number {
    return this.#word(slice, SLICE.NAME_LENGTH)
  }

  next(slice: number): number {
    return this.#word(slice, SLICE.NEXT)
  }
  service(slice: number): number {
    return this.#word(slice, SLICE.SERVICE)
  }
  /** Its endpoints' addresses. */
  set(slice: number): number {
    return slice + SET_AT
  }
  /** Place of the ports, counted from the slice. */
  portsAt(slice: number): number {
    return this.#word(slice, SLICE.PORTS)
  }
  portCount(slice: number): number {
    return this.#word(slice, SLICE.PORT_COUNT)
  }
  /** Some address stands twice in it, under different labels. */
  repeats(slice: number): boolean {
    return this.#word(slice, SLICE.REPEATS) === 1
  }
  /** Where the label of address `i` stands, 0 if its name is its address with dashes. */
  labelAt(slice: number, i: number): number {
    return placeOf(this.#slab.words, slice, SLICE.LABELS, i)
  }

  /** The id of its cluster, as labels between dots; empty for this cluster. */
  clusterText(slice: number): string {
    const cluster = this.#word(slice, SLICE.CLUSTER)
    return cluster === 0 ? '' : textOfLabels(this.#slab.bytes, slice + cluster)
  }
  /** True if a topology zone is kept of any of its endpoints. */
  hasZones(slice: number): boolean {
    return this.#word(slice, SLICE.ZONES) !== 0
  }
  /** The topology zone of address `i`, as labels between dots; empty if none is kept. */
  zoneText(slice: number, i: number): string {
    const { words, bytes } = this.#slab
    const zone = placeOf(words, slice, SLICE.ZONES, i)
    return zone === 0 ? '' : textOfLabels(bytes, zone)
  }

  /** Most octets that name one of its endpoints. */
  maxNameBytes(slice: number): number {
    const cluster = this.#word(slice, SLICE.CLUSTER)
    return MAX_LABEL_BYTES + 1 + (cluster === 0 ? 0 : this.#slab.bytes[slice + cluster]!)
  }

  /** Writes what names address `i`: its label, or the address with dashes; then its cluster's id. Returns its octets. */
  writeName(slice: number, i: number, into: Uint8Array, to: number): number {
    const octets = this.#writeLabel(slice, i, into, to)
    const cluster = this.#word(slice, SLICE.CLUSTER)
    return cluster === 0 ? octets : octets + this.#writeCluster(slice + cluster, into, to + octets)
  }

  #writeLabel(slice: number, i: number, into: Uint8Array, to: number): number {
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

  #writeCluster(id: number, into: Uint8Array, to: number): number {
    const { bytes } = this.#slab
    for (let j = 0; j < bytes[id]!; j++) into[to + j] = bytes[id + 1 + j]!
    return bytes[id]!
  }

  /** True if labels `from` to `end` of the question are its cluster's id; none at all is this cluster's. */
  isOfCluster(slice: number, q: Query, from: number, end: number): boolean {
    const cluster = this.#word(slice, SLICE.CLUSTER)
    const octets = q.labelAt[end]! - q.labelAt[from]!
    if (cluster === 0 || octets === 0) return cluster === 0 && octets === 0
    return isLabels(this.#slab.bytes, slice + cluster, q, from, octets)
  }

  /** True if labels `from` to `end` of the question are the end of its cluster's id: names of endpoints are below them. */
  isInCluster(slice: number, q: Query, from: number, end: number): boolean {
    const { bytes } = this.#slab
    const cluster = this.#word(slice, SLICE.CLUSTER)
    if (cluster === 0) return false
    const at = q.labelAt[from]!
    const octets = q.labelAt[end]! - at
    const idEnd = slice + cluster + 1 + bytes[slice + cluster]!
    for (let label = slice + cluster + 1; label < idEnd; label += bytes[label]! + 1) {
      if (idEnd - label === octets && equalOctets(bytes, label, q.qname, at, octets)) return true
    }
    return false
  }

  /** The first of its addresses, from `i` on, whose topology zone is the question's labels before `end`; -1 if none is. */
  nextInZone(slice: number, i: number, q: Query, end: number): number {
    const { words, bytes } = this.#slab
    const set = slice + SET_AT
    const count = addressCount(words, set)
    const octets = q.labelAt[end]!
    let other = 0
    for (let j = i; j < count; j++) {
      const zone = placeOf(words, slice, SLICE.ZONES, j)
      if (zone === other) continue
      if (isLabels(bytes, zone, q, 0, octets)) return j
      other = zone
    }
    return -1
  }

  #word(slice: number, word: number): number {
    return this.#slab.words[(slice >> 2) + word]!
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
    return ((link - slice - words[(slice >> 2) + SLICE.LINKS]!) / LINK_BYTES) | 0
  }

  #matching(from: number, service: number, q: Query, i: number): number {
    const { words, bytes } = this.#slab
    const at = q.labelAt[i]!
    for (let link = from; link !== 0; link = words[link >> 2]!) {
      const slice = ownerOf(words, setOfLink(words, link))
      if (words[(slice >> 2) + SLICE.SERVICE] !== service) continue
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
    const made = writeSlice(
      this.#slab,
      draft,
      slice,
      service,
      this.#nameHash(this.#services.namespace(service), slice.name),
    )
    this.#slab.words[(made >> 2) + SLICE.GENERATION] = generation
    if (old !== 0 && saysTheSame(this.#slab, old, made)) {
      this.#slab.words[(old >> 2) + SLICE.GENERATION] = generation
      this.#slab.freeNow(made)
      return false
    }
    this.addresses.reserve(made + SET_AT)
    this.#eachLabel(made, hash => this.#labels.reserve(hash))
    this.addresses.insert(made + SET_AT)
    this.#eachLabel(made, (hash, link) => this.#labels.insert(hash, link, made + SET_AT))
    if (old === 0) {
      this.#table.insert(this.#slab.words[made >> 2]!, made)
      this.#services.appendSlice(service, made, SLICE.NEXT)
    } else this.#replace(old, made)
    return true
  }

  /** Returns true if it was there. */
  delete(slice: number): boolean {
    if (slice === 0) return false
    const service = this.service(slice)
    this.#table.remove(this.#slab.words[slice >> 2]!, slice)
    this.#services.removeSlice(service, slice, SLICE.NEXT)
    this.#forget(slice)
    this.#services.release(service)
    return true
  }

  /** The slice of a name, 0 if there is none. */
  named(namespace: string, name: string): number {
    const parent = this.#namespaces.named(namespace)
    if (parent === 0) return 0
    const hash = this.#nameHash(parent, name)
    for (let found = this.#table.first(hash); found !== 0; found = this.#table.next(found, hash)) {
      const slice = this.#table.block(found)
      const at = slice >> 2
      const { words } = this.#slab
      if (words[at + SLICE.NAME_LENGTH] !== name.length) continue
      if (this.#services.namespace(words[at + SLICE.SERVICE]!) !== parent) continue
      if (isText(this.#slab.bytes, slice + words[at + SLICE.NAME]!, name)) return slice
    }
    return 0
  }

  /** The list that brought it last. */
  generation(slice: number): number {
    return this.#word(slice, SLICE.GENERATION)
  }

  #nameHash(namespace: number, name: string): number {
    return hashJoin(this.#namespaces.hash(namespace), hashText(name))
  }

  #gather(slice: EndpointSlice): void {
    const { podNames, zones } = this.#options
    draft.clear()
    for (const { addresses, hostname, podName, zone } of slice.endpoints) {
      const label = hostname !== '' ? hostname : podNames ? podName : ''
      for (const address of addresses) draft.add(address, label, zones ? zone : undefined)
    }
  }

  /** Puts `made` in the place of `old`, also where it belongs to another service now. */
  #replace(old: number, made: number): void {
    const hash = this.#slab.words[made >> 2]!
    let found = this.#table.first(hash)
    while (this.#table.block(found) !== old) found = this.#table.next(found, hash)
    this.#table.setBlock(found, made)
    const before = this.service(old)
    const now = this.service(made)
    if (before === now) this.#services.replaceSlice(now, old, made, SLICE.NEXT)
    else {
      this.#services.appendSlice(now, made, SLICE.NEXT)
      this.#services.removeSlice(before, old, SLICE.NEXT)
    }
    this.#forget(old)
    if (before !== now) this.#services.release(before)
  }

  #forget(slice: number): void {
    this.addresses.remove(slice + SET_AT)
    this.#eachLabel(slice, (hash, link) => this.#labels.remove(hash, link))
    this.#slab.free(slice)
  }

  /** Tells the hash and the link of each label of a slice. */
  #eachLabel(slice: number, tell: (hash: number, link: number) => void): void {
    const at = slice >> 2
    if (this.#slab.words[at + SLICE.LABELS] === 0) return
    const count = addressCount(this.#slab.words, slice + SET_AT)
    const serviceHash = this.#services.hash(this.service(slice))
    for (let i = 0; i < count; i++) {
      const label = this.labelAt(slice, i)
      if (label === 0) continue
      const { bytes, words } = this.#slab
      const hash = hashJoin(serviceHash, hashLabel(bytes, label + 1, label + 1 + bytes[label]!))
      tell(hash, slice + words[at + SLICE.LINKS]! + LINK_BYTES * i)
    }
  }
}

/** Where in the slab stands what the places in `word` say of address `i`; 0 if there is nothing. */
function placeOf(words: Int32Array, slice: number, word: number, i: number): number {
  const places = words[(slice >> 2) + word]!
  if (places === 0) return 0
  const place = words[((slice + places) >> 2) + i]!
  return place === 0 ? 0 : slice + place
}

/** The labels at `at`, their octets first, between dots. */
function textOfLabels(bytes: Uint8Array, at: number): string {
  const labels: string[] = []
  for (let i = at + 1; i <= at + bytes[at]!; i += bytes[i]! + 1) {
    labels.push(String.fromCharCode(...bytes.subarray(i + 1, i + 1 + bytes[i]!)))
  }
  return labels.join('.')
}

/** True if the labels at `at`, their octets first, are `octets` octets of the question from label `from` on. */
function isLabels(bytes: Uint8Array, at: number, q: Query, from: number, octets: number): boolean {
  return bytes[at] === octets && equalOctets(bytes, at + 1, q.qname, q.labelAt[from]!, octets)
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
