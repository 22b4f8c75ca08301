/**
 * From the question's name to what the index has under it: whether the name exists, and where. Composes no answer, so
 * that it can be asked at any time. One instance per stage; each look-up overwrites the last one's findings.
 */
import type { Query } from '../../server/plugin.ts'
import { equalOctets, hashLabel } from '../../server/wire/name.ts'
import { readDashed } from './index/address.ts'
import { indexOfLink, ownerOf, setOfLink } from './index/address-set.ts'
import { type Index, KIND_BIT } from './index/index.ts'
import type { Indexes } from './index/indexes.ts'
import { hasName, hasProtocol, isNamed } from './index/ports.ts'
import { NAME, PORT_LABELS, readName, readReverse, SERVICE_LABELS } from './name.ts'
import type { Settings } from './settings.ts'
import type { Zone, Zones } from './zones.ts'

/** What became of a look-up. UNKNOWN: it would be MISSING, but not all objects are known yet. */
export const EXISTS = 0
export const MISSING = 1
export const UNKNOWN = 2

/** What names of services, and reverse names, depend on. */
const NAMES = KIND_BIT.service | KIND_BIT.namespace
const ADDRESSES = NAMES | KIND_BIT.endpointslice

/** The kinds that an answer may have come from, by the case of its name, where it is no service's. */
const DEPENDS: Readonly<Record<number, number>> = {
  [NAME.APEX]: ADDRESSES,
  [NAME.SERVICE_NAMESPACE]: KIND_BIT.namespace,
  [NAME.POD_NAMESPACE]: KIND_BIT.namespace,
  [NAME.POD]: KIND_BIT.namespace | KIND_BIT.pod,
  [NAME.THIS_SERVER]: ADDRESSES,
  [NAME.ADDRESS]: ADDRESSES,
}

export class Lookup {
  /** Where all that is found stands: the cluster's index, or that of its cluster set. */
  index: Index
  /** Which case of name.ts the name is; ENDPOINT and SERVICE also where another case leads to the same. */
  name: number = NAME.NONE
  /** The service's entry and data; 0 where no service is meant. */
  service = 0
  data = 0
  /** How many ports of a service with a ClusterIP the question means. */
  asked = 0
  /** Endpoints found under an endpoint's name, or in a topology zone: slice and address of each. */
  endpoints = 0
  readonly slice: number[] = []
  readonly address: number[] = []
  /** The address that a pod's name or a reverse name spells. */
  readonly octets = new Uint8Array(16)
  octetsLength = 0

  readonly #indexes: Indexes
  /** Reverse names lead to names of this cluster; of a cluster set there are none (KEP-1645). */
  readonly #namesAddresses: boolean
  readonly #settings: Settings
  readonly #exposed: ReadonlyMap<number, readonly Uint8Array[]> | undefined

  constructor(indexes: Indexes, zones: Zones, settings: Settings) {
    this.index = indexes.cluster
    this.#indexes = indexes
    this.#namesAddresses = !zones.primary.multicluster
    this.#settings = settings
    this.#exposed = settings.namespaces.length === 0 ? undefined : labelsByHash(settings.namespaces)
  }

  /** Looks the question's name up in a zone; `left` is the number of labels left of it. */
  find(q: Query, zone: Zone, left: number): number {
    this.service = this.data = this.endpoints = this.octetsLength = 0
    this.index = zone.multicluster ? this.#indexes.clusterSet! : this.#indexes.cluster
    if (zone.reverse !== 0) return this.#findReverse(q, zone.reverse, left)
    this.name = readName(q, left, zone.grammar)
    switch (this.name) {
      case NAME.APEX:
      case NAME.EMPTY:
      case NAME.THIS_SERVER:
      case NAME.VERSION:
        return EXISTS
      case NAME.SERVICE_NAMESPACE:
        return this.#findNamespace(q, left - 2)
      case NAME.POD_NAMESPACE:
        return this.#settings.pods === 'disabled' ? MISSING : this.#findNamespace(q, left - 2)
      case NAME.POD:
        return this.#findPod(q, left - 3)
      case NAME.NONE:
        return this.#missing(NAMES)
      default:
        return this.#findService(q, left - SERVICE_LABELS)
    }
  }

