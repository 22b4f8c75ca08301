/**
 * SRV records: of services with addresses of their own, the ports under the service's name; of headless ones, the ports of
 * each endpoint under its name. And, as additional records, the addresses of these names. As many as the reply holds.
 */
import { QUESTION, type Query } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_NAME_BYTES } from '../../server/wire/name.ts'
import { addressAt, addressCount, addressLength, count4 } from './index/address-set.ts'
import { Distinct } from './index/distinct.ts'
import { portNumber } from './index/ports.ts'
import type { Lookup } from './lookup.ts'
import { NAME, SERVICE_LABELS } from './name.ts'
import { LEAST_BYTES, Room, recordsThatFit } from './room.ts'

/** Priority, weight, port. */
const SRV_HEAD_BYTES = 6
const ADDRESS_BYTES = 16

const seen = new Distinct()
const seenPairs = new Distinct()
const room = new Room()

export class Srv {
  readonly #found: Lookup
  readonly #ttl: number
  /** Which ports of the slice at hand the question means. */
  readonly #ports: number[] = []
  #portCount = 0
  #weight = 0
  /** An endpoint's address, or a port, may stand in several slices, or twice in one. */
  #hasRepeats = false

  constructor(found: Lookup, ttl: number) {
    this.#found = found
    this.#ttl = ttl
  }

  /** Adds the SRV records of the name that was looked up, and the addresses of their targets. `left`: labels before the zone. */
  add(q: Query, left: number): void {
    const { services } = this.#found.index
    const found = this.#found
    const service = left - SERVICE_LABELS
    room.begin(q)
    seen.clear()
    if (found.name === NAME.ENDPOINT) this.#endpointSrv(q)
    else if (found.name === NAME.PIN) this.#zonalSrv(q, service)
    else if (services.isHeadless(found.data)) this.#headlessSrv(q, service)
    else this.#serviceSrv(q, service)
  }

