/**
 * From what a look-up found to records of the answer: addresses, SRV and PTR. Record data of addresses stays in the index
 * and is pointed at; what has to be put together (SRV, PTR) goes into the answer's scratch memory.
 */
import { type Answer, QUESTION, type Query } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_LABEL_BYTES, MAX_NAME_BYTES, type Name } from '../../server/wire/name.ts'
import { addressAt, addressLength, count4, count6 } from './index/address-set.ts'
import { Distinct } from './index/distinct.ts'
import type { Index } from './index/index.ts'
import { portNumber } from './index/ports.ts'
import type { Lookup } from './lookup.ts'
import { NAME } from './name.ts'

/** That many records of 16 octets fit no message (RFC 1035 §4.2.2): more would only cost time. */
const MAX_RECORDS = 4096
const MAX_LABEL = MAX_LABEL_BYTES + 1
const SVC = Uint8Array.of(3, 0x73, 0x76, 0x63)

const seen = new Distinct()
const seenPairs = new Distinct()

export class Records {
  readonly #index: Index
  readonly #found: Lookup
  readonly #ttl: number

  constructor(index: Index, found: Lookup, ttl: number) {
    this.#index = index
    this.#found = found
    this.#ttl = ttl
  }

  /** Adds the A or AAAA records of the name that was looked up. */
  addresses(q: Query, type: number): void {
    const { services } = this.#index
    const found = this.#found
    if (found.name === NAME.POD) this.#podAddress(q.answer, type)
    else if (found.name === NAME.ENDPOINT) this.#endpointAddresses(q.answer, type)
    else if (!services.isHeadless(found.data)) this.#setAddresses(q.answer, services.set(found.data), type)
    else this.#headlessAddresses(q, type)
  }

  #podAddress(a: Answer, type: number): void {
    const { octets, octetsLength } = this.#found
    if (octetsLength !== (type === TYPE.A ? 4 : 16)) return
    const data = a.scratch(octetsLength)
    for (let i = 0; i < octetsLength; i++) data[a.scratchAt + i] = octets[i]!
    a.answer.add(QUESTION, 0, type, this.#ttl, data, a.scratchAt, octetsLength)
  }

  #setAddresses(a: Answer, set: number, type: number): void {
    const { words, bytes } = this.#index.slab
    const fours = count4(words, set)
    const from = type === TYPE.A ? 0 : fours
    const end = type === TYPE.A ? fours : fours + count6(words, set)
    const length = type === TYPE.A ? 4 : 16
    let at = addressAt(words, set, from)
    for (let i = from; i < end && a.answer.count < MAX_RECORDS; i++, at += length) {
      a.answer.add(QUESTION, 0, type, this.#ttl, bytes, at, length)
    }
  }

