/**
 * The ports of one service for a zone transfer: hashes of them, and how many combinations of endpoint and port each name
 * leads to, which is what the weights of its SRV records depend on. Valid until the index changes.
 */
import { equalOctets, HASH_START, hashJoin, hashLabel, hashOctet, MAX_LABEL_BYTES } from '../../server/wire/name.ts'
import { portNameAt, portNumber, portProtocolAt } from './index/ports.ts'
import type { Slab } from './index/slab.ts'

/** The ports of a Service or slice: its block, their place in it, their number. */
export interface Ports {
  readonly block: number
  readonly at: number
  readonly count: number
}

/** Place of the labels of a name that was counted: its block, the name and the protocol in it; and the entries. */
const SLOT_WORDS = 4

export class PortNames {
  #slots = new Int32Array(64 * SLOT_WORDS)
  #size = 0

  clear(): void {
    this.#slots.fill(0)
    this.#size = 0
  }

  /** Counts the ports of so many addresses. */
  count({ words, bytes }: Slab, { block, at, count }: Ports, addresses: number): void {
    for (let i = 0; i < count; i++) {
      const name = portNameAt(words, block, at, i)
      if (name === 0) continue
      if (this.#size * SLOT_WORDS * 2 >= this.#slots.length) this.#grow(bytes)
      const protocol = portProtocolAt(words, block, at, i)
      const slot = this.#slot(bytes, block, name, protocol)
      if (this.#slots[slot] === 0) {
        this.#size++
        this.#slots[slot] = block
        this.#slots[slot + 1] = name
        this.#slots[slot + 2] = protocol
      }
      this.#slots[slot + 3]! += addresses
    }
  }

  /** How many combinations lead to the name of port `i`. */
  entries({ words, bytes }: Slab, { block, at }: Ports, i: number): number {
    const slot = this.#slot(bytes, block, portNameAt(words, block, at, i), portProtocolAt(words, block, at, i))
    return this.#slots[slot + 3]!
  }

  /** Where a name with this protocol stands, or the free slot for it. */
  #slot(bytes: Uint8Array, block: number, name: number, protocol: number): number {
    const mask = this.#slots.length / SLOT_WORDS - 1
    const hash = hashJoin(hashAt(bytes, block + protocol), hashAt(bytes, block + name))
    for (let i = (hash ^ (hash >>> 16)) & mask; ; i = (i + 1) & mask) {
      const slot = i * SLOT_WORDS
      const other = this.#slots[slot]!
      if (other === 0) return slot
      if (!sameLabel(bytes, block + name, other + this.#slots[slot + 1]!)) continue
      if (sameLabel(bytes, block + protocol, other + this.#slots[slot + 2]!)) return slot
    }
  }

  #grow(bytes: Uint8Array): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let i = 0; i < old.length; i += SLOT_WORDS) {
      if (old[i] === 0) continue
      this.#slots.set(old.subarray(i, i + SLOT_WORDS), this.#slot(bytes, old[i]!, old[i + 1]!, old[i + 2]!))
    }
  }
}

/** Hashes of the ports of one block. */
export class PortHashes {
  /** By number. */
  number = new Int32Array(16)
  /** By number, name and protocol; 0 for a port without a name, or with one that is too long for a label with underscore. */
  named = new Int32Array(16)

  read({ words, bytes }: Slab, { block, at, count }: Ports): void {
    if (this.number.length < count) {
      this.number = new Int32Array(count)
      this.named = new Int32Array(count)
    }
    for (let i = 0; i < count; i++) {
      const port = portNumber(words, block, at, i)
      const number = hashOctet(hashOctet(HASH_START, port >> 8), port & 255)
      const name = portNameAt(words, block, at, i)
      const isName = name !== 0 && bytes[block + name]! < MAX_LABEL_BYTES
      const protocol = block + portProtocolAt(words, block, at, i)
      this.number[i] = number
      this.named[i] = isName ? hashJoin(hashJoin(number, hashAt(bytes, protocol)), hashAt(bytes, block + name)) || 1 : 0
    }
  }
}

function hashAt(bytes: Uint8Array, label: number): number {
  return hashLabel(bytes, label + 1, label + 1 + bytes[label]!)
}

function sameLabel(bytes: Uint8Array, a: number, b: number): boolean {
  return equalOctets(bytes, a, bytes, b, bytes[a]! + 1)
}
