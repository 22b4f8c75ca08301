/**
 * A zone of the cluster as `transfer` sends it: the apex, then service by service what their names are answered with. Left
 * out are names that stand for addresses (pods, endpoints of services with a ClusterIP): there is no end of them.
 */
import { type Answer, type Query, Section, type ZoneTransfer } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, MAX_NAME_BYTES, nameLength } from '../../server/wire/name.ts'
import type { Apex } from './apex.ts'
import type { Seqlock } from './index/seqlock.ts'
import type { Lookup } from './lookup.ts'
import { DNS, NS, VERSION } from './name.ts'
import { MAX_RECORD_BYTES, TransferMessage } from './transfer-message.ts'
import { ServiceOrder } from './transfer-order.ts'
import { ServiceRecords } from './transfer-service.ts'
import type { Zone } from './zones.ts'

export interface TransferOptions {
  /** Looks up in the index of the zone. */
  readonly found: Lookup
  readonly apex: Apex
  readonly ttl: number
  readonly isCurrent: boolean
}

export class Transfer implements ZoneTransfer {
  readonly isCurrent: boolean
  readonly soa: Uint8Array
  readonly soaTtl: number
  readonly #found: Lookup
  /** What the apex has, this server and the version, and how much of it is sent. */
  readonly #head: Section
  #sent = 0
  readonly #message = new TransferMessage()
  readonly #records: ServiceRecords
  #order: ServiceOrder | undefined
  #next = 0

  constructor(q: Query, zone: Zone, { found, apex, ttl, isCurrent }: TransferOptions) {
    this.isCurrent = isCurrent
    this.#found = found
    this.#records = new ServiceRecords(found, zone.name, ttl, this.#message)
    this.soa = apex.soa(zone, found.index.seal()).slice() // the apex writes its next serial over it
    this.soaTtl = apex.soaTtl
    this.#head = readHead(q, zone, apex, found.index.slab.lock)
  }

  async prepare(): Promise<void> {
    this.#order = await ServiceOrder.of(this.#found.index)
  }

  fill(a: Answer, octets: number): boolean {
    const order = this.#order!
    const head = this.#head
    const first = this.#sent
    const end = Math.min(head.count, first + Math.floor(octets / MAX_RECORD_BYTES))
    for (; this.#sent < end; this.#sent++) a.answer.addFrom(head, this.#sent)
    const room = octets - (end - first) * MAX_RECORD_BYTES
    if (this.#sent < head.count || room * 2 < octets) return true
    this.#message.begin(a, room)
    for (; this.#next < order.count; this.#next++) {
      const entry = this.#entry(order, this.#next)
      if (entry !== 0 && !this.#records.add(entry)) return true
    }
    return false
  }

  #entry(order: ServiceOrder, i: number): number {
    const { lock } = this.#found.index.slab
    let entry: number
    let seen: number
    do {
      seen = lock.now()
      entry = order.entry(i)
    } while (lock.isOver(seen))
    return entry
  }
}

/** NS, with the addresses of names that are no service's, and dns-version: copies, for they are sent turns later. */
function readHead(q: Query, zone: Zone, apex: Apex, lock: Seqlock): Section {
  const head = new Section()
  const thisServer = Uint8Array.of(...NS, ...DNS, ...zone.name)
  const { answer, additional } = q.answer
  let seen: number
  do {
    seen = lock.now()
    q.answer.reset()
    apex.addNs(q, zone)
  } while (lock.isOver(seen))
  for (let i = 0; i < answer.count; i++) addCopy(head, answer, i)
  for (let i = 0; i < additional.count; i++) {
    const owner = additional.owner[i]!
    if (owner !== null && equalOctets(owner, additional.ownerAt[i]!, thisServer, 0, thisServer.length))
      addCopy(head, additional, i)
  }
  answer.count = 0
  apex.addVersion(q.answer, zone)
  const version = Uint8Array.of(...VERSION, ...zone.name)
  if (version.length <= MAX_NAME_BYTES)
    head.add(version, 0, TYPE.TXT, answer.ttl[0]!, answer.data[0]!, answer.dataAt[0], answer.dataLength[0])
  return head
}

function addCopy(to: Section, from: Section, i: number): void {
  const ownerAt = from.ownerAt[i]!
  const at = from.dataAt[i]!
  const owner = from.owner[i]?.slice(ownerAt, ownerAt + nameLength(from.owner[i]!, ownerAt)) ?? null
  to.add(
    owner,
    owner === null ? ownerAt : 0,
    from.type[i]!,
    from.ttl[i]!,
    from.data[i]!.slice(at, at + from.dataLength[i]!),
  )
}
