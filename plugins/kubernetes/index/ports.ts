/**
 * Ports as they stand in a block: three words each (number, where name and protocol stand as labels, counted from the
 * block's start; name 0 for an unnamed port), and the labels somewhere behind.
 */
import { equalOctets } from '../../../server/wire/name.ts'
import type { Port } from '../object/port.ts'

const PORT_WORDS = 3
const UNDERSCORE = 0x5f

/** Octets of the words of `count` ports. */
export function portsBytes(count: number): number {
  return PORT_WORDS * 4 * count
}

/** Octets of all their labels. */
export function portLabelsBytes(ports: readonly Port[]): number {
  let bytes = 0
  for (const { name, protocol } of ports) bytes += (name === '' ? 0 : name.length + 1) + protocol.length + 1
  return bytes
}

/**
 * Writes ports at `portsAt` and their labels from `labelsAt` on; both count from the block's start.
 * @returns where the labels end
 */
export function writePorts(
  words: Int32Array,
  bytes: Uint8Array,
  block: number,
  portsAt: number,
  labelsAt: number,
  ports: readonly Port[],
): number {
  let at = (block + portsAt) >> 2
  let to = labelsAt
  for (const { name, protocol, port } of ports) {
    words[at] = port
    words[at + 1] = name === '' ? 0 : to
    if (name !== '') to += writeLabel(bytes, block + to, name)
    words[at + 2] = to
    to += writeLabel(bytes, block + to, protocol)
    at += PORT_WORDS
  }
  return to
}

/** Writes a label, its length first; ASCII only. Returns its octets. */
export function writeLabel(bytes: Uint8Array, to: number, label: string): number {
  bytes[to] = label.length
  for (let i = 0; i < label.length; i++) bytes[to + 1 + i] = label.charCodeAt(i)
  return label.length + 1
}

/** The number of port `i`. */
export function portNumber(words: Int32Array, block: number, portsAt: number, i: number): number {
  return words[((block + portsAt) >> 2) + PORT_WORDS * i]!
}

/** Where the label of its name stands, counted from the block's start; 0 for an unnamed port. */
export function portNameAt(words: Int32Array, block: number, portsAt: number, i: number): number {
  return words[((block + portsAt) >> 2) + PORT_WORDS * i + 1]!
}

/** Where the label of its protocol stands, counted from the block's start. */
export function portProtocolAt(words: Int32Array, block: number, portsAt: number, i: number): number {
  return words[((block + portsAt) >> 2) + PORT_WORDS * i + 2]!
}

/** True if port `i` has the protocol of the label at `protoAt` of `name`, with or without an underscore. */
export function hasProtocol(
  words: Int32Array,
  bytes: Uint8Array,
  block: number,
  portsAt: number,
  i: number,
  name: Uint8Array,
  protoAt: number,
): boolean {
  const label = words[((block + portsAt) >> 2) + PORT_WORDS * i + 2]!
  return isLabel(bytes, block + label, name, protoAt)
}

/** True if port `i` has the name of the label at `portAt` of `name`, with or without an underscore. */
export function hasName(
  words: Int32Array,
  bytes: Uint8Array,
  block: number,
  portsAt: number,
  i: number,
  name: Uint8Array,
  portAt: number,
): boolean {
  const label = words[((block + portsAt) >> 2) + PORT_WORDS * i + 1]!
  return label !== 0 && isLabel(bytes, block + label, name, portAt)
}

/** True if port `i` has a name at all. */
export function isNamed(words: Int32Array, block: number, portsAt: number, i: number): boolean {
  return words[((block + portsAt) >> 2) + PORT_WORDS * i + 1] !== 0
}

function isLabel(bytes: Uint8Array, at: number, name: Uint8Array, labelAt: number): boolean {
  let from = labelAt + 1
  let length = name[labelAt]!
  if (length > 0 && name[from] === UNDERSCORE) {
    from++
    length--
  }
  return bytes[at] === length && equalOctets(bytes, at + 1, name, from, length)
}