  /** All slices of the service; an address that stands in several of them is answered once. */
  #headlessAddresses(q: Query, type: number): void {
    const { slices, services, slab } = this.#index
    const found = this.#found
    const { answer } = q.answer
    let contributed = 0
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      const set = slices.set(slice)
      if ((type === TYPE.A ? count4(slab.words, set) : count6(slab.words, set)) === 0) continue
      if (found.name === NAME.PORT && found.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice)) === 0)
        continue
      contributed += slices.repeats(slice) ? 2 : 1
      this.#setAddresses(q.answer, set, type)
      if (answer.count >= MAX_RECORDS) break
    }
    if (contributed > 1) removeRepeats(q.answer)
  }

  #endpointAddresses(a: Answer, type: number): void {
    const { words, bytes } = this.#index.slab
    const { slices } = this.#index
    const found = this.#found
    const length = type === TYPE.A ? 4 : 16
    for (let i = 0; i < found.endpoints && a.answer.count < MAX_RECORDS; i++) {
      const set = slices.set(found.slice[i]!)
      if (addressLength(words, set, found.address[i]!) !== length) continue
      a.answer.add(QUESTION, 0, type, this.#ttl, bytes, addressAt(words, set, found.address[i]!), length)
    }
    if (found.endpoints > 1) removeRepeats(a)
  }

  /** Adds the SRV records of the name that was looked up, and the addresses of their targets. `left`: labels before the zone. */
  srv(q: Query, left: number): void {
    const { services } = this.#index
    const found = this.#found
    if (found.name === NAME.ENDPOINT) this.#endpointSrv(q)
    else if (services.isHeadless(found.data)) this.#headlessSrv(q, left - 3)
    else this.#serviceSrv(q, left - 3)
  }

  /** The target is the service itself: label `label` of the question and what follows. */
  #serviceSrv(q: Query, label: number): void {
    const { services, slab } = this.#index
    const { asked, data } = this.#found
    const portsAt = services.portsAt(data)
    const ports = services.portCount(data)
    const set = services.set(data)
    const addresses = count4(slab.words, set) + count6(slab.words, set)
    const weight = weightOf(asked * addresses)
    if (addresses === 0) return
    this.#portSrv(q, data, portsAt, ports, weight, label, asked === ports)
    if (q.answer.answer.count > 0) this.#extraSet(q, set, q.labelAt[label]!)
  }

  /** The target is the question's name, which is an endpoint's. */
  #endpointSrv(q: Query): void {
    const { slices, slab } = this.#index
    const found = this.#found
    let entries = 0
    for (let i = 0; i < found.endpoints; i++) entries += slices.portCount(found.slice[i]!)
    for (let i = 0; i < found.endpoints; i++) {
      const slice = found.slice[i]!
      this.#portSrv(q, slice, slices.portsAt(slice), slices.portCount(slice), weightOf(entries), 0, true)
    }
    if (q.answer.answer.count === 0) return
    const { additional } = q.answer
    seen.clear()
    for (let i = 0; i < found.endpoints && additional.count < MAX_RECORDS; i++) {
      const set = slices.set(found.slice[i]!)
      const length = addressLength(slab.words, set, found.address[i]!)
      const at = addressAt(slab.words, set, found.address[i]!)
      if (seen.add(slab.bytes, at, length))
        additional.add(QUESTION, 0, typeOf(length), this.#ttl, slab.bytes, at, length)
    }
  }

  /** One SRV record per port asked for (`all`: each is) and not there already; the question from `label` on is the target. */
  #portSrv(q: Query, block: number, portsAt: number, ports: number, weight: number, label: number, all: boolean): void {
    const { words } = this.#index.slab
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const length = 6 + q.qnameLength - from
    for (let i = 0; i < ports && answer.count < MAX_RECORDS; i++) {
      if (!all && !this.#found.isAskedPort(q, block, portsAt, i)) continue
      const port = portNumber(words, block, portsAt, i)
      if (hasPort(q.answer, port)) continue
      const data = q.answer.scratch(length)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, weight, port)
      for (let j = from; j < q.qnameLength; j++) data[at + 6 + j - from] = q.qname[j]!
      answer.add(QUESTION, 0, TYPE.SRV, this.#ttl, data, at, length)
    }
  }

  #extraSet(q: Query, set: number, ownerAt: number): void {
    const { words, bytes } = this.#index.slab
    const fours = count4(words, set)
    const count = fours + count6(words, set)
    for (let i = 0; i < count; i++) {
      const length = i < fours ? 4 : 16
      q.answer.additional.add(QUESTION, ownerAt, typeOf(length), this.#ttl, bytes, addressAt(words, set, i), length)
    }
  }

  /** The targets are the endpoints; label `label` of the question is the service's. */
  #headlessSrv(q: Query, label: number): void {
    const { services, slices, slab } = this.#index
    const found = this.#found
    let entries = 0
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      const set = slices.set(slice)
      const ports = found.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice))
      entries += ports * (count4(slab.words, set) + count6(slab.words, set))
    }
    const weight = weightOf(entries)
    seen.clear()
    seenPairs.clear()
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      const set = slices.set(slice)
      const count = count4(slab.words, set) + count6(slab.words, set)
      for (let i = 0; i < count && q.answer.answer.count < MAX_RECORDS; i++)
        this.#endpointRecords(q, slice, i, weight, label)
    }
  }

  /** SRV records of one endpoint address, one per port, and that address. */
  #endpointRecords(q: Query, slice: number, i: number, weight: number, label: number): void {
    const { slices, slab } = this.#index
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const portsAt = slices.portsAt(slice)
    const ports = slices.portCount(slice)
    let owned = false
    for (let port = 0; port < ports; port++) {
      if (!this.#found.isAskedPort(q, slice, portsAt, port)) continue
      const data = q.answer.scratch(6 + MAX_LABEL + q.qnameLength - from)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, weight, portNumber(slab.words, slice, portsAt, port))
      const targetAt = at + 6
      let end = targetAt + slices.writeName(slice, i, data, targetAt)
      if (end - targetAt + q.qnameLength - from > MAX_NAME_BYTES) return // no name, and no client would read the rest
      // Port and label tell the records apart: what follows is the same in all of them.
      const isNew = seen.add(data, at + 4, end - at - 4)
      for (let j = from; j < q.qnameLength; j++) data[end++] = q.qname[j]!
      if (isNew) answer.add(QUESTION, 0, TYPE.SRV, this.#ttl, data, at, end - at)
      if (owned) continue
      owned = true
      this.#extraOf(q.answer, slice, i, data, targetAt)
    }
  }

  /** The address behind a target, once: it may stand in several slices, and several endpoints may have one name. */
  #extraOf(a: Answer, slice: number, i: number, target: Uint8Array, targetAt: number): void {
    const { slices, slab } = this.#index
    const set = slices.set(slice)
    const length = addressLength(slab.words, set, i)
    const at = addressAt(slab.words, set, i)
    if (!this.#isNewPair(a, slice, i, at, length)) return
    a.additional.add(target, targetAt, typeOf(length), this.#ttl, slab.bytes, at, length)
  }

  /** True if this name with this address was not there yet. */
  #isNewPair(a: Answer, slice: number, i: number, at: number, length: number): boolean {
    const { slices, slab } = this.#index
    const key = a.scratch(MAX_LABEL + length)
    const keyAt = a.scratchAt
    const end = keyAt + slices.writeName(slice, i, key, keyAt)
    for (let j = 0; j < length; j++) key[end + j] = slab.bytes[at + j]!
    return seenPairs.add(key, keyAt, end + length - keyAt)
  }

  /** Adds the PTR records of the address that was looked up: the service's name, or those of all endpoints there. */
  ptr(q: Query, zone: Name): void {
    const { slices } = this.#index
    const found = this.#found
    if (found.service !== 0) this.#ptrTo(q.answer, found.service, zone, 0, -1)
    seen.clear()
    for (let i = 0; i < found.endpoints && q.answer.answer.count < MAX_RECORDS; i++) {
      const slice = found.slice[i]!
      this.#ptrTo(q.answer, slices.service(slice), zone, slice, found.address[i]!)
    }
  }

  #ptrTo(a: Answer, service: number, zone: Name, slice: number, address: number): void {
    const { services, slices, slab } = this.#index
    const { bytes } = slab
    const labels = services.labelsAt(service)
    const namespaceAt = labels + bytes[labels]! + 1
    const labelsEnd = namespaceAt + bytes[namespaceAt]! + 1
    const data = a.scratch(MAX_LABEL + labelsEnd - labels + SVC.length + zone.length)
    const at = a.scratchAt
    let end = at
    if (slice !== 0) end += slices.writeName(slice, address, data, at)
    for (let i = labels; i < labelsEnd; i++) data[end++] = bytes[i]!
    for (let i = 0; i < SVC.length; i++) data[end++] = SVC[i]!
    for (let i = 0; i < zone.length; i++) data[end++] = zone[i]!
    if (end - at > MAX_NAME_BYTES) return // CoreDNS: sends it, and the client drops the whole message
    if (this.#found.endpoints > 1 && !seen.add(data, at, end - at)) return
    a.answer.add(QUESTION, 0, TYPE.PTR, this.#ttl, data, at, end - at)
  }
}

