/**
 * The records of one service after the other for a zone transfer. A service may be larger than a message: each record that
 * it could give is an item, and what earlier messages have of it is skipped by counting, so that nothing that points into
 * the index outlives a message. If it changes meanwhile, the serial tells that it did.
 */
import type { Answer } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, MAX_LABEL_BYTES, MAX_NAME_BYTES, type Name, nameFromText } from '../../server/wire/name.ts'
import { addressAt, addressLength, count4, count6 } from './index/address-set.ts'
import type { Index } from './index/index.ts'
import { portNameAt, portNumber, portProtocolAt } from './index/ports.ts'
import type { Lookup } from './lookup.ts'
import { typeOf, weightOf, writeSrvHead } from './srv.ts'

const SVC = nameFromText('svc').slice(0, -1)
const UNDERSCORE = 0x5f
const RECORD_HEAD_BYTES = 10 // type, class, TTL and length
const SRV_HEAD_BYTES = 6
export const MAX_RECORD_BYTES = MAX_NAME_BYTES + RECORD_HEAD_BYTES + SRV_HEAD_BYTES + MAX_NAME_BYTES
/** What a message needs of `#memory` besides the octets of its records: names of records that were there already. */
const SPARE_BYTES = 8 * MAX_NAME_BYTES

/** The ports of a Service or slice: its block, their place in it, their number. */
interface Ports {
  readonly block: number
  readonly at: number
  readonly count: number
}

export class ServiceRecords {
  readonly #index: Index
  readonly #found: Lookup
  readonly #zone: Name
  readonly #ttl: number
  /** Names and SRV data of the message at hand. */
  #memory = new Uint8Array(0)
  #used = 0
  #answer!: Answer
  #room = 0
  #isFull = false
  /** Items of the service at hand: those seen for this message, and those that earlier messages have. */
  #item = 0
  #sent = 0
  /** What was added of the service at hand, so that nothing is added twice. */
  readonly #known = new Set<string>()
  /** Where the service's name stands in `#memory`, and its octets. */
  #nameAt = 0
  #nameLength = 0

  constructor(index: Index, found: Lookup, zone: Name, ttl: number) {
    this.#index = index
    this.#found = found
    this.#zone = zone
    this.#ttl = ttl
  }

