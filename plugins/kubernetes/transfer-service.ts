/**
 * The records of one service after the other for a zone transfer. A service that is larger than a message is sent in parts:
 * each record has a key, a hash of what it says, and a message takes all records of the next range of keys, as they are at
 * that moment. So a record that stood all the time is sent, once, whatever else changes and wherever in the index it moves;
 * and all that outlives a message is a number.
 */
import { TYPE } from '../../server/wire/codes.ts'
import { HASH_START, hashOctet, MAX_NAME_BYTES, type Name } from '../../server/wire/name.ts'
import { addressAt, addressCount, addressLength } from './index/address-set.ts'
import type { Index } from './index/index.ts'
import { portNameAt, portNumber, portProtocolAt } from './index/ports.ts'
import type { Lookup } from './lookup.ts'
import { SVC } from './name.ts'
import { typeOf, weightOf, writeSrvHead } from './srv.ts'
import type { TransferMessage } from './transfer-message.ts'
import { PortHashes, PortNames, type Ports } from './transfer-ports.ts'

const UNDERSCORE = 0x5f
const SRV_HEAD_BYTES = 6
/** Keys are whole numbers below. Their last bits tell records of one endpoint apart, so that most are passed over at a glance. */
const KEYS = 2 ** 32
const DETAIL = 0xfff
/** How much of a message a range of keys should fill: what is in it is known only once it has been looked at. */
const AIM = 0.8
const MIN_SHARE = 1 / 64

// Of no use beyond the message at hand, and so shared by all transfers.
const hashes = new PortHashes()
const names = new PortNames()

export class ServiceRecords {
  readonly #index: Index
  readonly #found: Lookup
  readonly #zone: Name
  readonly #ttl: number
  readonly #message: TransferMessage
  /** The service at hand, 0 if there is none: its records with keys below `#from` are sent. */
  #entry = 0
  /** What its Service says. */
  #data = 0
  #from = 0
  #width = KEYS
  /** The records at hand: those with keys from `#from` up to here. */
  #end = KEYS
  #isTooMany = false
  /** How much of the service was looked at, and how much there is. */
  #seen = 0
  #total = 0
  #hasNames = false
  /** Where the service's name stands in the message's memory, and its octets. */
  #nameAt = 0
  #nameBytes = 0
  /** The same for the endpoint at hand, 0 octets until it is needed. */
  #targetAt = 0
  #targetBytes = 0

  constructor(found: Lookup, zone: Name, ttl: number, message: TransferMessage) {
    this.#index = found.index
    this.#found = found
    this.#zone = zone
    this.#ttl = ttl
    this.#message = message
  }

