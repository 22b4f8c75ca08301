/**
 * SRV records: of services with addresses of their own, the ports under the service's name; of headless ones, the ports of
 * each endpoint under its name. And, as additional records, the addresses of these names.
 */
import { type Answer, QUESTION, type Query } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_NAME_BYTES } from '../../server/wire/name.ts'
import { addressAt, addressLength, count4, count6 } from './index/address-set.ts'
import { Distinct } from './index/distinct.ts'
import { portNumber } from './index/ports.ts'
import type { Lookup } from './lookup.ts'
import { NAME, SERVICE_LABELS } from './name.ts'
import { MAX_RECORDS, recordsThatFit } from './records.ts'

/** Priority, weight, port. */
const SRV_HEAD_BYTES = 6

const seen = new Distinct()
const seenPairs = new Distinct()

export class Srv {
  readonly #found: Lookup
  readonly #ttl: number

  constructor(found: Lookup, ttl: number) {
    this.#found = found
    this.#ttl = ttl
  }

  /** Adds the SRV records of the name that was looked up, and the addresses of their targets. `left`: labels before the zone. */
  add(q: Query, left: number): void {
    const { services } = this.#found.index
    const found = this.#found
    const service = left - SERVICE_LABELS
    if (found.name === NAME.ENDPOINT) this.#endpointSrv(q)
    else if (found.name === NAME.PIN) this.#zonalSrv(q, service)
    else if (services.isHeadless(found.data)) this.#headlessSrv(q, service)
    else this.#serviceSrv(q, service)
  }

  /** The target is the service itself: label `label` of the question and what follows. */
  #serviceSrv(q: Query, label: number): void {
    const { services, slab } = this.#found.index
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
    const { slices, slab } = this.#found.index
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
    const { words } = this.#found.index.slab
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const length = SRV_HEAD_BYTES + q.qnameLength - from
    for (let i = 0; i < ports && answer.count < MAX_RECORDS; i++) {
      if (!all && !this.#found.isAskedPort(q, block, portsAt, i)) continue
      const port = portNumber(words, block, portsAt, i)
      if (hasPort(q.answer, port)) continue
      const data = q.answer.scratch(length)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, weight, port)
      for (let j = from; j < q.qnameLength; j++) data[at + SRV_HEAD_BYTES + j - from] = q.qname[j]!
      answer.add(QUESTION, 0, TYPE.SRV, this.#ttl, data, at, length)
    }
  }

  #extraSet(q: Query, set: number, ownerAt: number): void {
    const { words, bytes } = this.#found.index.slab
    const fours = count4(words, set)
    const count = fours + count6(words, set)
    for (let i = 0; i < count; i++) {
      const length = i < fours ? 4 : 16
      q.answer.additional.add(QUESTION, ownerAt, typeOf(length), this.#ttl, bytes, addressAt(words, set, i), length)
    }
  }

  /** The targets are the endpoints; label `label` of the question is the service's. */
  #headlessSrv(q: Query, label: number): void {
    const { services, slices, slab } = this.#found.index
    const found = this.#found
    let entries = 0
    let addresses = 0
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      const set = slices.set(slice)
      const ports = found.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice))
      const count = count4(slab.words, set) + count6(slab.words, set)
      addresses += count
      entries += ports * count
    }
    const limit = srvThatFit(q, label)
    const start = entries > limit ? random() % addresses : 0
    const weight = weightOf(entries)
    seen.clear()
    seenPairs.clear()
    this.#srvRange(q, label, weight, start, addresses, limit)
    this.#srvRange(q, label, weight, 0, start, limit)
  }

  /** SRV records of the endpoints `from` up to `end`, counted over all slices, until the answer has `limit` records. */
  #srvRange(q: Query, label: number, weight: number, from: number, end: number, limit: number): void {
    const { slices, services, slab } = this.#found.index
    const { answer } = q.answer
    let passed = 0
    for (
      let slice = services.firstSlice(this.#found.service);
      slice !== 0 && passed < end && answer.count < limit;
      slice = slices.next(slice)
    ) {
      const set = slices.set(slice)
      const count = count4(slab.words, set) + count6(slab.words, set)
      const last = Math.min(count, end - passed)
      for (let i = Math.max(0, from - passed); i < last && answer.count < limit; i++)
        this.#endpointRecords(q, slice, i, weight, label)
      passed += count
    }
  }

  /** The targets are the endpoints that were found; label `label` of the question is the service's. */
  #zonalSrv(q: Query, label: number): void {
    const { slices } = this.#found.index
    const found = this.#found
    let entries = 0
    for (let i = 0; i < found.endpoints; i++) entries += slices.portCount(found.slice[i]!)
    const limit = srvThatFit(q, label)
    const start = entries > limit ? random() % found.endpoints : 0
    const weight = weightOf(entries)
    seen.clear()
    seenPairs.clear()
    for (let n = 0; n < found.endpoints && q.answer.answer.count < limit; n++) {
      const i = (start + n) % found.endpoints
      this.#endpointRecords(q, found.slice[i]!, found.address[i]!, weight, label)
    }
  }

  /** SRV records of one endpoint address, one per port, and that address. */
  #endpointRecords(q: Query, slice: number, i: number, weight: number, label: number): void {
    const { slices, slab } = this.#found.index
    const { answer } = q.answer
    const from = q.labelAt[label]!
    const portsAt = slices.portsAt(slice)
    const ports = slices.portCount(slice)
    const nameBytes = slices.maxNameBytes(slice)
    let owned = false
    for (let port = 0; port < ports; port++) {
      if (!this.#found.isAskedPort(q, slice, portsAt, port)) continue
      const data = q.answer.scratch(SRV_HEAD_BYTES + nameBytes + q.qnameLength - from)
      const at = q.answer.scratchAt
      writeSrvHead(data, at, weight, portNumber(slab.words, slice, portsAt, port))
      const targetAt = at + SRV_HEAD_BYTES
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
    const { slices, slab } = this.#found.index
    const set = slices.set(slice)
    const length = addressLength(slab.words, set, i)
    const at = addressAt(slab.words, set, i)
    if (!this.#isNewPair(a, slice, i, at, length)) return
    a.additional.add(target, targetAt, typeOf(length), this.#ttl, slab.bytes, at, length)
  }

  /** True if this name with this address was not there yet. */
  #isNewPair(a: Answer, slice: number, i: number, at: number, length: number): boolean {
    const { slices, slab } = this.#found.index
    const key = a.scratch(slices.maxNameBytes(slice) + length)
    const keyAt = a.scratchAt
    const end = keyAt + slices.writeName(slice, i, key, keyAt)
    for (let j = 0; j < length; j++) key[end + j] = slab.bytes[at + j]!
    return seenPairs.add(key, keyAt, end + length - keyAt)
  }
}

/** At least as many records as the reply can hold; label `label` of the question and what follows ends their targets. */
function srvThatFit(q: Query, label: number): number {
  return recordsThatFit(q, SRV_HEAD_BYTES + 2 + q.qnameLength - q.labelAt[label]!)
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

/** True if an SRV record with this port is in the answer; all of them have one target. */
function hasPort(a: Answer, port: number): boolean {
  const { answer } = a
  for (let i = 0; i < answer.count; i++) {
    const at = answer.dataAt[i]! + 4
    if (((answer.data[i]![at]! << 8) | answer.data[i]![at + 1]!) === port) return true
  }
  return false
}
