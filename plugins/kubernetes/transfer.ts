/**
 * A zone of the cluster as `transfer` sends it: the apex, then service by service what their names are answered with. Left
 * out are names that stand for addresses (pods, endpoints of services with a ClusterIP): there is no end of them.
 */
import { type Answer, type Query, Section, type ZoneTransfer } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, MAX_NAME_BYTES, nameFromText, nameToText } from '../../server/wire/name.ts'
import type { Apex } from './apex.ts'
import type { Index } from './index/index.ts'
import type { Lookup } from './lookup.ts'
import { ServiceOrder } from './transfer-order.ts'
import { MAX_RECORD_BYTES, ServiceRecords } from './transfer-service.ts'
import type { Zone } from './zones.ts'

export class Transfer implements ZoneTransfer {
  readonly soa: Uint8Array
  readonly soaTtl: number
  readonly #index: Index
  /** What the apex has, this server and the version. */
  readonly #head = new Section()
  readonly #records: ServiceRecords
  #order: ServiceOrder | undefined
  #next = 0

  /** @param found looks up in the index of the zone */
  constructor(q: Query, zone: Zone, found: Lookup, apex: Apex, ttl: number) {
    const { index } = found
    this.#index = index
    this.#records = new ServiceRecords(index, found, zone.name, ttl)
    index.seal()
    this.soa = apex.soa(zone).slice() // the apex writes its next serial over it
    this.soaTtl = apex.soaTtl
    readHead(q, zone, apex, this.#head)
  }

  async prepare(): Promise<void> {
    this.#order = await ServiceOrder.of(this.#index)
  }

  fill(a: Answer, octets: number): boolean {
    const order = this.#order!
    const head = this.#head
    for (let i = 0; i < head.count; i++) a.answer.addFrom(head, i)
    this.#records.begin(a, octets - head.count * MAX_RECORD_BYTES)
    head.count = 0
    for (; this.#next < order.count; this.#next++) {
      const entry = order.entry(this.#next)
      if (entry !== 0 && !this.#records.add(entry)) return true
    }
    return false
  }
}

/** NS, with the addresses of names that are no service's, and dns-version. */
function readHead(q: Query, zone: Zone, apex: Apex, head: Section): void {
  const zoneText = nameToText(zone.name).replace(/^\.$/, '')
  const thisServer = nameFromText(`ns.dns.${zoneText}`)
  const { answer, additional } = q.answer.reset()
  apex.addNs(q, zone)
  for (let i = 0; i < answer.count; i++) head.addFrom(answer, i)
  for (let i = 0; i < additional.count; i++) {
    const owner = additional.owner[i]!
    if (owner !== null && equalOctets(owner, additional.ownerAt[i]!, thisServer, 0, thisServer.length))
      head.addFrom(additional, i)
  }
  answer.count = 0
  apex.addVersion(q.answer, zone)
  const version = nameFromText(`dns-version.${zoneText}`)
  if (version.length <= MAX_NAME_BYTES)
    head.add(version, 0, TYPE.TXT, answer.ttl[0]!, answer.data[0]!, answer.dataAt[0], answer.dataLength[0])
}
