/**
 * Records of the zones themselves: SOA, NS with the addresses of this server, dns-version. A cluster has no primary server
 * that one could ask: SOA and NS name the services that lead here, or `ns.dns.ZONE`.
 */
import { networkInterfaces } from 'node:os'
import { type Answer, QUESTION, type Query } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, MAX_LABEL_BYTES, type Name, nameFromText, nameToText } from '../../server/wire/name.ts'
import { readAddress } from './index/address.ts'
import { addressAt, addressLength, count4, count6, ownerOf, setOfLink } from './index/address-set.ts'
import type { Index } from './index/index.ts'
import type { Indexes } from './index/indexes.ts'
import type { Zone, Zones } from './zones.ts'

const VERSION = Uint8Array.from([5, ...Buffer.from('1.1.0')]) // the DNS specification for Kubernetes that is served
const SET_VERSION = Uint8Array.from([5, ...Buffer.from('1.0.0')]) // that of multicluster zones (KEP-1645)
const SVC = [3, ...Buffer.from('svc')]
const VERSION_TTL = 28_800
const MAX_SOA_TTL = 300
const HINFO = Uint8Array.from([7, ...Buffer.from('RFC8482'), 0])
const REFRESH_S = 7200
const RETRY_S = 1800
const EXPIRE_S = 86_400

interface Soa {
  readonly data: Uint8Array
  /** The index whose serial it has. */
  readonly index: Index
  /** The serial that stands in the data. */
  serial: number
}

export class Apex {
  readonly #index: Index
  readonly #ttl: number
  readonly #primary: Zone
  readonly #soa = new Map<Zone, Soa>()
  readonly #nameServer = new Map<Zone, Name>()
  /** Addresses of this server, 4 or 16 octets each. */
  local: readonly Uint8Array[] = []
  /** TTL of a SOA record, and of negative answers: no more than their MINIMUM (RFC 2308 §3). */
  readonly soaTtl: number

  constructor({ cluster, clusterSet = cluster }: Indexes, zones: Zones, ttl: number) {
    this.#index = cluster
    this.#primary = zones.primary
    this.#ttl = ttl
    this.soaTtl = Math.min(ttl, MAX_SOA_TTL)
    for (const zone of zones.all) {
      const server = nameFromText(`ns.dns.${nameToText(zone.name).replace(/^\.$/, '')}`)
      this.#nameServer.set(zone, server)
      const index = zone.multicluster ? clusterSet : cluster
      this.#soa.set(zone, { data: soaData(server, zone.name, ttl), index, serial: 0 })
    }
  }

  /** SOA record data of a zone, with the serial of its index. */
  soa(zone: Zone): Uint8Array {
    const soa = this.#soa.get(zone)!
    const { serial } = soa.index
    if (serial !== soa.serial) {
      soa.serial = serial
      writeNumber(soa.data, soa.data.length - 20, serial)
    }
    return soa.data
  }

  addSoa(a: Answer, zone: Zone): void {
    a.answer.add(QUESTION, 0, TYPE.SOA, this.soaTtl, this.soa(zone))
  }

  /** The version of the specification that a zone's names follow. */
  addVersion(a: Answer, zone: Zone): void {
    a.answer.add(QUESTION, 0, TYPE.TXT, VERSION_TTL, zone.multicluster ? SET_VERSION : VERSION)
  }

