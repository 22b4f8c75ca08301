/**
 * How an EndpointSlice stands in the slab: one block, written whole before anybody sees it. Places count from the block's
 * start, 0 is none. Only the chains of the index (slices.ts) change in it later.
 *
 *   words of SLICE, then
 *   address set, ports, label places, zone places, labels, cluster's id, zones, labels of ports, name, label links
 *
 * Where there are labels, each address has the place of its label and a link in the chain of all labels with that hash;
 * where there are zones, the place of its zone. A cluster's id and a zone are labels as in a name, their octets first.
 */
import { equalOctets } from '../../../server/wire/name.ts'
import type { EndpointSlice } from '../object/endpointslice.ts'
import { addressSetBytes, count4, count6, HEAD_BYTES, LINK_BYTES } from './address-set.ts'
import type { Draft } from './draft.ts'
import { portLabelsBytes, portsBytes, writeLabel, writePorts } from './ports.ts'
import type { Slab } from './slab.ts'

/** Words of a block. */
export const SLICE = {
  /** Of namespace and name. */
  HASH: 0,
  SERVICE: 1,
  GENERATION: 2,
  /** Next and, in the word after it, previous slice of the service. */
  NEXT: 3,
  SIZE: 5,
  PORTS: 6,
  PORT_COUNT: 7,
  LABELS: 8,
  LINKS: 9,
  NAME: 10,
  NAME_LENGTH: 11,
  /** 1 if some address stands twice in it, under different labels. */
  REPEATS: 12,
  ZONES: 13,
  CLUSTER: 14,
} as const

export const SET_AT = 60

/** Writes a slice, its endpoints being those of the draft, into a block that nobody sees yet. The generation is not set. */
export function writeSlice(slab: Slab, draft: Draft, slice: EndpointSlice, service: number, hash: number): number {
  const count = draft.count4 + draft.count6
  const labelled = draft.labelBytes > 0
  const zoned = draft.zoneBytes > 0
  const portsAt = SET_AT + addressSetBytes(draft.count4, draft.count6)
  const labelsAt = portsAt + portsBytes(slice.ports.length)
  const zonesAt = labelsAt + (labelled ? count * 4 : 0)
  const textAt = zonesAt + (zoned ? count * 4 : 0)
  const { cluster = '' } = slice
  const clusterBytes = cluster === '' ? 0 : cluster.length + 2
  const nameAt = textAt + draft.labelBytes + clusterBytes + draft.zoneBytes + portLabelsBytes(slice.ports)
  const linksAt = (nameAt + slice.name.length + 3) & ~3
  const size = linksAt + (labelled ? count * LINK_BYTES : 0)
  const block = slab.allocate(size)
  const { words, bytes } = slab
  const at = block >> 2
  words[at + SLICE.HASH] = hash
  words[at + SLICE.SERVICE] = service
  words[at + SLICE.NEXT] = words[at + SLICE.NEXT + 1] = 0
  words[at + SLICE.SIZE] = size
  words[at + SLICE.PORTS] = portsAt
  words[at + SLICE.PORT_COUNT] = slice.ports.length
  words[at + SLICE.LABELS] = labelled ? labelsAt : 0
  words[at + SLICE.LINKS] = linksAt
  words[at + SLICE.NAME] = nameAt
  words[at + SLICE.NAME_LENGTH] = slice.name.length
  words[at + SLICE.REPEATS] = draft.repeats ? 1 : 0
  words[at + SLICE.ZONES] = zoned ? zonesAt : 0
  draft.writeSet(words, bytes, block + SET_AT, block)
  let to = textAt
  for (let i = 0; labelled && i < count; i++) {
    const length = draft.writeLabel(bytes, block + to, i)
    words[((block + labelsAt) >> 2) + i] = length === 0 ? 0 : to
    to += length
  }
  words[at + SLICE.CLUSTER] = clusterBytes === 0 ? 0 : to
  if (clusterBytes > 0) to += writeLabels(bytes, block + to, cluster)
  if (zoned) to = writeZones(slab, draft, block, zonesAt, to)
  writePorts(words, bytes, block, portsAt, to, slice.ports)
  for (let i = 0; i < slice.name.length; i++) bytes[block + nameAt + i] = slice.name.charCodeAt(i)
  bytes.fill(0, block + nameAt + slice.name.length, block + linksAt)
  return block
}

/** Writes each zone once, from `to` on, and for each address its place. Returns where the zones end. */
function writeZones({ words, bytes }: Slab, draft: Draft, block: number, zonesAt: number, to: number): number {
  const places = new Map<string, number>([['', 0]])
  let end = to
  for (let i = 0; i < draft.count4 + draft.count6; i++) {
    const zone = draft.zone(i)
    let place = places.get(zone)
    if (place === undefined) {
      place = end
      places.set(zone, place)
      end += writeLabels(bytes, block + place, zone)
    }
    words[((block + zonesAt) >> 2) + i] = place
  }
  return end
}

/** Writes labels that stand between dots, their octets first. Returns how many octets that took. */
function writeLabels(bytes: Uint8Array, at: number, text: string): number {
  bytes[at] = text.length + 1
  let to = at + 1
  for (const label of text.split('.')) to += writeLabel(bytes, to, label)
  return to - at
}

/** True if two slices say the same: all but generation and links. */
export function saysTheSame({ words, bytes }: Slab, a: number, b: number): boolean {
  const [aAt, bAt] = [a >> 2, b >> 2]
  if (words[aAt + SLICE.SERVICE] !== words[bAt + SLICE.SERVICE]) return false
  for (let i: number = SLICE.SIZE; i <= SLICE.CLUSTER; i++) if (words[aAt + i] !== words[bAt + i]) return false
  const [fours, sixes] = [count4(words, a + SET_AT), count6(words, a + SET_AT)]
  if (fours !== count4(words, b + SET_AT) || sixes !== count6(words, b + SET_AT)) return false
  const addressesAt = SET_AT + HEAD_BYTES
  if (!equalOctets(bytes, a + addressesAt, bytes, b + addressesAt, 4 * fours + 16 * sixes)) return false
  const portsAt = words[aAt + SLICE.PORTS]!
  return equalOctets(bytes, a + portsAt, bytes, b + portsAt, words[aAt + SLICE.LINKS]! - portsAt)
}