/** CoreDNS: a hundred shared by all combinations of address and port, at least one each. */
function weightOf(entries: number): number {
  return entries === 0 ? 100 : Math.max(1, Math.floor(100 / entries))
}

function typeOf(addressLength: number): number {
  return addressLength === 4 ? TYPE.A : TYPE.AAAA
}

/** Priority 0, weight, port (RFC 2782). */
function writeSrvHead(data: Uint8Array, at: number, weight: number, port: number): void {
  data[at] = data[at + 1] = data[at + 2] = 0
  data[at + 3] = weight
  data[at + 4] = port >> 8
  data[at + 5] = port & 255
}

/** True if an SRV record with this port is in the answer; all of them have one target. */
function hasPort(a: Answer, port: number): boolean {
  const { answer } = a
  for (let i = 0; i < answer.count; i++) {
    const at = answer.dataAt[i]! + 4
    if (((answer.data[i]![at]! << 8) | answer.data[i]![at + 1]!) === port) return true
  }
  return false
}

/** Takes records whose data is there already out of the answer section. */
function removeRepeats(a: Answer): void {
  const { answer } = a
  seen.clear()
  let kept = 0
  for (let i = 0; i < answer.count; i++) {
    if (!seen.add(answer.data[i]!, answer.dataAt[i]!, answer.dataLength[i]!)) continue
    answer.swap(kept++, i)
  }
  answer.count = kept
}
