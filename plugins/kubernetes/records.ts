/**
 * From what a look-up found to records of the answer: addresses and PTR (srv.ts has SRV). Record data of addresses stays in
 * the index and is pointed at; what has to be put together goes into the answer's scratch memory.
 */
import { type Answer, QUESTION, type Query } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_NAME_BYTES, type Name, POINTER_BYTES } from '../../server/wire/name.ts'
import { addressAt, addressLength, count4, count6 } from './index/address-set.ts'
import { Distinct } from './index/distinct.ts'
import type { Lookup } from './lookup.ts'
import { NAME, SVC } from './name.ts'
import { Room, recordsThatFit } from './room.ts'

/** That many records of 16 octets fit no message (RFC 1035 §4.2.2): more would only cost time. */
const MAX_RECORDS = 4096
/** What the name of an endpoint takes in a message, about: some labels and a pointer. */
const PTR_DATA_BYTES = 24

const seen = new Distinct()
const room = new Room()

export class Records {
  readonly #found: Lookup
  readonly #ttl: number

  constructor(found: Lookup, ttl: number) {
    this.#found = found
    this.#ttl = ttl
  }

  /** Adds the A or AAAA records of the name that was looked up. */
  addresses(q: Query, type: number): void {
    const { services } = this.#found.index
    const found = this.#found
    if (found.name === NAME.POD) this.#podAddress(q.answer, type)
    else if (found.name === NAME.ENDPOINT || found.name === NAME.PIN) this.#endpointAddresses(q, type)
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
    const { words, bytes } = this.#found.index.slab
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
    const { slices, services, slab } = this.#found.index
    const found = this.#found
    let total = 0
    let contributed = 0
    for (let slice = services.firstSlice(found.service); slice !== 0; slice = slices.next(slice)) {
      if (!this.#isAsked(q, slice)) continue
      const set = slices.set(slice)
      const count = type === TYPE.A ? count4(slab.words, set) : count6(slab.words, set)
      if (count > 0) contributed += slices.repeats(slice) ? 2 : 1
      total += count
    }
    const limit = recordsThatFit(q, type === TYPE.A ? 4 : 16)
    const start = total > limit ? random() % total : 0
    const distinct = contributed > 1
    if (distinct) seen.clear()
    this.#addRange(q, type, start, total, limit, distinct)
    this.#addRange(q, type, 0, start, limit, distinct)
  }

  /** Adds the addresses `from` up to `end`, counted over all slices asked for, until the answer has `limit` records. */
  #addRange(q: Query, type: number, from: number, end: number, limit: number, distinct: boolean): void {
    const { slices, services, slab } = this.#found.index
    const { words, bytes } = slab
    const { answer } = q.answer
    const length = type === TYPE.A ? 4 : 16
    let passed = 0
    for (
      let slice = services.firstSlice(this.#found.service);
      slice !== 0 && passed < end && answer.count < limit;
      slice = slices.next(slice)
    ) {
      if (!this.#isAsked(q, slice)) continue
      const set = slices.set(slice)
      const count = type === TYPE.A ? count4(words, set) : count6(words, set)
      const first = Math.max(0, from - passed)
      const last = Math.min(count, end - passed)
      passed += count
      if (first >= last) continue
      let at = addressAt(words, set, type === TYPE.A ? first : count4(words, set) + first)
      for (let i = first; i < last && answer.count < limit; i++, at += length) {
        if (!distinct || seen.add(bytes, at, length)) answer.add(QUESTION, 0, type, this.#ttl, bytes, at, length)
      }
    }
  }

  /** True unless the question names a port that the slice does not have. */
  #isAsked(q: Query, slice: number): boolean {
    const { slices } = this.#found.index
    const found = this.#found
    return found.name !== NAME.PORT || found.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice)) > 0
  }

  /** Those of the endpoints that were found, each once. */
  #endpointAddresses(q: Query, type: number): void {
    const { words, bytes } = this.#found.index.slab
    const { slices } = this.#found.index
    const found = this.#found
    const { answer } = q.answer
    const length = type === TYPE.A ? 4 : 16
    const limit = recordsThatFit(q, length)
    const start = found.endpoints > limit ? random() % found.endpoints : 0
    const distinct = found.endpoints > 1
    if (distinct) seen.clear()
    for (let n = 0, i = start; n < found.endpoints && answer.count < limit; n++) {
      const set = slices.set(found.slice[i]!)
      const address = found.address[i]!
      if (++i === found.endpoints) i = 0
      if (addressLength(words, set, address) !== length) continue
      const at = addressAt(words, set, address)
      if (!distinct || seen.add(bytes, at, length)) answer.add(QUESTION, 0, type, this.#ttl, bytes, at, length)
    }
  }

  /** Adds the PTR records of the address that was looked up: the service's name, or those of the endpoints there. */
  ptr(q: Query, zone: Name): void {
    const { slices } = this.#found.index
    const found = this.#found
    const { endpoints } = found
    if (found.service !== 0) this.#ptrTo(q.answer, found.service, zone, 0, -1)
    if (endpoints === 1)
      this.#ptrTo(q.answer, slices.service(found.slice[0]!), zone, found.slice[0]!, found.address[0]!)
    if (endpoints <= 1) return
    room.begin(q)
    seen.clear()
    const start = endpoints > recordsThatFit(q, PTR_DATA_BYTES) ? random() % endpoints : 0
    for (let n = 0, i = start; n < endpoints && !room.isFull; n++) {
      const slice = found.slice[i]!
      this.#ptrTo(q.answer, slices.service(slice), zone, slice, found.address[i]!)
      if (++i === endpoints) i = 0
    }
  }

  #ptrTo(a: Answer, service: number, zone: Name, slice: number, address: number): void {
    const { services, slices, slab } = this.#found.index
    const { bytes } = slab
    const labels = services.labelsAt(service)
    const labelsEnd = services.labelsEnd(service)
    const nameBytes = slice === 0 ? 0 : slices.maxNameBytes(slice)
    const data = a.scratch(nameBytes + labelsEnd - labels + SVC.length + zone.length)
    const at = a.scratchAt
    let end = at
    if (slice !== 0) end += slices.writeName(slice, address, data, at)
    for (let i = labels; i < labelsEnd; i++) data[end++] = bytes[i]!
    for (let i = 0; i < SVC.length; i++) data[end++] = SVC[i]!
    for (let i = 0; i < zone.length; i++) data[end++] = zone[i]!
    // CoreDNS: sends longer ones, and the client drops the whole message.
    const isName = end - at <= MAX_NAME_BYTES
    if (this.#found.endpoints > 1) {
      const isNew = isName && seen.add(data, at, end - at)
      a.trimScratch(isNew ? end - at : 0)
      if (!isNew) return
      room.takeAnswer(data[at]! + 1 + POINTER_BYTES)
    }
    if (isName) a.answer.add(QUESTION, 0, TYPE.PTR, this.#ttl, data, at, end - at)
  }
}