  /** True if what was found may come from a snapshot. */
  get isStale(): boolean {
    const { staleKinds } = this.index
    if (staleKinds === 0) return false
    const kinds = this.service !== 0 ? ADDRESSES : (DEPENDS[this.name] ?? 0)
    return (staleKinds & kinds) !== 0
  }

  /** True if a namespace (its entry) exists and is served. */
  isExposed(namespace: number): boolean {
    const { namespaces, slab } = this.index
    if (namespace === 0 || !namespaces.exists(namespace)) return false
    if (this.#exposed === undefined) return true
    const at = namespaces.labelAt(namespace)
    return (
      this.#exposed
        .get(namespaces.hash(namespace))
        ?.some(label => equalOctets(slab.bytes, at, label, 0, label.length)) ?? false
    )
  }

  /** True if port `i` of a block is meant by the question: by any but a port's name, each one is. */
  isAskedPort(q: Query, block: number, portsAt: number, i: number): boolean {
    if (this.name !== NAME.PORT) return true
    const { words, bytes } = this.index.slab
    return (
      hasName(words, bytes, block, portsAt, i, q.qname, q.labelAt[0]!) &&
      hasProtocol(words, bytes, block, portsAt, i, q.qname, q.labelAt[1]!)
    )
  }

  /** How many ports of a block the question means. */
  askedPorts(q: Query, block: number, portsAt: number, count: number): number {
    if (this.name !== NAME.PORT) return count
    let asked = 0
    for (let i = 0; i < count; i++) if (this.isAskedPort(q, block, portsAt, i)) asked++
    return asked
  }

  #findNamespace(q: Query, label: number): number {
    return this.isExposed(this.index.namespaces.find(q, label)) ? EXISTS : this.#missing(KIND_BIT.namespace)
  }

