/**
 * Where the addresses of an object are gathered before its block is allocated: read from text, sorted by family, each
 * with its label and its topology zone. One object at a time; refilled, not rebuilt.
 */
import { readAddress } from './address.ts'
import { addressAt, beginAddressSet } from './address-set.ts'
import { Distinct } from './distinct.ts'
import { writeLabel } from './ports.ts'

const LABEL_BYTES = 64

export class Draft {
  count4 = 0
  count6 = 0
  /** Octets of all labels. */
  labelBytes = 0
  /** Octets of all zones, each with the octet before it that tells its length. */
  zoneBytes = 0
  /** Some address stands twice, under different labels. */
  repeats = false
  /** Per address: its length, its octets, its label; the places of these, family by family. */
  #pool = new Uint8Array(1024)
  #used = 0
  #places4: number[] = []
  #places6: number[] = []
  readonly #addresses = new Distinct()
  /** Addresses with their labels. Filled once an address stands twice: few objects have such. */
  readonly #labelled = new Distinct()
  #isLabelledFilled = false
  /** By the place of the address they belong to. */
  readonly #zones = new Map<number, string>()
  readonly #distinctZones = new Set<string>()

  clear(): void {
    this.count4 = this.count6 = this.labelBytes = this.zoneBytes = this.#used = 0
    this.repeats = false
    this.#addresses.clear()
    this.#isLabelledFilled = false
    if (this.#zones.size === 0) return // clearing makes a new table, to which the old one leads: a chain for the collector
    this.#zones.clear()
    this.#distinctZones.clear()
  }

  /** Adds an address under a label, in a zone (each may be empty: none), unless it is none or known. */
  add(text: string, label: string, zone = ''): void {
    this.#reserve(16 + LABEL_BYTES + 1)
    const at = this.#used
    const pool = this.#pool
    const length = readAddress(text, pool, at + 1)
    if (length === 0) return
    pool[at] = length
    const labelLength = writeLabel(pool, at + 1 + length, label)
    const isRepeated = !this.#addresses.add(pool, at, 1 + length)
    if (isRepeated && !this.#isLabelledFilled) this.#fillLabelled()
    if (this.#isLabelledFilled && !this.#labelled.add(pool, at, 1 + length + labelLength)) return
    this.repeats ||= isRepeated
    this.#used += 1 + length + labelLength
    if (label !== '') this.labelBytes += labelLength
    if (zone !== '') this.#addZone(at, zone)
    if (length === 4) this.#places4[this.count4++] = at
    else this.#places6[this.count6++] = at
  }

  /** Writes the set of the addresses at `set`. */
  writeSet(words: Int32Array, bytes: Uint8Array, set: number, owner: number): void {
    beginAddressSet(words, set, owner, this.count4, this.count6)
    for (let i = 0; i < this.count4 + this.count6; i++) {
      const place = this.#place(i)
      const to = addressAt(words, set, i)
      for (let j = 0; j < this.#pool[place]!; j++) bytes[to + j] = this.#pool[place + 1 + j]!
    }
  }

  /** Writes the label of address `i` to `to`. Returns its octets, 0 where there is none. */
  writeLabel(bytes: Uint8Array, to: number, i: number): number {
    const place = this.#place(i)
    const at = place + 1 + this.#pool[place]!
    const length = this.#pool[at]!
    if (length === 0) return 0
    for (let j = 0; j <= length; j++) bytes[to + j] = this.#pool[at + j]!
    return length + 1
  }

  /** The zone of address `i`, empty if there is none. */
  zone(i: number): string {
    return this.#zones.get(this.#place(i)) ?? ''
  }

  #addZone(place: number, zone: string): void {
    this.#zones.set(place, zone)
    if (this.#distinctZones.has(zone)) return
    this.#distinctZones.add(zone)
    this.zoneBytes += zone.length + 2
  }

  #fillLabelled(): void {
    this.#isLabelledFilled = true
    this.#labelled.clear()
    for (let i = 0; i < this.count4 + this.count6; i++) {
      const place = this.#place(i)
      const labelAt = place + 1 + this.#pool[place]!
      this.#labelled.add(this.#pool, place, labelAt + 1 + this.#pool[labelAt]! - place)
    }
  }

  #place(i: number): number {
    return i < this.count4 ? this.#places4[i]! : this.#places6[i - this.count4]!
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#pool.length) return
    const larger = new Uint8Array(this.#pool.length * 2)
    larger.set(this.#pool)
    // What the set of addresses holds points into the old pool, whose octets do not change any more.
    this.#pool = larger
  }
}
