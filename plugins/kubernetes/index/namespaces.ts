/**
 * Namespaces: those that exist, and those that something else mentions, which share an entry with them.
 *
 *   word 0  1        2           3                 then
 *   hash,  present, generation, mentions of it,   the name as a label: length, octets
 */
import { equalOctets, hashLabel } from '../../../server/wire/name.ts'
import type { Query } from '../../../server/wire/query.ts'
import { ROOT } from './roots.ts'
import type { Slab } from './slab.ts'
import { Table } from './table.ts'

const LABEL_AT = 16
const GENERATION = 2

const label = new Uint8Array(64)

export class Namespaces {
  readonly #slab: Slab
  readonly #table: Table
  /** The one asked for last by name: objects come sorted by namespace. */
  #lastName = ''
  #lastEntry = 0

  constructor(slab: Slab) {
    this.#slab = slab
    this.#table = new Table(slab, ROOT.namespaces)
  }

  /** The entry of the namespace whose label is label `i` of the question, 0 if there is none. */
  find(q: Query, i: number): number {
    return this.#find(q.labelHash[i]!, q.qname, q.labelAt[i]!)
  }

  /** The entry of a namespace, 0 if there is none. */
  named(name: string): number {
    if (name === this.#lastName) return this.#lastEntry
    const entry = this.#find(labelOf(name), label, 0)
    if (entry !== 0) {
      this.#lastName = name
      this.#lastEntry = entry
    }
    return entry
  }

  /** True if the Namespace exists, not only things in it. */
  exists(entry: number): boolean {
    return this.#slab.words[(entry >> 2) + 1] === 1
  }

  /** All entries by hash. */
  get table(): Table {
    return this.#table
  }

  hash(entry: number): number {
    return this.#slab.words[entry >> 2]!
  }

  /** Where its label stands. */
  labelAt(entry: number): number {
    return entry + LABEL_AT
  }

  nameText(entry: number): string {
    const at = entry + LABEL_AT
    return String.fromCharCode(...this.#slab.bytes.subarray(at + 1, at + 1 + this.#slab.bytes[at]!))
  }

  #find(hash: number, bytes: Uint8Array, at: number): number {
    const length = bytes[at]! + 1
    for (let slot = this.#table.first(hash); slot !== 0; slot = this.#table.next(slot, hash)) {
      const entry = this.#table.block(slot)
      if (equalOctets(this.#slab.bytes, entry + LABEL_AT, bytes, at, length)) return entry
    }
    return 0
  }

  /** The entry of a namespace, made if need be, with one more mention. */
  mention(name: string): number {
    const entry = this.#ensure(name)
    this.#slab.words[(entry >> 2) + 3]! += 1
    return entry
  }

  /** Takes a mention back. */
  unmention(entry: number): void {
    this.#slab.words[(entry >> 2) + 3]! -= 1
    this.#release(entry)
  }

  /** Returns true if it is new. */
  put(name: string, generation: number): boolean {
    const at = this.#ensure(name) >> 2
    const { words } = this.#slab
    words[at + GENERATION] = generation
    if (words[at + 1] === 1) return false
    this.#slab.publish(at + 1, 1)
    return true
  }

  /** Returns true if it was there. */
  delete(entry: number): boolean {
    const { words } = this.#slab
    if (entry === 0 || words[(entry >> 2) + 1] === 0) return false
    this.#slab.publish((entry >> 2) + 1, 0)
    this.#release(entry)
    return true
  }

  /** The list that brought the namespace of an entry last; undefined if it is merely mentioned. */
  generation(entry: number): number | undefined {
    const { words } = this.#slab
    return words[(entry >> 2) + 1] === 1 ? words[(entry >> 2) + GENERATION]! : undefined
  }

  #ensure(name: string): number {
    const known = this.named(name)
    if (known !== 0) return known
    const hash = labelOf(name)
    const entry = this.#slab.allocate(LABEL_AT + label[0]! + 1)
    const { words, bytes } = this.#slab
    words.fill(0, entry >> 2, (entry >> 2) + 4)
    words[entry >> 2] = hash
    for (let i = 0; i <= label[0]!; i++) bytes[entry + LABEL_AT + i] = label[i]!
    this.#table.insert(hash, entry)
    return entry
  }

  #release(entry: number): void {
    const at = entry >> 2
    const { words } = this.#slab
    if (words[at + 1] === 1 || words[at + 3]! > 0) return
    this.#lastName = ''
    this.#table.remove(words[at]!, entry)
    this.#slab.free(entry)
  }
}

/** Puts a name's label into `label` and returns its hash. */
function labelOf(name: string): number {
  label[0] = name.length
  for (let i = 0; i < name.length; i++) label[i + 1] = name.charCodeAt(i)
  return hashLabel(label, 1, name.length + 1)
}