  #findService(q: Query, label: number): number {
    const { services } = this.index
    const service = services.find(q, label)
    if (service === 0) return this.#missing(NAMES)
    if (!this.isExposed(services.namespace(service))) return this.#missing(KIND_BIT.namespace)
    const data = services.data(service)
    if (data === 0) return this.#missing(KIND_BIT.service)
    this.service = service
    this.data = data
    if (services.isExternal(data)) {
      return this.name === NAME.SERVICE && services.targetAt(data) !== 0 ? EXISTS : this.#excluded()
    }
    if (this.name === NAME.ENDPOINT || this.name === NAME.CLUSTER_ENDPOINT) return this.#findEndpoint(q, label)
    if (this.name >= NAME.PIN) return this.#findZonal(q, label)
    if (services.isHeadless(data)) return this.#findHeadless(q)
    this.asked = this.askedPorts(q, data, services.portsAt(data), services.portCount(data))
    if (this.name === NAME.PORT && this.asked === 0) return this.#excluded()
    return this.isIgnored(service) ? this.#missing(KIND_BIT.endpointslice) : EXISTS
  }

  /** With `ignore empty_service`, a service without a ready endpoint does not exist. */
  isIgnored(service: number): boolean {
    const { ignoreEmptyService, noEndpoints } = this.#settings
    // CoreDNS: with noendpoints too, no ClusterIP would be answered at all.
    if (!ignoreEmptyService || (noEndpoints && !this.#isOfSet())) return false
    return this.index.services.firstSlice(service) === 0
  }

  /** A headless service exists as long as an endpoint of it is ready (k8s-dns §2.4.1). */
  #findHeadless(q: Query): number {
    const { services, slices } = this.index
    let slice = services.firstSlice(this.service)
    if (this.name === NAME.PORT) {
      while (slice !== 0 && this.askedPorts(q, slice, slices.portsAt(slice), slices.portCount(slice)) === 0) {
        slice = slices.next(slice)
      }
    }
    return slice !== 0 ? EXISTS : this.#missing(KIND_BIT.endpointslice)
  }

  /**
   * Endpoints by hostname or pod name, then those that are named after their address; `label` is the service's, and what
   * stands between is the id of the endpoint's cluster.
   */
  #findEndpoint(q: Query, label: number): number {
    const { slab, slices } = this.index
    const { words } = slab
    const ofSet = this.#isOfSet()
    for (
      let link = slices.firstLabelled(this.service, q, 0);
      link !== 0;
      link = slices.nextLabelled(link, this.service, q, 0)
    ) {
      const slice = ownerOf(words, setOfLink(words, link))
      if (!ofSet || slices.isOfCluster(slice, q, 1, label)) this.#addEndpoint(slice, slices.indexOfLabelled(link))
    }
    const { octets } = this
    const length = readDashed(q.qname, 1, 1 + q.qname[0]!, octets, 0)
    if (length > 0) {
      const { addresses } = slices
      for (let link = addresses.first(octets, 0, length); link !== 0; link = addresses.next(link, octets, 0, length)) {
        const set = setOfLink(words, link)
        const slice = ownerOf(words, set)
        const i = indexOfLink(words, set, link)
        if (slices.service(slice) !== this.service || slices.labelAt(slice, i) !== 0) continue
        if (!ofSet || slices.isOfCluster(slice, q, 1, label)) this.#addEndpoint(slice, i)
      }
    }
    const isProtocol = this.name === NAME.ENDPOINT && this.endpoints === 0 && this.#isProtocol(q)
    this.name = NAME.ENDPOINT
    if (this.endpoints > 0) return EXISTS
    if (!isProtocol && !this.#isCluster(q, label)) return this.#missing(KIND_BIT.endpointslice)
    this.name = NAME.EMPTY
    return EXISTS
  }

  /** True if the labels before the service's end the id of a cluster: its endpoints are below them (RFC 8020 §2). */
  #isCluster(q: Query, label: number): boolean {
    const { services, slices } = this.index
    if (!this.#isOfSet()) return false
    let slice = services.firstSlice(this.service)
    while (slice !== 0 && !slices.isInCluster(slice, q, 0, label)) slice = slices.next(slice)
    return slice !== 0
  }

  /**
   * Endpoints of a headless service in a topology zone; `label` is the service's. CoreDNS: such names exist as long as the
   * service does, so that a zone that has none is the same to clients whether it was drained or never was.
   */
  #findZonal(q: Query, label: number): number {
    const { services, slices } = this.index
    if (!services.isHeadless(this.data)) return this.#excluded()
    if (this.name === NAME.ZONAL) return EXISTS
    const directive = label + SERVICE_LABELS - PORT_LABELS
    for (let slice = services.firstSlice(this.service); slice !== 0; slice = slices.next(slice)) {
      let i = slices.nextInZone(slice, 0, q, directive)
      for (; i >= 0; i = slices.nextInZone(slice, i + 1, q, directive)) this.#addEndpoint(slice, i)
    }
    if (this.name === NAME.PREFER && this.endpoints === 0 && services.firstSlice(this.service) !== 0) {
      this.name = NAME.SERVICE
      return EXISTS
    }
    this.name = NAME.PIN
    return this.endpoints === 0 && this.#isUnsynced(KIND_BIT.endpointslice) ? UNKNOWN : EXISTS
  }

  #addEndpoint(slice: number, address: number): void {
    this.slice[this.endpoints] = slice
    this.address[this.endpoints++] = address
  }

  /** True if the first label is the protocol of a named port: names of case 7 are below it (RFC 8020 §2). */
  #isProtocol(q: Query): boolean {
    const { services, slices } = this.index
    if (!services.isHeadless(this.data))
      return this.#hasProtocol(q, this.data, services.portsAt(this.data), services.portCount(this.data))
    for (let slice = services.firstSlice(this.service); slice !== 0; slice = slices.next(slice)) {
      if (this.#hasProtocol(q, slice, slices.portsAt(slice), slices.portCount(slice))) return true
    }
    return false
  }

  #hasProtocol(q: Query, block: number, portsAt: number, count: number): boolean {
    const { words, bytes } = this.index.slab
    for (let i = 0; i < count; i++) {
      if (isNamed(words, block, portsAt, i) && hasProtocol(words, bytes, block, portsAt, i, q.qname, 0)) return true
    }
    return false
  }

  #findPod(q: Query, label: number): number {
    const { pods } = this.#settings
    if (pods === 'disabled') return MISSING
    this.index = this.#indexes.cluster // CoreDNS: in multicluster zones too
    const namespace = this.index.namespaces.find(q, label + 1)
    if (!this.isExposed(namespace)) return this.#missing(KIND_BIT.namespace)
    const at = q.labelAt[label]!
    this.octetsLength = readDashed(q.qname, at + 1, at + 1 + q.qname[at]!, this.octets, 0)
    if (this.octetsLength === 0) return MISSING
    if (pods === 'insecure' || this.index.pods.has(namespace, this.octets, 0, this.octetsLength)) return EXISTS
    return this.#missing(KIND_BIT.pod)
  }

  #findReverse(q: Query, family: 4 | 6, left: number): number {
    this.name = left === 0 ? NAME.APEX : NAME.NONE
    if (left === 0) return EXISTS
    if (!this.#namesAddresses) return MISSING
    const length = readReverse(q, family, this.octets)
    if (length === 0) return this.#missing(ADDRESSES)
    this.name = NAME.ADDRESS
    this.octetsLength = length
    this.service = this.#serviceOfAddress()
    if (this.service !== 0 || this.#collectEndpoints()) return EXISTS
    return this.#missing(ADDRESSES)
  }

  /** The service that has the address as ClusterIP. */
  #serviceOfAddress(): number {
    const { slab, services } = this.index
    const { addresses } = services
    const { octets, octetsLength } = this
    for (
      let link = addresses.first(octets, 0, octetsLength);
      link !== 0;
      link = addresses.next(link, octets, 0, octetsLength)
    ) {
      const service = ownerOf(slab.words, setOfLink(slab.words, link))
      if (this.isExposed(services.namespace(service))) return service
    }
    return 0
  }

  /** All endpoints, of any service that is served, that have the address. */
  #collectEndpoints(): boolean {
    const { slab, services, slices } = this.index
    const { words } = slab
    const { addresses } = slices
    const { octets, octetsLength } = this
    for (
      let link = addresses.first(octets, 0, octetsLength);
      link !== 0;
      link = addresses.next(link, octets, 0, octetsLength)
    ) {
      const set = setOfLink(words, link)
      const slice = ownerOf(words, set)
      const service = slices.service(slice)
      const data = services.data(service)
      if (data === 0 || services.isExternal(data) || !this.isExposed(services.namespace(service))) continue
      this.#addEndpoint(slice, indexOfLink(words, set, link))
    }
    return this.endpoints > 0
  }

  /** True if a name of the cluster set is looked up. */
  #isOfSet(): boolean {
    return this.index !== this.#indexes.cluster
  }

  /** MISSING by what the Service says, unless that may be out of date. */
  #excluded(): number {
    return (this.index.staleKinds & NAMES) === 0 ? MISSING : UNKNOWN
  }

  /** MISSING, unless that may be only because not all objects of these kinds (KIND_BIT) are known. */
  #missing(kinds: number): number {
    return this.#isUnsynced(kinds) ? UNKNOWN : MISSING
  }

  #isUnsynced(kinds: number): boolean {
    return (this.index.unsyncedKinds & kinds) !== 0
  }
}

/** Labels with their length octets, by hash. */
function labelsByHash(names: readonly string[]): Map<number, Uint8Array[]> {
  const byHash = new Map<number, Uint8Array[]>()
  for (const name of names) {
    const label = Buffer.concat([Buffer.of(name.length), Buffer.from(name, 'latin1')])
    const hash = hashLabel(label, 1, label.length)
    byHash.set(hash, [...(byHash.get(hash) ?? []), Uint8Array.from(label)])
  }
  return byHash
}
