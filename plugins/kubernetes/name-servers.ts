/**
 * Who serves the zones: NS records, and the addresses of `ns.dns.ZONE`. Those are the services that have one of this server's
 * addresses among their endpoints: their ClusterIPs, of a headless one the endpoints. Where there is none, the addresses of
 * this server under `ns.dns.ZONE`. As many as the reply holds.
 */
import { QUESTION, type Query } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_NAME_BYTES, type Name, nameBelow, POINTER_BYTES } from '../../server/wire/name.ts'
import { addressAt, addressCount, addressLength, ownerOf, setOfLink } from './index/address-set.ts'
import { Distinct } from './index/distinct.ts'
import type { Index } from './index/index.ts'
import { SVC } from './name.ts'
import { Room, recordsThatFit } from './room.ts'
import { typeOf } from './srv.ts'
import type { Zone, Zones } from './zones.ts'

const ADDRESS_BYTES = 16

const room = new Room()
const seenServices = new Distinct()
const seen = new Distinct()
const seenPairs = new Distinct()

export class NameServers {
  readonly #index: Index
  readonly #ttl: number
  readonly #primary: Zone
  readonly #own = new Map<Zone, Name>()
  /** The zone whose name servers are asked for, and the type of their addresses: NS for names and addresses. */
  #zone: Zone
  #type: number = TYPE.NS
  /** Addresses of this server, 4 or 16 octets each. */
  local: readonly Uint8Array[] = []

  /** @param index this cluster's: the services that lead here are in no other */
  constructor(index: Index, zones: Zones, ttl: number) {
    this.#index = index
    this.#ttl = ttl
    this.#primary = this.#zone = zones.primary
    for (const zone of zones.all) this.#own.set(zone, nameBelow(zone.name, 'ns.dns'))
  }

  /** `ns.dns.ZONE`. */
  own(zone: Zone): Name {
    return this.#own.get(zone)!
  }

  /**
   * NS records, and the addresses that belong to them. Those of reverse and multicluster zones are names of the first
   * cluster zone: the services that lead here are this cluster's. All of it is in scratch memory of the answer.
   */
  addNs(q: Query, asked: Zone): void {
    const { answer } = q.answer
    // CoreDNS: names below in-addr.arpa, or below a multicluster zone, which nobody resolves.
    const zone = asked.reverse === 0 && !asked.multicluster ? asked : this.#primary
    this.#addAll(q, zone, TYPE.NS)
    if (answer.count === 0) answer.add(QUESTION, 0, TYPE.NS, this.#ttl, this.own(zone))
  }

  /** The addresses of `ns.dns.ZONE`, of a type. */
  addAddresses(q: Query, zone: Zone, type: number): void {
    this.#addAll(q, zone, type)
  }

  #addAll(q: Query, zone: Zone, type: number): void {
    this.#zone = zone
    this.#type = type
    room.begin(q)
    seenServices.clear()
    seen.clear()
    seenPairs.clear()
    let isFound = false
    for (let i = 0; i < this.local.length && !room.isFull; i++)
      isFound = this.#addServices(q, this.local[i]!) || isFound
    for (let i = 0; i < this.local.length && !isFound; i++) {
      const local = this.local[i]!
      this.#add(q, 0, 0, 0, local, 0, local.length)
    }
  }