  /** Begins a message of so many octets without compression. */
  begin(a: Answer, octets: number): void {
    if (this.#memory.length < octets + SPARE_BYTES) this.#memory = new Uint8Array(octets + SPARE_BYTES)
    this.#answer = a
    this.#room = octets
    this.#used = 0
    this.#isFull = false
  }

  /** Adds the records of a service (its entry). False if the message is full first: the next one goes on with the same. */
  add(entry: number): boolean {
    const { services } = this.#index
    const data = services.data(entry)
    this.#item = 0
    if (data !== 0 && this.#found.isExposed(services.namespace(entry))) {
      const before = this.#answer.answer.count
      const used = this.#used
      this.#writeName(entry)
      if (services.isExternal(data)) this.#addTarget(data)
      else if (services.isHeadless(data)) this.#addEndpoints(entry)
      else if (!this.#found.isIgnored(entry)) this.#addClusterIPs(data)
      if (this.#answer.answer.count === before) this.#used = used
    }
    this.#sent = this.#isFull ? this.#item : 0
    if (!this.#isFull) this.#known.clear()
    return !this.#isFull
  }

  #writeName(entry: number): void {
    const { services, slab } = this.#index
    const from = services.labelsAt(entry)
    const namespaceAt = from + slab.bytes[from]! + 1
    this.#nameAt = this.#used
    this.#write(slab.bytes, from, namespaceAt + slab.bytes[namespaceAt]! + 1 - from)
    this.#write(SVC, 0, SVC.length)
    this.#write(this.#zone, 0, this.#zone.length)
    this.#nameLength = this.#used - this.#nameAt
  }

  #addTarget(data: number): void {
    const { services, slab } = this.#index
    const at = services.targetAt(data)
    const length = services.targetLength(data)
    if (at !== 0 && this.#begins()) this.#addRecord(this.#nameAt, this.#nameLength, TYPE.CNAME, slab.bytes, at, length)
  }

  #addClusterIPs(data: number): void {
    const { services, slab } = this.#index
    const set = services.set(data)
    const count = count4(slab.words, set) + count6(slab.words, set)
    for (let i = 0; i < count; i++) if (this.#begins()) this.#addAddress(this.#nameAt, this.#nameLength, set, i)
    const ports = { block: data, at: services.portsAt(data), count: services.portCount(data) }
    for (let i = 0; i < ports.count && count > 0; i++) {
      const named = this.#namesakes(ports, i, ports) * count
      this.#addSrv(ports, i, this.#nameAt, this.#nameLength, weightOf(ports.count * count), weightOf(named))
    }
  }

  /** Of a headless service: the addresses of its name and of its endpoints' names, and the SRV records that lead to these. */
  #addEndpoints(entry: number): void {
    const { services, slices } = this.#index
    let entries = 0
    for (let slice = services.firstSlice(entry); slice !== 0; slice = slices.next(slice))
      entries += slices.portCount(slice) * this.#count(slice)
    for (let slice = services.firstSlice(entry); slice !== 0 && !this.#isFull; slice = slices.next(slice)) {
      const items = this.#count(slice) * itemsOf(slices.portCount(slice))
      if (this.#item + items <= this.#sent) this.#item += items
      else this.#addSlice(entry, slice, weightOf(entries))
    }
  }

  #count(slice: number): number {
    const { slices, slab } = this.#index
    const set = slices.set(slice)
    return count4(slab.words, set) + count6(slab.words, set)
  }

  #portsOf(slice: number): Ports {
    const { slices } = this.#index
    return { block: slice, at: slices.portsAt(slice), count: slices.portCount(slice) }
  }

  #addSlice(entry: number, slice: number, weight: number): void {
    const ports = this.#portsOf(slice)
    const items = itemsOf(ports.count)
    const weights = Array.from({ length: ports.count }, (_, i) => this.#namedWeight(entry, ports, i))
    for (let i = 0; i < this.#count(slice) && !this.#isFull; i++) {
      if (this.#item + items <= this.#sent) {
        this.#item += items
        continue
      }
      const before = this.#answer.answer.count
      const used = this.#used
      this.#addEndpoint(slice, i, ports, weight, weights)
      if (this.#answer.answer.count === before) this.#used = used
    }
  }

  #addEndpoint(slice: number, i: number, ports: Ports, weight: number, weights: readonly number[]): void {
    const { slices, slab } = this.#index
    const set = slices.set(slice)
    const address = octetsText(slab.bytes, addressAt(slab.words, set, i), addressLength(slab.words, set, i))
    const at = this.#used
    this.#used += slices.writeName(slice, i, this.#memory, at)
    const label = octetsText(this.#memory, at, this.#used - at)
    this.#write(this.#memory, this.#nameAt, this.#nameLength)
    const length = this.#used - at
    const fits = length <= MAX_NAME_BYTES
    if (this.#begins() && this.#isNew(`service ${address}`)) this.#addAddress(this.#nameAt, this.#nameLength, set, i)
    if (this.#begins() && fits && this.#isNew(`endpoint ${label} ${address}`)) this.#addAddress(at, length, set, i)
    for (let port = 0; port < ports.count; port++) this.#addSrv(ports, port, at, length, weight, weights[port]!, label)
  }

  /** SRV records of a port of a block (two items): under the service's name and, if it has one, under its own. */
  #addSrv(
    ports: Ports,
    i: number,
    target: number,
    targetLength: number,
    weight: number,
    own: number,
    label = '',
  ): void {
    const { words, bytes } = this.#index.slab
    const port = portNumber(words, ports.block, ports.at, i)
    const fits = targetLength <= MAX_NAME_BYTES
    if (this.#begins() && fits && this.#isNew(`ports ${label} ${port}`))
      this.#addSrvRecord(this.#nameAt, this.#nameLength, weight, port, target, targetLength)
    const portAt = portNameAt(words, ports.block, ports.at, i)
    if (!this.#begins() || portAt === 0 || !fits) return
    const used = this.#used
    this.#writeUnderscored(bytes, ports.block + portAt)
    this.#writeUnderscored(bytes, ports.block + portProtocolAt(words, ports.block, ports.at, i))
    const labels = octetsText(this.#memory, used, this.#used - used)
    this.#write(this.#memory, this.#nameAt, this.#nameLength)
    const length = this.#used - used
    const isName = length <= MAX_NAME_BYTES && this.#memory[used]! <= MAX_LABEL_BYTES
    if (isName && this.#isNew(`port ${label} ${port} ${labels}`))
      this.#addSrvRecord(used, length, own, port, target, targetLength)
    else this.#used = used
  }

  #addSrvRecord(
    owner: number,
    ownerLength: number,
    weight: number,
    port: number,
    target: number,
    length: number,
  ): void {
    const at = this.#used
    writeSrvHead(this.#memory, at, weight, port)
    this.#used += SRV_HEAD_BYTES
    this.#write(this.#memory, target, length)
    this.#addRecord(owner, ownerLength, TYPE.SRV, this.#memory, at, SRV_HEAD_BYTES + length)
  }

  #addAddress(owner: number, ownerLength: number, set: number, i: number): void {
    const { words, bytes } = this.#index.slab
    const length = addressLength(words, set, i)
    this.#addRecord(owner, ownerLength, typeOf(length), bytes, addressAt(words, set, i), length)
  }

  #addRecord(owner: number, ownerLength: number, type: number, data: Uint8Array, at: number, length: number): void {
    this.#room -= ownerLength + RECORD_HEAD_BYTES + length
    this.#answer.answer.add(this.#memory, owner, type, this.#ttl, data, at, length)
  }

  /** True if the next item is to be added: no earlier message has it, and there is room in this one. */
  #begins(): boolean {
    if (this.#isFull) return false
    if (this.#item >= this.#sent && this.#room < MAX_RECORD_BYTES) this.#isFull = true
    else this.#item++
    return !this.#isFull && this.#item > this.#sent
  }

  #isNew(record: string): boolean {
    if (this.#known.has(record)) return false
    this.#known.add(record)
    return true
  }

  /** Of each record of the name that port `i` of a slice has: they share a hundred with all endpoints behind that name. */
  #namedWeight(entry: number, ports: Ports, i: number): number {
    const { services, slices } = this.#index
    let entries = 0
    for (let slice = services.firstSlice(entry); slice !== 0; slice = slices.next(slice))
      entries += this.#namesakes(ports, i, this.#portsOf(slice)) * this.#count(slice)
    return weightOf(entries)
  }

  /** How many of the ports `among` have name and protocol of port `i`. */
  #namesakes(ports: Ports, i: number, among: Ports): number {
    const { words, bytes } = this.#index.slab
    const name = portNameAt(words, ports.block, ports.at, i)
    const protocol = ports.block + portProtocolAt(words, ports.block, ports.at, i)
    let found = 0
    for (let j = 0; name !== 0 && j < among.count; j++) {
      const other = portNameAt(words, among.block, among.at, j)
      if (other === 0 || !sameLabel(bytes, ports.block + name, among.block + other)) continue
      if (sameLabel(bytes, protocol, among.block + portProtocolAt(words, among.block, among.at, j))) found++
    }
    return found
  }

  #write(from: Uint8Array, at: number, length: number): void {
    for (let i = 0; i < length; i++) this.#memory[this.#used++] = from[at + i]!
  }

  /** The label at `at` with an underscore before it (RFC 2782). */
  #writeUnderscored(from: Uint8Array, at: number): void {
    const length = from[at]!
    this.#memory[this.#used++] = length + 1
    this.#memory[this.#used++] = UNDERSCORE
    this.#write(from, at + 1, length)
  }
}

/** Items of an endpoint: its address under two names, each port under two. */
function itemsOf(ports: number): number {
  return 2 + 2 * ports
}

function sameLabel(bytes: Uint8Array, a: number, b: number): boolean {
  return equalOctets(bytes, a, bytes, b, bytes[a]! + 1)
}

function octetsText(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