  /** The target is the service itself: label `label` of the question and what follows. */
  #serviceSrv(q: Query, label: number): void {
    const { services, slab } = this.#found.index
    const { asked, data } = this.#found
    const set = services.set(data)
    const addresses = addressCount(slab.words, set)
    if (addresses === 0) return
    this.#weight = weightOf(asked * addresses)
    this.#hasRepeats = asked > 1
    this.#portSrv(q, data, services.portsAt(data), services.portCount(data), label, asked)
    if (q.answer.answer.count > 0) this.#extraSet(q, set, q.labelAt[label]!)
  }

  /** The target is the question's name, which is an endpoint's. */
  #endpointSrv(q: Query): void {
    const { slices } = this.#found.index
    const found = this.#found
    let entries = 0
    for (let i = 0; i < found.endpoints; i++) entries += slices.portCount(found.slice[i]!)
    this.#weight = weightOf(entries)
    this.#hasRepeats = entries > 1
    let last = 0
    for (let i = 0; i < found.endpoints && !room.isFull; i++) {
      const slice = found.slice[i]!
      if (slice === last) continue // of one name, those of a slice stand together
      last = slice
      const ports = slices.portCount(slice)
      this.#portSrv(q, slice, slices.portsAt(slice), ports, 0, ports)
    }
    if (q.answer.answer.count > 0) this.#extraFound(q)
  }

  /** The addresses of the endpoints that were found, which all have the question's name. */
  #extraFound(q: Query): void {
    const { slices, slab } = this.#found.index
    const { endpoints, slice, address } = this.#found
    seen.clear()
    const start = endpoints > recordsThatFit(q, ADDRESS_BYTES) ? random() % endpoints : 0
    for (let n = 0, i = start; n < endpoints && room.holdsMore; n++) {
      const set = slices.set(slice[i]!)
      const length = addressLength(slab.words, set, address[i]!)
      const at = addressAt(slab.words, set, address[i]!)
      if (seen.add(slab.bytes, at, length)) this.#addExtra(q, QUESTION, 0, at, length)
      if (++i === endpoints) i = 0
    }
  }

  /**
   * One SRV record per port asked for (so many of them are) and not there already; the question from `label` on is the
   * target.
   */
  #portSrv(q: Query, block: number, portsAt: number, ports: number, label: number, asked: number): void {
    const { words } = this.#found.index.slab
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const length = SRV_HEAD_BYTES + q.qnameLength - from
    const start = asked > 1 && asked > recordsThatFit(q, length) ? random() % ports : 0
    for (let n = 0, i = start; n < ports && !room.isFull; n++) {
      const port = i
      if (++i === ports) i = 0
      if (asked < ports && !this.#found.isAskedPort(q, block, portsAt, port)) continue
      const data = q.answer.scratch(length)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, this.#weight, portNumber(words, block, portsAt, port))
      if (this.#hasRepeats && !seen.add(data, at + 4, 2)) {
        q.answer.trimScratch(0)
        continue
      }
      for (let j = from; j < q.qnameLength; j++) data[at + SRV_HEAD_BYTES + j - from] = q.qname[j]!
      answer.add(QUESTION, 0, TYPE.SRV, this.#ttl, data, at, length)
      room.takeAnswer(length)
    }
  }

  #extraSet(q: Query, set: number, ownerAt: number): void {
    const { words } = this.#found.index.slab
    const fours = count4(words, set)
    const count = addressCount(words, set)
    for (let i = 0; i < count && room.holdsMore; i++)
      this.#addExtra(q, QUESTION, ownerAt, addressAt(words, set, i), i < fours ? 4 : 16)
  }

  #addExtra(q: Query, owner: Uint8Array | null, ownerAt: number, at: number, length: number): void {
    const { bytes } = this.#found.index.slab
    q.answer.additional.add(owner, ownerAt, typeOf(length), this.#ttl, bytes, at, length)
    room.takeAdditional(length)
  }

  /** The targets are the endpoints; label `label` of the question is the service's. */
  #headlessSrv(q: Query, label: number): void {
    const { services, slices, slab } = this.#found.index
    const found = this.#found
    let entries = 0
    let addresses = 0
    let contributed = 0
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      const set = slices.set(slice)
      const ports = found.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice))
      const count = addressCount(slab.words, set)
      addresses += count
      entries += ports * count
      if (ports > 0) contributed += slices.repeats(slice) ? 2 : 1
    }
    const start = this.#begin(q, label, addresses, entries, contributed > 1)
    this.#srvRange(q, label, start, addresses)
    this.#srvRange(q, label, 0, start)
  }

  /** Where to begin with so many addresses, that have so many combinations with ports. */
  #begin(q: Query, label: number, addresses: number, entries: number, hasRepeats: boolean): number {
    this.#weight = weightOf(entries)
    this.#hasRepeats = hasRepeats
    if (hasRepeats) seenPairs.clear()
    // The least that they take: a target is a label, and what follows the service's.
    const leastBytes =
      entries * (LEAST_BYTES + SRV_HEAD_BYTES + 2 + q.qnameLength - q.labelAt[label]!) + addresses * (LEAST_BYTES + 4)
    return leastBytes > q.replyBytes ? random() % addresses : 0
  }

  /** SRV records of the endpoints `from` up to `end`, counted over all slices, until the reply is full. */
  #srvRange(q: Query, label: number, from: number, end: number): void {
    const { services, slices, slab } = this.#found.index
    let passed = 0
    for (
      let slice = services.firstSlice(this.#found.service);
      slice !== 0 && passed < end && !room.isFull;
      slice = slices.next(slice)
    ) {
      const set = slices.set(slice)
      const count = addressCount(slab.words, set)
      const first = Math.max(0, from - passed)
      const last = Math.min(count, end - passed)
      passed += count
      if (first >= last) continue
      this.#readPorts(q, slice)
      for (let i = first; i < last && !room.isFull; i++) this.#endpointRecords(q, slice, i, label)
    }
  }

  /** The targets are the endpoints that were found; label `label` of the question is the service's. */
  #zonalSrv(q: Query, label: number): void {
    const { slices } = this.#found.index
    const { endpoints, slice, address } = this.#found
    if (endpoints === 0) return
    let entries = 0
    for (let i = 0; i < endpoints; i++) entries += slices.portCount(slice[i]!)
    const start = this.#begin(q, label, endpoints, entries, endpoints > 1)
    let last = 0
    for (let n = 0, i = start; n < endpoints && !room.isFull; n++) {
      if (slice[i] !== last) {
        last = slice[i]!
        this.#readPorts(q, last)
      }
      this.#endpointRecords(q, last, address[i]!, label)
      if (++i === endpoints) i = 0
    }
  }

  #readPorts(q: Query, slice: number): void {
    const { slices } = this.#found.index
    const portsAt = slices.portsAt(slice)
    const count = slices.portCount(slice)
    this.#portCount = 0
    for (let i = 0; i < count; i++) {
      if (!this.#found.isAskedPort(q, slice, portsAt, i)) continue
      this.#ports[this.#portCount++] = portNumber(this.#found.index.slab.words, slice, portsAt, i)
    }
  }

  /** SRV records of one endpoint address, one per port, and that address. */
  #endpointRecords(q: Query, slice: number, i: number, label: number): void {
    const { slices } = this.#found.index
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const suffixBytes = q.qnameLength - from
    const mostBytes = SRV_HEAD_BYTES + slices.maxNameBytes(slice) + suffixBytes + ADDRESS_BYTES
    room.look()
    for (let port = 0; port < this.#portCount && !room.isFull; port++) {
      const data = q.answer.scratch(mostBytes)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, this.#weight, this.#ports[port]!)
      const targetAt = at + SRV_HEAD_BYTES
      let end = targetAt + slices.writeName(slice, i, data, targetAt)
      if (end - targetAt + suffixBytes > MAX_NAME_BYTES) {
        q.answer.trimScratch(0)
        return // no name, and no client would read the rest
      }
      // Port and label tell the records apart: what follows is the same in all of them.
      const isNew = seen.add(data, at + 4, end - at - 4)
      for (let j = from; j < q.qnameLength; j++) data[end++] = q.qname[j]!
      if (isNew) {
        answer.add(QUESTION, 0, TYPE.SRV, this.#ttl, data, at, end - at)
        room.takeAnswer(end - at)
      }
      const isOwner = port === 0 && room.holdsMore && this.#addExtraOf(q, slice, i, data, targetAt, end)
      const used = isOwner && this.#hasRepeats ? end + ADDRESS_BYTES : isNew || isOwner ? end : at
      q.answer.trimScratch(used - at)
    }
  }

  /** The address behind a target, once; what stands behind the target's end is overwritten. False if it was there. */
  #addExtraOf(q: Query, slice: number, i: number, target: Uint8Array, targetAt: number, end: number): boolean {
    const { slices, slab } = this.#found.index
    const set = slices.set(slice)
    const length = addressLength(slab.words, set, i)
    const at = addressAt(slab.words, set, i)
    if (this.#hasRepeats) {
      for (let j = 0; j < length; j++) target[end + j] = slab.bytes[at + j]!
      if (!seenPairs.add(target, targetAt, end + length - targetAt)) return false
    }
    this.#addExtra(q, target, targetAt, at, length)
    return true
  }
}

/** CoreDNS: a hundred shared by all combinations of address and port, at least one each. */
export function weightOf(entries: number): number {
  return entries === 0 ? 100 : Math.max(1, Math.floor(100 / entries))
}

export function typeOf(addressLength: number): number {
  return addressLength === 4 ? TYPE.A : TYPE.AAAA
}

/** Priority 0, weight, port (RFC 2782). */
export function writeSrvHead(data: Uint8Array, at: number, weight: number, port: number): void {
  data[at] = data[at + 1] = data[at + 2] = 0
  data[at + 3] = weight
  data[at + 4] = port >> 8
  data[at + 5] = port & 255
}