  /** Adds the services that have an address among their endpoints. True if any has an address itself. */
  #addServices(q: Query, local: Uint8Array): boolean {
    const { slices, services, slab } = this.#index
    const { words, bytes } = slab
    const { addresses } = slices
    const { length } = local
    let isFound = false
    for (
      let link = addresses.first(local, 0, length);
      link !== 0 && !room.isFull;
      link = addresses.next(link, local, 0, length)
    ) {
      const service = slices.service(ownerOf(words, setOfLink(words, link)))
      const data = services.data(service)
      const labels = services.labelsAt(service)
      if (data === 0 || !seenServices.add(bytes, labels, services.labelsEnd(service) - labels)) continue
      if (services.isHeadless(data)) {
        this.#addEndpoints(q, service)
        isFound = true
      } else {
        const set = services.set(data)
        const count = addressCount(words, set)
        this.#addSet(q, service, 0, set, 0, count)
        isFound ||= count > 0
      }
    }
    return isFound
  }

  /** The endpoints of a headless service, from a random one on if there are more than the reply holds. */
  #addEndpoints(q: Query, service: number): void {
    const { services, slices } = this.#index
    let total = 0
    for (let slice = services.firstSlice(service); slice !== 0; slice = slices.next(slice)) total += this.#count(slice)
    const start = total > recordsThatFit(q, ADDRESS_BYTES) ? random() % total : 0
    this.#addRange(q, service, start, total)
    this.#addRange(q, service, 0, start)
  }

  #addRange(q: Query, service: number, from: number, end: number): void {
    const { services, slices } = this.#index
    let passed = 0
    for (
      let slice = services.firstSlice(service);
      slice !== 0 && passed < end && !room.isFull;
      slice = slices.next(slice)
    ) {
      const count = this.#count(slice)
      this.#addSet(q, service, slice, slices.set(slice), Math.max(0, from - passed), Math.min(count, end - passed))
      passed += count
    }
  }

  #count(slice: number): number {
    const { words } = this.#index.slab
    const set = this.#index.slices.set(slice)
    return addressCount(words, set)
  }

  #addSet(q: Query, service: number, slice: number, set: number, from: number, end: number): void {
    const { words, bytes } = this.#index.slab
    for (let i = from; i < end && !room.isFull; i++) {
      room.look()
      this.#add(q, service, slice, i, bytes, addressAt(words, set, i), addressLength(words, set, i))
    }
  }

  /** One address, of a service, of endpoint `i` of a slice if that is not 0, or of this server itself. */
  #add(q: Query, service: number, slice: number, i: number, bytes: Uint8Array, from: number, length: number): void {
    if (this.#type === TYPE.NS) this.#addNamed(q, service, slice, i, bytes, from, length)
    else if (typeOf(length) === this.#type && seen.add(bytes, from, length)) {
      q.answer.answer.add(QUESTION, 0, this.#type, this.#ttl, bytes, from, length)
      room.takeAnswer(length)
    }
  }

  #addNamed(
    q: Query,
    service: number,
    slice: number,
    i: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): void {
    const { answer, additional } = q.answer
    const data = q.answer.scratch(2 * MAX_NAME_BYTES + ADDRESS_BYTES)
    const at = q.answer.scratchAt
    const nameEnd = this.#writeName(service, slice, i, data, at)
    const end = nameEnd + length
    for (let j = 0; j < length; j++) data[nameEnd + j] = bytes[from + j]!
    const isNew = nameEnd - at <= MAX_NAME_BYTES && seenPairs.add(data, at, end - at)
    q.answer.trimScratch(isNew ? end - at : 0)
    if (!isNew) return
    if (seen.add(data, at, nameEnd - at)) {
      answer.add(QUESTION, 0, TYPE.NS, this.#ttl, data, at, nameEnd - at)
      room.takeAnswer(data[at]! + 1 + POINTER_BYTES)
    }
    if (!room.holdsMore) return
    additional.add(data, at, typeOf(length), this.#ttl, data, nameEnd, length)
    room.takeAdditional(length)
  }

  /** Writes the name that has the address; what is of another zone than the cluster's has this server's. Returns its end. */
  #writeName(service: number, slice: number, i: number, data: Uint8Array, at: number): number {
    // A cluster set need not have this cluster's services.
    if (service === 0 || this.#zone.multicluster) return write(this.own(this.#zone), 0, -1, data, at)
    const { services, slices, slab } = this.#index
    const labels = services.labelsAt(service)
    let end = at
    if (slice !== 0) end += slices.writeName(slice, i, data, at)
    end = write(slab.bytes, labels, services.labelsEnd(service), data, end)
    return write(this.#zone.name, 0, -1, data, write(SVC, 0, -1, data, end))
  }
}

/** Copies octets `from` up to `end`, -1 for all. Returns where they end. */
function write(bytes: Uint8Array, from: number, end: number, to: Uint8Array, at: number): number {
  const stop = end < 0 ? bytes.length : end
  for (let i = from; i < stop; i++) to[at++] = bytes[i]!
  return at
}