  /** One small record set for QTYPE ANY (RFC 8482 §4.2). */
  addAny(a: Answer): void {
    a.answer.add(QUESTION, 0, TYPE.HINFO, this.#ttl, HINFO)
  }

  /**
   * NS records, and the addresses that belong to them. Those of reverse and multicluster zones are names of the first
   * cluster zone: the services that lead here are this cluster's.
   */
  addNs(q: Query, asked: Zone): void {
    const { answer, additional } = q.answer
    // CoreDNS: names below in-addr.arpa, or below a multicluster zone, which nobody resolves.
    const zone = asked.reverse === 0 && !asked.multicluster ? asked : this.#primary
    this.#eachAddress(zone, (server, address) => {
      let known = false
      for (let i = 0; i < answer.count; i++) known ||= sameName(answer.data[i]!, server)
      if (!known) answer.add(QUESTION, 0, TYPE.NS, this.#ttl, server)
      additional.add(server, 0, address.length === 4 ? TYPE.A : TYPE.AAAA, this.#ttl, address)
    })
    if (answer.count === 0) answer.add(QUESTION, 0, TYPE.NS, this.#ttl, this.#nameServer.get(zone)!)
  }

  /** The addresses of `ns.dns.ZONE`. */
  addServerAddresses(a: Answer, zone: Zone, type: number): void {
    const { answer } = a
    this.#eachAddress(zone, (_, address) => {
      if (address.length !== (type === TYPE.A ? 4 : 16)) return
      for (let i = 0; i < answer.count; i++) if (sameName(answer.data[i]!, address)) return
      answer.add(QUESTION, 0, type, this.#ttl, address)
    })
  }

  /**
   * The services that have one of this server's addresses among their endpoints: their ClusterIPs, of a headless one the
   * endpoints. Where there is none, the addresses of this server under `ns.dns.ZONE`.
   */
  #eachAddress(zone: Zone, visit: (server: Name, address: Uint8Array) => void): void {
    const own = this.#nameServer.get(zone)!
    // A cluster set need not have this cluster's services.
    const each = zone.multicluster ? (_: Name, address: Uint8Array) => visit(own, address) : visit
    let found = false
    const visited = new Set<number>()
    for (const local of this.local) {
      const { slices, services, slab } = this.#index
      for (let link = slices.addresses.first(local, 0, local.length); link !== 0; ) {
        const service = slices.service(ownerOf(slab.words, setOfLink(slab.words, link)))
        if (!visited.has(service) && services.data(service) !== 0) {
          visited.add(service)
          found = this.#eachOf(service, zone, each) || found
        }
        link = slices.addresses.next(link, local, 0, local.length)
      }
    }
    if (found) return
    for (const local of this.local) visit(own, local)
  }

  #eachOf(service: number, zone: Zone, visit: (server: Name, address: Uint8Array) => void): boolean {
    const { services, slices, slab } = this.#index
    const { words, bytes } = slab
    const data = services.data(service)
    const labels = services.labelsAt(service)
    const namespace = labels + bytes[labels]! + 1
    const end = namespace + bytes[namespace]! + 1
    const server = Uint8Array.from([...bytes.subarray(labels, end), ...SVC, ...zone.name])
    let found = false
    const eachIn = (set: number, nameOf: (i: number) => Name) => {
      const count = count4(words, set) + count6(words, set)
      for (let i = 0; i < count; i++) {
        const at = addressAt(words, set, i)
        visit(nameOf(i), bytes.slice(at, at + addressLength(words, set, i)))
        found = true
      }
    }
    if (!services.isHeadless(data)) eachIn(services.set(data), () => server)
    else {
      for (let slice = services.firstSlice(service); slice !== 0; slice = slices.next(slice)) {
        const label = new Uint8Array(MAX_LABEL_BYTES + 1)
        eachIn(slices.set(slice), i =>
          Uint8Array.from([...label.subarray(0, slices.writeName(slice, i, label, 0)), ...server]),
        )
      }
    }
    return found
  }
}

function sameName(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalOctets(a, 0, b, 0, a.length)
}

function soaData(server: Name, zone: Name, ttl: number): Uint8Array {
  const hostmaster = [10, ...Buffer.from('hostmaster'), ...zone]
  const data = Uint8Array.from([...server, ...hostmaster, ...new Array<number>(20).fill(0)])
  const numbers = data.length - 20
  writeNumber(data, numbers + 4, REFRESH_S)
  writeNumber(data, numbers + 8, RETRY_S)
  writeNumber(data, numbers + 12, EXPIRE_S)
  writeNumber(data, numbers + 16, ttl)
  return data
}

function writeNumber(data: Uint8Array, at: number, value: number): void {
  data[at] = value >>> 24
  data[at + 1] = (value >> 16) & 255
  data[at + 2] = (value >> 8) & 255
  data[at + 3] = value & 255
}

/**
 * Addresses that clients reach this server at: those it is bound to (`bind`), or those of all interfaces but loopback.
 */
export function localAddresses(bound: readonly string[]): Uint8Array[] {
  const wildcard = bound.length === 0 || bound.some(address => address === '0.0.0.0' || address === '::')
  const texts = wildcard ? interfaceAddresses() : bound
  return texts.flatMap(text => {
    const octets = new Uint8Array(16)
    const length = readAddress(text.replace(/%.*$/, ''), octets, 0)
    return length === 0 ? [] : [octets.slice(0, length)]
  })
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address)
}