  /** Adds the records of a service (its entry). False if the message is full first: the next one goes on with the same. */
  add(entry: number): boolean {
    const message = this.#message
    if (entry !== this.#entry) {
      this.#entry = entry
      this.#from = 0
      this.#width = KEYS
    }
    while (this.#from < KEYS) {
      this.#end = Math.min(KEYS, this.#from + this.#width)
      message.mark()
      this.#addWhole(entry)
      if (this.#isTooMany) {
        message.undo()
        if (message.isMostlyFull) return false
        const share = Math.max(MIN_SHARE, this.#seen / this.#total)
        this.#width = Math.max(1, Math.floor((this.#end - this.#from) * share * AIM))
        continue
      }
      const width = (this.#end - this.#from) / Math.max(1, message.octets)
      this.#from = this.#end
      if (this.#from === KEYS) break
      const isDone = message.isMostlyFull
      const room = isDone ? message.room + message.octets : message.room
      this.#width = Math.max(1, Math.floor(width * room * AIM))
      if (isDone) return false
    }
    this.#entry = 0
    return true
  }

  /** Adds the records at hand as they stand at one moment. */
  #addWhole(entry: number): void {
    const { lock } = this.#index.slab
    for (;;) {
      const seen = lock.now()
      this.#addRange(entry)
      if (!lock.isOver(seen)) return
      this.#message.undo()
    }
  }

  /** Adds the service's records with keys from `#from` up to `#end`. */
  #addRange(entry: number): void {
    const { services } = this.#index
    const data = services.data(entry)
    this.#data = data
    this.#isTooMany = this.#hasNames = false
    this.#seen = 0
    if (data === 0 || !this.#found.isExposed(services.namespace(entry))) return
    const { used, records } = this.#message
    this.#writeName(entry)
    if (this.#nameBytes > MAX_NAME_BYTES) this.#message.used = used
    else if (services.isExternal(data)) this.#addTarget(data)
    else if (services.isHeadless(data)) this.#addEndpoints(entry)
    else if (!this.#found.isIgnored(entry)) this.#addClusterIPs(data)
    if (this.#message.records === records) this.#message.used = used
  }

  /** True if records of this name or address (its place among the keys) may be among those at hand. */
  #isNear(place: number): boolean {
    return (place | DETAIL) >>> 0 >= this.#from && (place & ~DETAIL) >>> 0 < this.#end
  }

  /** True if the record with this key is to be added. */
  #isDue(key: number): boolean {
    if (key < this.#from || key >= this.#end || this.#isTooMany) return false
    this.#isTooMany = this.#message.isFull && this.#end - this.#from > 1 // what has one key cannot be parted
    return !this.#isTooMany
  }

  #writeName(entry: number): void {
    const { services, slab } = this.#index
    const message = this.#message
    const from = services.labelsAt(entry)
    this.#nameAt = message.used
    message.write(slab.bytes, from, services.labelsEnd(entry) - from)
    message.write(SVC, 0, SVC.length)
    message.write(this.#zone, 0, this.#zone.length)
    this.#nameBytes = message.used - this.#nameAt
  }

  #addTarget(data: number): void {
    const { services, slab } = this.#index
    const at = services.targetAt(data)
    if (at === 0 || !this.#isDue(0)) return
    const bytes = services.targetLength(data)
    this.#message.add(0, this.#nameAt, this.#nameBytes, TYPE.CNAME, this.#ttl, slab.bytes, at, bytes)
  }

  #addClusterIPs(data: number): void {
    const { services, slab } = this.#index
    const set = services.set(data)
    const count = addressCount(slab.words, set)
    if (count === 0) return
    const ports = { block: data, at: services.portsAt(data), count: services.portCount(data) }
    this.#total = count + ports.count
    for (let i = 0; i < count; i++, this.#seen++) {
      const key = keyOf(this.#placeOfAddress(set, i), 0)
      if (this.#isDue(key)) this.#addAddress(key, this.#nameAt, this.#nameBytes, set, i)
    }
    hashes.read(slab, ports)
    this.#targetAt = this.#nameAt
    this.#targetBytes = this.#nameBytes
    const weight = weightOf(ports.count * count)
    for (let i = 0; i < ports.count && !this.#isTooMany; i++, this.#seen++) this.#addSrv(ports, i, 0, weight)
  }

  /** Of a headless service: the addresses of its name and of its endpoints' names, and the SRV records that lead to these. */
  #addEndpoints(entry: number): void {
    const { services, slices, slab } = this.#index
    let entries = 0
    this.#total = 0
    for (let slice = services.firstSlice(entry); slice !== 0; slice = slices.next(slice)) {
      const count = addressCount(slab.words, slices.set(slice))
      entries += slices.portCount(slice) * count
      this.#total += count
    }
    const weight = weightOf(entries)
    for (let slice = services.firstSlice(entry); slice !== 0 && !this.#isTooMany; slice = slices.next(slice)) {
      const ports = this.#portsOf(slice)
      const count = addressCount(slab.words, slices.set(slice))
      hashes.read(slab, ports)
      for (let i = 0; i < count && !this.#isTooMany; i++, this.#seen++) this.#addEndpoint(slice, i, ports, weight)
    }
  }

  #addEndpoint(slice: number, i: number, ports: Ports, weight: number): void {
    const { slices, slab } = this.#index
    const message = this.#message
    const { used, records } = message
    const set = slices.set(slice)
    const address = this.#placeOfAddress(set, i)
    const labelAt = slices.labelAt(slice, i)
    const label = labelAt === 0 ? address : placeOf(slab.bytes, labelAt, slab.bytes[labelAt]! + 1)
    const isLabelNear = this.#isNear(label)
    if (!isLabelNear && !this.#isNear(address)) return
    this.#targetBytes = 0
    const key = keyOf(address, 0)
    if (this.#isDue(key)) this.#addAddress(key, this.#nameAt, this.#nameBytes, set, i)
    const ownKey = keyOf(label, address ^ (address >>> 16) ^ DETAIL)
    if (this.#isDue(ownKey) && this.#hasTarget(slice, i))
      this.#addAddress(ownKey, this.#targetAt, this.#targetBytes, set, i)
    for (let port = 0; port < ports.count && isLabelNear; port++) this.#addSrv(ports, port, label, weight, slice, i)
    if (message.records === records) message.used = used
  }

  /** Writes the name of endpoint `i` of a slice if need be. False if it is too long to be one. */
  #hasTarget(slice: number, i: number): boolean {
    const message = this.#message
    if (this.#targetBytes === 0) {
      this.#targetAt = message.used
      message.used += this.#index.slices.writeName(slice, i, message.memory, message.used)
      message.write(message.memory, this.#nameAt, this.#nameBytes)
      this.#targetBytes = message.used - this.#targetAt
    }
    return this.#targetBytes <= MAX_NAME_BYTES
  }

  /** SRV records of port `i`, under the service's name and, if it has one, under its own. `label` is the target's place. */
  #addSrv(ports: Ports, i: number, label: number, weight: number, slice = 0, endpoint = 0): void {
    const key = keyOf(label, hashes.number[i]!)
    if (this.#isDue(key) && this.#hasTarget(slice, endpoint))
      this.#addSrvRecord(key, this.#nameAt, this.#nameBytes, weight, ports, i)
    const named = hashes.named[i]!
    const ownKey = keyOf(label, named)
    if (named === 0 || !this.#isDue(ownKey) || !this.#hasTarget(slice, endpoint)) return
    const { words, bytes } = this.#index.slab
    const message = this.#message
    const owner = message.used
    this.#writeUnderscored(bytes, ports.block + portNameAt(words, ports.block, ports.at, i))
    this.#writeUnderscored(bytes, ports.block + portProtocolAt(words, ports.block, ports.at, i))
    message.write(message.memory, this.#nameAt, this.#nameBytes)
    const ownerBytes = message.used - owner
    if (ownerBytes > MAX_NAME_BYTES) message.used = owner
    else this.#addSrvRecord(ownKey, owner, ownerBytes, weightOf(this.#entriesOf(ports, i)), ports, i)
  }

  #addSrvRecord(key: number, owner: number, ownerBytes: number, weight: number, ports: Ports, i: number): void {
    const message = this.#message
    const at = message.used
    writeSrvHead(message.memory, at, weight, portNumber(this.#index.slab.words, ports.block, ports.at, i))
    message.used += SRV_HEAD_BYTES
    message.write(message.memory, this.#targetAt, this.#targetBytes)
    const { records } = message
    message.add(key, owner, ownerBytes, TYPE.SRV, this.#ttl, message.memory, at, message.used - at)
    if (message.records === records) message.used = at
  }

  #addAddress(key: number, owner: number, ownerBytes: number, set: number, i: number): void {
    const { words, bytes } = this.#index.slab
    const length = addressLength(words, set, i)
    this.#message.add(key, owner, ownerBytes, typeOf(length), this.#ttl, bytes, addressAt(words, set, i), length)
  }

  /** How many combinations of endpoint and port share a hundred under the name of port `i`. */
  #entriesOf(ports: Ports, i: number): number {
    if (!this.#hasNames) this.#countNames()
    return names.entries(this.#index.slab, ports, i)
  }

  #countNames(): void {
    const { services, slices, slab } = this.#index
    const data = this.#data
    this.#hasNames = true
    names.clear()
    if (services.isHeadless(data)) {
      for (let slice = services.firstSlice(this.#entry); slice !== 0; slice = slices.next(slice))
        names.count(slab, this.#portsOf(slice), addressCount(slab.words, slices.set(slice)))
    } else {
      const ports = { block: data, at: services.portsAt(data), count: services.portCount(data) }
      names.count(slab, ports, addressCount(slab.words, services.set(data)))
    }
  }

  #portsOf(slice: number): Ports {
    const { slices } = this.#index
    return { block: slice, at: slices.portsAt(slice), count: slices.portCount(slice) }
  }

  #placeOfAddress(set: number, i: number): number {
    const { words, bytes } = this.#index.slab
    return placeOf(bytes, addressAt(words, set, i), addressLength(words, set, i))
  }

  /** The label at `at` with an underscore before it (RFC 2782). */
  #writeUnderscored(from: Uint8Array, at: number): void {
    const message = this.#message
    const length = from[at]!
    message.memory[message.used++] = length + 1
    message.memory[message.used++] = UNDERSCORE
    message.write(from, at + 1, length)
  }
}

/** Where among the keys those of a name or address are: a hash, evenly spread. */
function placeOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = HASH_START
  for (let i = at; i < at + length; i++) hash = hashOctet(hash, bytes[i]!)
  const h = Math.imul(hash, 0x85ebca6b)
  return h ^ (h >>> 16)
}

/** The key of a record there; `detail` is a hash of what else it says. */
function keyOf(place: number, detail: number): number {
  return ((place & ~DETAIL) | ((detail ^ (detail >>> 12)) & DETAIL)) >>> 0
}
