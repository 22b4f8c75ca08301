/**
 * Objects of each kind as octets: written from the index as it stands, read as slim objects with every field checked.
 * Both directions of a kind stand together. What is written in another way is another FORMAT (header.ts).
 *
 *   addresses  IPv4 count, IPv6 count, the octets of all of them
 *   ports      count; of each: number, name as a label, protocol as a label
 */
import { nameToText } from '../../../server/wire/name.ts'
import { addressAt, addressCount, count4, count6 } from '../index/address-set.ts'
import type { Index } from '../index/index.ts'
import { portNameAt, portNumber, portProtocolAt } from '../index/ports.ts'
import type { Table } from '../index/table.ts'
import { dottedLabels, type Endpoint, type EndpointSlice } from '../object/endpointslice.ts'
import type { Namespace } from '../object/namespace.ts'
import { isDnsLabel, isDnsSubdomain, type Kind, type SlimObject } from '../object/object.ts'
import type { Pod } from '../object/pod.ts'
import type { Port } from '../object/port.ts'
import type { Service } from '../object/service.ts'
import { Malformed, type OctetReader, type OctetWriter } from './octets.ts'

export interface Codec {
  /** Where the index keeps all of the kind. */
  table(index: Index): Table
  /** False if the block stands for something that only others mention. */
  exists(index: Index, block: number): boolean
  /** Writes what a block says; changes nothing and does not wait. */
  write(index: Index, block: number, to: OctetWriter): void
  /** @throws Malformed */
  read(from: OctetReader): SlimObject
}

const FLAG_HEADLESS = 1
const FLAG_EXTERNAL = 2
const FLAG_HOST_NETWORK = 1
/** 255 octets, each as \DDD. */
const MAX_TARGET_CHARACTERS = 1024
const MAX_LABELS_CHARACTERS = 63

const namespace: Codec = {
  table: index => index.namespaces.table,
  exists: (index, entry) => index.namespaces.exists(entry),
  write({ namespaces, slab }, entry, to) {
    to.label(slab.bytes, namespaces.labelAt(entry))
  },
  read: from => ({ kind: 'namespace', name: readLabel(from) }) satisfies Namespace,
}

const service: Codec = {
  table: index => index.services.table,
  exists: (index, entry) => index.services.data(entry) !== 0,
  write(index, entry, to) {
    const { services, slab } = index
    const data = services.data(entry)
    const labels = services.labelsAt(entry)
    to.label(slab.bytes, labels + slab.bytes[labels]! + 1)
    to.label(slab.bytes, labels)
    const isExternal = services.isExternal(data)
    to.octet((services.isHeadless(data) ? FLAG_HEADLESS : 0) | (isExternal ? FLAG_EXTERNAL : 0))
    writeAddresses(index, services.set(data), to)
    writePorts(index, data, services.portsAt(data), services.portCount(data), to)
    if (!isExternal) return
    const at = services.targetAt(data)
    to.text(at === 0 ? '' : nameToText(slab.bytes.slice(at, at + services.targetLength(data))))
  },
  read(from) {
    const [namespace, name] = [readLabel(from), readLabel(from)]
    const flags = from.octet()
    if (flags > (FLAG_HEADLESS | FLAG_EXTERNAL)) throw new Malformed('found a service of no known type')
    const [clusterIPs, ports] = [readAddresses(from), readPorts(from)]
    const externalName = (flags & FLAG_EXTERNAL) === 0 ? undefined : from.text(MAX_TARGET_CHARACTERS)
    const headless = (flags & FLAG_HEADLESS) !== 0
    return { kind: 'service', namespace, name, clusterIPs, headless, externalName, ports } satisfies Service
  },
}

