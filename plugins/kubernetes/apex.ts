/**
 * Records of the zones themselves: SOA, dns-version, and what a query for ANY gets (name-servers.ts has NS). A cluster has no
 * primary server that one could ask: the SOA names `ns.dns.ZONE`. And where this server is reached.
 */
import { networkInterfaces } from 'node:os'
import { type Answer, QUESTION, type Query } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import type { Name } from '../../server/wire/name.ts'
import { readAddress } from './index/address.ts'
import type { Index } from './index/index.ts'
import type { Indexes } from './index/indexes.ts'
import { NameServers } from './name-servers.ts'
import type { Zone, Zones } from './zones.ts'

const VERSION = Uint8Array.from([5, ...Buffer.from('1.1.0')]) // the DNS specification for Kubernetes that is served
const SET_VERSION = Uint8Array.from([5, ...Buffer.from('1.0.0')]) // that of multicluster zones (KEP-1645)
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
  readonly #ttl: number
  readonly #soa = new Map<Zone, Soa>()
  readonly nameServers: NameServers
  /** TTL of a SOA record, and of negative answers: no more than their MINIMUM (RFC 2308 §3). */
  readonly soaTtl: number

  constructor({ cluster, clusterSet = cluster }: Indexes, zones: Zones, ttl: number) {
    this.#ttl = ttl
    this.soaTtl = Math.min(ttl, MAX_SOA_TTL)
    this.nameServers = new NameServers(cluster, zones, ttl)
    for (const zone of zones.all) {
      const index = zone.multicluster ? clusterSet : cluster
      this.#soa.set(zone, { data: soaData(this.nameServers.own(zone), zone.name, ttl), index, serial: 0 })
    }
  }

  /** SOA record data of a zone, with the serial of its index, or another one. */
  soa(zone: Zone, serial = -1): Uint8Array {
    const soa = this.#soa.get(zone)!
    const wanted = serial < 0 ? soa.index.serial : serial
    if (wanted !== soa.serial) {
      soa.serial = wanted
      writeNumber(soa.data, soa.data.length - 20, wanted)
    }
    return soa.data
  }

  addSoa(a: Answer, zone: Zone): void {
    a.answer.add(QUESTION, 0, TYPE.SOA, this.soaTtl, this.soa(zone))
  }

  /** NS records, and the addresses that belong to them: in scratch memory of the answer, not in the index. */
  addNs(q: Query, zone: Zone): void {
    this.nameServers.addNs(q, zone)
  }

  /** The version of the specification that a zone's names follow. */
  addVersion(a: Answer, zone: Zone): void {
    a.answer.add(QUESTION, 0, TYPE.TXT, VERSION_TTL, zone.multicluster ? SET_VERSION : VERSION)
  }

  /** One small record set for QTYPE ANY (RFC 8482 §4.2). */
  addAny(a: Answer): void {
    a.answer.add(QUESTION, 0, TYPE.HINFO, this.#ttl, HINFO)
  }
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
