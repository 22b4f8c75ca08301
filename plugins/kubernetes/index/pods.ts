/**
 * Pods: only where they are and in which namespace. A pod without an address is not kept.
 *
 *   word 0  1          2           3                    then
 *   hash,  namespace, generation, octets of the name,  address set, name
 */
import { equalOctets, hashJoin } from '../../../server/wire/name.ts'
import type { Pod } from '../object/pod.ts'
import { AddressIndex, addressSetBytes, count4, count6, ownerOf, setOfLink } from './address-set.ts'
import { Draft } from './draft.ts'
import type { Namespaces } from './namespaces.ts'
import { ROOT } from './roots.ts'
import type { Slab } from './slab.ts'
import { hashText, isText } from './slices.ts'
import { Table } from './table.ts'

const SET_AT = 16

const draft = new Draft()

export class Pods {
  readonly #slab: Slab
  readonly #namespaces: Namespaces
  readonly #table: Table
  /** By any of their addresses; the sets' owners are pods. */
  readonly addresses: AddressIndex

  constructor(slab: Slab, namespaces: Namespaces) {
    this.#slab = slab
    this.#namespaces = namespaces
    this.#table = new Table(slab, ROOT.pods)
    this.addresses = new AddressIndex(slab, ROOT.podAddresses)
  }

  /** True if a pod of the namespace (its entry) has the address. */
  has(namespace: number, bytes: Uint8Array, at: number, length: number): boolean {
    const { words } = this.#slab
    for (
      let link = this.addresses.first(bytes, at, length);
      link !== 0;
      link = this.addresses.next(link, bytes, at, length)
    ) {
      if (words[(ownerOf(words, setOfLink(words, link)) >> 2) + 1] === namespace) return true
    }
    return false
  }

  /** Returns true if that changed anything. */
  put(pod: Pod, generation: number): boolean {
    draft.clear()
    for (const ip of pod.ips) draft.add(ip, '')
    const old = this.named(pod.namespace, pod.name)
    if (draft.count4 + draft.count6 === 0) return this.delete(old)
    const namespace = this.#namespaces.mention(pod.namespace)
    const made = this.#write(namespace, pod, generation)
    if (old !== 0 && this.#same(old, made)) {
      this.#slab.words[(old >> 2) + 2] = generation
      this.#slab.freeNow(made)
      this.#namespaces.unmention(namespace)
      return false
    }
    this.addresses.insert(made + SET_AT)
    this.#table.insert(this.#slab.words[made >> 2]!, made)
    this.delete(old)
    return true
  }

  /** Returns true if it was there. */
  delete(pod: number): boolean {
    if (pod === 0) return false
    const { words } = this.#slab
    this.#table.remove(words[pod >> 2]!, pod)
    this.addresses.remove(pod + SET_AT)
    this.#namespaces.unmention(words[(pod >> 2) + 1]!)
    this.#slab.free(pod)
    return true
  }

  /** The pod of a name, 0 if there is none. */
  named(namespace: string, name: string): number {
    const parent = this.#namespaces.named(namespace)
    if (parent === 0) return 0
    const hash = hashJoin(this.#namespaces.hash(parent), hashText(name))
    for (let found = this.#table.first(hash); found !== 0; found = this.#table.next(found, hash)) {
      const pod = this.#table.block(found)
      const at = pod >> 2
      const { words, bytes } = this.#slab
      if (words[at + 1] === parent && words[at + 3] === name.length && isText(bytes, this.#nameAt(pod), name))
        return pod
    }
    return 0
  }

  /** Pods that are not of this generation. */
  outdated(generation: number): number[] {
    return this.#table.unlike(2, generation)
  }

  #write(namespace: number, pod: Pod, generation: number): number {
    const nameAt = SET_AT + addressSetBytes(draft.count4, draft.count6)
    const block = this.#slab.allocate(nameAt + pod.name.length)
    const { words, bytes } = this.#slab
    const at = block >> 2
    words[at] = hashJoin(this.#namespaces.hash(namespace), hashText(pod.name))
    words[at + 1] = namespace
    words[at + 2] = generation
    words[at + 3] = pod.name.length
    draft.writeSet(words, bytes, block + SET_AT, block)
    for (let i = 0; i < pod.name.length; i++) bytes[block + nameAt + i] = pod.name.charCodeAt(i)
    return block
  }

  #nameAt(pod: number): number {
    const { words } = this.#slab
    const set = pod + SET_AT
    return set + addressSetBytes(count4(words, set), count6(words, set))
  }

  /** True if two pods of one name have the same addresses. */
  #same(a: number, b: number): boolean {
    const { words, bytes } = this.#slab
    const [fours, sixes] = [count4(words, a + SET_AT), count6(words, a + SET_AT)]
    if (fours !== count4(words, b + SET_AT) || sixes !== count6(words, b + SET_AT)) return false
    return equalOctets(bytes, a + SET_AT + 12, bytes, b + SET_AT + 12, 4 * fours + 16 * sixes)
  }
}