const endpointslice: Codec = {
  table: index => index.slices.table,
  exists: () => true,
  write(index, slice, to) {
    const { services, slices, slab } = index
    const labels = services.labelsAt(slices.service(slice))
    to.label(slab.bytes, labels + slab.bytes[labels]! + 1)
    to.octet(slices.nameLength(slice))
    to.copy(slab.bytes, slices.nameAt(slice), slices.nameLength(slice))
    to.label(slab.bytes, labels)
    const set = slices.set(slice)
    writeAddresses(index, set, to)
    const count = addressCount(slab.words, set)
    for (let i = 0; i < count; i++) {
      const label = slices.labelAt(slice, i)
      if (label === 0) to.octet(0)
      else to.label(slab.bytes, label)
    }
    writePorts(index, slice, slices.portsAt(slice), slices.portCount(slice), to)
    to.text(slices.clusterText(slice))
    const zoned = slices.hasZones(slice)
    to.octet(zoned ? 1 : 0)
    for (let i = 0; zoned && i < count; i++) to.text(slices.zoneText(slice, i))
  },
  read(from) {
    const [namespace, name, service] = [readLabel(from), readSubdomain(from), readLabel(from)]
    // A name by pod was made a label when it was indexed: which of the two it was makes no difference any more.
    let endpoints: Endpoint[] = readAddresses(from).map(address => ({
      addresses: [address],
      hostname: '',
      podName: '',
    }))
    endpoints = endpoints.map(endpoint => ({ ...endpoint, hostname: readOptionalLabel(from) }))
    const ports = readPorts(from)
    const cluster = readOptionalLabels(from)
    if (from.octet() === 1)
      endpoints = endpoints.map(endpoint => ({ ...endpoint, ...zoneOf(readOptionalLabels(from)) }))
    return {
      kind: 'endpointslice',
      namespace,
      name,
      service,
      ...(cluster !== '' && { cluster }),
      endpoints,
      ports,
      lastChangeTriggerMs: 0,
    } satisfies EndpointSlice
  },
}

const pod: Codec = {
  table: index => index.pods.table,
  exists: () => true,
  write(index, block, to) {
    const { namespaces, pods, slab } = index
    to.label(slab.bytes, namespaces.labelAt(pods.namespace(block)))
    to.octet(pods.nameLength(block))
    to.copy(slab.bytes, pods.nameAt(block), pods.nameLength(block))
    to.octet(pods.isOnHostNetwork(block) ? FLAG_HOST_NETWORK : 0)
    writeAddresses(index, pods.set(block), to)
  },
  // Its labels are not in it: they would be the largest part, and no answer depends on them.
  read: from =>
    ({
      kind: 'pod',
      namespace: readLabel(from),
      name: readSubdomain(from),
      hostNetwork: readFlag(from),
      ips: readAddresses(from),
    }) satisfies Pod,
}

export const CODECS: Readonly<Record<Kind, Codec>> = { namespace, service, endpointslice, pod }

function writeAddresses({ slab: { words, bytes } }: Index, set: number, to: OctetWriter): void {
  const [fours, sixes] = [count4(words, set), count6(words, set)]
  to.number(fours)
  to.number(sixes)
  to.copy(bytes, addressAt(words, set, 0), 4 * fours + 16 * sixes)
}

function readAddresses(from: OctetReader): string[] {
  const [fours, sixes] = [from.number(), from.number()]
  const addresses: string[] = []
  for (let i = 0; i < fours; i++) addresses.push(from.address4())
  for (let i = 0; i < sixes; i++) addresses.push(from.address6())
  return addresses
}

function writePorts(
  { slab: { words, bytes } }: Index,
  block: number,
  at: number,
  count: number,
  to: OctetWriter,
): void {
  to.number(count)
  for (let i = 0; i < count; i++) {
    const number = portNumber(words, block, at, i)
    to.octet(number >> 8)
    to.octet(number & 255)
    const name = portNameAt(words, block, at, i)
    if (name === 0) to.octet(0)
    else to.label(bytes, block + name)
    to.label(bytes, block + portProtocolAt(words, block, at, i))
  }
}

function readPorts(from: OctetReader): Port[] {
  const count = from.number()
  const ports: Port[] = []
  for (let i = 0; i < count; i++) {
    const port = from.uint16()
    ports.push({ port, name: readOptionalLabel(from), protocol: readLabel(from) })
  }
  return ports
}

function readLabel(from: OctetReader): string {
  const text = from.label()
  if (isDnsLabel(text)) return text
  throw new Malformed('found a name that is no DNS label')
}

function readOptionalLabel(from: OctetReader): string {
  const text = from.label()
  if (text === '' || isDnsLabel(text)) return text
  throw new Malformed('found a name that is no DNS label')
}

/** Labels between dots, as a cluster's id or a topology zone has them. */
function readOptionalLabels(from: OctetReader): string {
  const text = from.text(MAX_LABELS_CHARACTERS)
  if (text === dottedLabels(text)) return text
  throw new Malformed('found no labels between dots')
}

function readFlag(from: OctetReader): boolean {
  const octet = from.octet()
  if (octet <= 1) return octet === 1
  throw new Malformed('found a flag that is neither 0 nor 1')
}

function zoneOf(zone: string): { readonly zone?: string } {
  return zone === '' ? {} : { zone }
}

function readSubdomain(from: OctetReader): string {
  const text = from.label()
  if (isDnsSubdomain(text)) return text
  throw new Malformed('found a name that is no DNS name')
}
