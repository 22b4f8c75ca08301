/**
 * Services by namespace and name. An entry stands for the name: it is there while the Service or slices of it are. What
 * the Service says is a block of its own, which is replaced whole.
 *
 *   entry  word 0  1          2     3            4           5            then
 *          hash,  namespace, data, first slice, last slice, generation,  labels of name and namespace, as in a query
 *   data   word 0  1      2            3      4              5                then
 *          flags, size,  ports' place, count, target's place, its octets,    address set, ports, labels, target
 */
import { equalOctets, hashJoin, hashLabel, nameFromText } from '../../../server/wire/name.ts'
import type { Query } from '../../../server/wire/query.ts'
import type { Service } from '../object/service.ts'
import { readAddress } from './address.ts'
import { AddressIndex, addressSetBytes } from './address-set.ts'
import { Draft } from './draft.ts'
import type { Namespaces } from './namespaces.ts'
import { portLabelsBytes, portsBytes, writeLabel, writePorts } from './ports.ts'
import { ROOT } from './roots.ts'
import type { Slab } from './slab.ts'
import { Table } from './table.ts'

const NAME_AT = 24
const SET_AT = 24
const FLAG_HEADLESS = 1
const FLAG_EXTERNAL = 2

const draft = new Draft()
const label = new Uint8Array(256)
const address = new Uint8Array(16)

export class Services {
  readonly #slab: Slab
  readonly #namespaces: Namespaces
  readonly #table: Table
  /** By ClusterIP; the sets' owners are entries. */
  readonly addresses: AddressIndex

  constructor(slab: Slab, namespaces: Namespaces) {
    this.#slab = slab
    this.#namespaces = namespaces
    this.#table = new Table(slab, ROOT.services)
    this.addresses = new AddressIndex(slab, ROOT.serviceAddresses)
  }

  /** The entry of the service whose name is label `i` of the question, its namespace label `i + 1`. 0 if there is none. */
  find(q: Query, i: number): number {
    const { bytes } = this.#slab
    const hash = hashJoin(q.labelHash[i + 1]!, q.labelHash[i]!)
    const at = q.labelAt[i]!
    const length = q.labelAt[i + 2]! - at
    for (let slot = this.#table.first(hash); slot !== 0; slot = this.#table.next(slot, hash)) {
      const entry = this.#table.block(slot)
      if (equalOctets(bytes, entry + NAME_AT, q.qname, at, length)) return entry
    }
    return 0
  }

  /** All entries by hash. */
  get table(): Table {
    return this.#table
  }

  hash(entry: number): number {
    return this.#slab.words[entry >> 2]!
  }
  namespace(entry: number): number {
    return this.#slab.words[(entry >> 2) + 1]!
  }
  /** What the Service says, 0 if only slices of it are known. */
  data(entry: number): number {
    return this.#slab.words[(entry >> 2) + 2]!
  }
  firstSlice(entry: number): number {
    return this.#slab.words[(entry >> 2) + 3]!
  }
  /** Where the labels of its name and namespace stand. */
  labelsAt(entry: number): number {
    return entry + NAME_AT
  }

  /** Where these two labels end. */
  labelsEnd(entry: number): number {
    const { bytes } = this.#slab
    const at = this.labelsAt(entry)
    const namespaceAt = at + bytes[at]! + 1
    return namespaceAt + bytes[namespaceAt]! + 1
  }

  isHeadless(data: number): boolean {
    return (this.#slab.words[data >> 2]! & FLAG_HEADLESS) !== 0
  }
  isExternal(data: number): boolean {
    return (this.#slab.words[data >> 2]! & FLAG_EXTERNAL) !== 0
  }
  /** Its ClusterIPs. */
  set(data: number): number {
    return data + SET_AT
  }
  /** Place of the ports, counted from `data`. */
  portsAt(data: number): number {
    return this.#slab.words[(data >> 2) + 2]!
  }
  portCount(data: number): number {
    return this.#slab.words[(data >> 2) + 3]!
  }
  /** Where the target of an ExternalName stands; 0 if that is no name. */
  targetAt(data: number): number {
    const at = this.#slab.words[(data >> 2) + 4]!
    return at === 0 ? 0 : data + at
  }
  targetLength(data: number): number {
    return this.#slab.words[(data >> 2) + 5]!
  }

  /** The entry of a name, made if need be. Whoever makes one must fill or `release` it. */
  ensure(namespace: string, name: string): number {
    const known = this.named(namespace, name)
    if (known !== 0) return known
    const parent = this.#namespaces.mention(namespace)
    const entry = this.#slab.allocate(NAME_AT + name.length + namespace.length + 2)
    const { words, bytes } = this.#slab
    const at = entry >> 2
    const length = writeLabel(bytes, entry + NAME_AT, name)
    writeLabel(bytes, entry + NAME_AT + length, namespace)
    const hash = hashJoin(
      this.#namespaces.hash(parent),
      hashLabel(bytes, entry + NAME_AT + 1, entry + NAME_AT + length),
    )
    words.fill(0, at, at + NAME_AT / 4)
    words[at] = hash
    words[at + 1] = parent
    this.#table.insert(hash, entry)
    return entry
  }

  /** The entry of a name, 0 if there is none. */
  named(namespace: string, name: string): number {
    const length = writeLabel(label, 0, name)
    const nameHash = hashLabel(label, 1, length)
    const whole = length + writeLabel(label, length, namespace)
    const hash = hashJoin(hashLabel(label, length + 1, whole), nameHash)
    for (let slot = this.#table.first(hash); slot !== 0; slot = this.#table.next(slot, hash)) {
      const entry = this.#table.block(slot)
      if (equalOctets(this.#slab.bytes, entry + NAME_AT, label, 0, whole)) return entry
    }
    return 0
  }

  /** Forgets an entry that nothing fills any more. */
  release(entry: number): void {
    const { words } = this.#slab
    const at = entry >> 2
    if (words[at + 2] !== 0 || words[at + 3] !== 0) return
    this.#table.remove(words[at]!, entry)
    this.#namespaces.unmention(words[at + 1]!)
    this.#slab.free(entry)
  }

  /** Returns true if that changed anything. */
  put(service: Service, generation: number): boolean {
    const entry = this.ensure(service.namespace, service.name)
    const made = this.#write(entry, service)
    const at = entry >> 2
    const { words } = this.#slab
    const old = words[at + 2]!
    words[at + 5] = generation
    if (old !== 0 && this.#same(old, made)) {
      this.#slab.freeNow(made)
      return false
    }
    this.addresses.reserve(made + SET_AT)
    this.addresses.insert(made + SET_AT)
    this.#slab.publish(at + 2, made)
    if (old !== 0) this.#forget(old)
    return true
  }

  /** Returns true if the Service was there. */
  delete(entry: number): boolean {
    const data = entry === 0 ? 0 : this.data(entry)
    if (data === 0) return false
    this.#slab.publish((entry >> 2) + 2, 0)
    this.#forget(data)
    this.release(entry)
    return true
  }

  /** The list that brought the Service of an entry last; undefined if there is none. */
  generation(entry: number): number | undefined {
    const { words } = this.#slab
    return words[(entry >> 2) + 2] === 0 ? undefined : words[(entry >> 2) + 5]!
  }

  /** The entries of all Services, in no order. */
  all(): number[] {
    return this.#table.unlike(2, 0)
  }

  /** True if an entry that was there, with this hash, is there still. */
  holds(entry: number, hash: number): boolean {
    let slot = this.#table.first(hash)
    while (slot !== 0 && this.#table.block(slot) !== entry) slot = this.#table.next(slot, hash)
    return slot !== 0
  }

  /** Appends a slice to those of its service; `next` and `previous` are words of the slice. */
  appendSlice(entry: number, slice: number, nextWord: number): void {
    const { words } = this.#slab
    const at = entry >> 2
    const last = words[at + 4]!
    words[(slice >> 2) + nextWord] = 0
    words[(slice >> 2) + nextWord + 1] = last
    this.#slab.publish(last === 0 ? at + 3 : (last >> 2) + nextWord, slice)
    words[at + 4] = slice
  }

  /** Puts a slice in the place of another one of the same service. */
  replaceSlice(entry: number, old: number, slice: number, nextWord: number): void {
    const { words } = this.#slab
    const at = entry >> 2
    const next = words[(old >> 2) + nextWord]!
    const previous = words[(old >> 2) + nextWord + 1]!
    words[(slice >> 2) + nextWord] = next
    words[(slice >> 2) + nextWord + 1] = previous
    if (next === 0) words[at + 4] = slice
    else words[(next >> 2) + nextWord + 1] = slice
    this.#slab.publish(previous === 0 ? at + 3 : (previous >> 2) + nextWord, slice)
  }

  removeSlice(entry: number, slice: number, nextWord: number): void {
    const { words } = this.#slab
    const at = entry >> 2
    const next = words[(slice >> 2) + nextWord]!
    const previous = words[(slice >> 2) + nextWord + 1]!
    if (next === 0) words[at + 4] = previous
    else words[(next >> 2) + nextWord + 1] = previous
    this.#slab.publish(previous === 0 ? at + 3 : (previous >> 2) + nextWord, next)
  }

  /** Writes what a Service says into a block that nobody sees yet. */
  #write(entry: number, service: Service): number {
    draft.clear()
    for (const clusterIP of service.clusterIPs) draft.add(clusterIP, '')
    const target = targetOf(service.externalName)
    const portsAt = SET_AT + addressSetBytes(draft.count4, draft.count6)
    const labelsAt = portsAt + portsBytes(service.ports.length)
    const size = labelsAt + portLabelsBytes(service.ports) + (target?.length ?? 0)
    const data = this.#slab.allocate(size)
    const { words, bytes } = this.#slab
    draft.writeSet(words, bytes, data + SET_AT, entry)
    const targetAt = writePorts(words, bytes, data, portsAt, labelsAt, service.ports)
    if (target !== undefined) bytes.set(target, data + targetAt)
    const at = data >> 2
    words[at] = (service.headless ? FLAG_HEADLESS : 0) | (service.externalName === undefined ? 0 : FLAG_EXTERNAL)
    words[at + 1] = size
    words[at + 2] = portsAt
    words[at + 3] = service.ports.length
    words[at + 4] = target === undefined ? 0 : targetAt
    words[at + 5] = target?.length ?? 0
    return data
  }

  /** True if two data blocks say the same; links apart, all of a block does. */
  #same(a: number, b: number): boolean {
    const { words, bytes } = this.#slab
    for (let i = 0; i < 9; i++) if (words[(a >> 2) + i] !== words[(b >> 2) + i]) return false
    const fours = words[(a >> 2) + 7]!
    const sixes = words[(a >> 2) + 8]!
    const addressesAt = SET_AT + 12
    const portsAt = words[(a >> 2) + 2]!
    const size = words[(a >> 2) + 1]!
    if (!equalOctets(bytes, a + addressesAt, bytes, b + addressesAt, 4 * fours + 16 * sixes)) return false
    return equalOctets(bytes, a + portsAt, bytes, b + portsAt, size - portsAt)
  }

  #forget(data: number): void {
    this.addresses.remove(data + SET_AT)
    this.#slab.free(data)
  }
}

/** The target as a name; undefined for one that is none, an address among them (a CNAME cannot lead there). */
function targetOf(externalName: string | undefined): Uint8Array | undefined {
  if (externalName === undefined || externalName === '' || externalName === '.') return undefined
  if (readAddress(externalName, address, 0) !== 0) return undefined
  try {
    return nameFromText(externalName)
  } catch {
    return undefined // not a name: as good as an empty target, which the API refuses
  }
}
