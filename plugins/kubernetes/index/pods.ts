/**
 * Pods: only where they are and in which namespace, and the labels that somebody asks for. A pod without an address is
 * not kept.
 *
 *   word 0  1          2           3                    then
 *   hash,  namespace, generation, octets of the name,  address set, name, flags, label values
 */
import { equalOctets, hashJoin } from '../../../server/wire/name.ts'
import type { Pod } from '../object/pod.ts'
import { readAddress } from './address.ts'
import { AddressIndex, addressSetBytes, count4, count6, ownerOf, setOfLink } from './address-set.ts'
import { Draft } from './draft.ts'
import type { Namespaces } from './namespaces.ts'
import { podLabelAt, podLabelsBytes, readPodLabel, writePodLabels } from './pod-labels.ts'
import { ROOT } from './roots.ts'
import type { Slab } from './slab.ts'
import { hashText, isText } from './slices.ts'
import { Table } from './table.ts'

const SET_AT = 16
const FLAG_HOST_NETWORK = 1

const draft = new Draft()
const octets = new Uint8Array(16)

export class Pods {
  readonly #slab: Slab
  readonly #namespaces: Namespaces
  readonly #table: Table
  readonly #labelKeys: readonly string[]
  /** By any of their addresses; the sets' owners are pods. */
  readonly addresses: AddressIndex

  /** @param labelKeys the labels that are kept */
  constructor(slab: Slab, namespaces: Namespaces, labelKeys: readonly string[] = []) {
    this.#slab = slab
    this.#namespaces = namespaces
    this.#labelKeys = labelKeys
    this.#table = new Table(slab, ROOT.pods)
    this.addresses = new AddressIndex(slab, ROOT.podAddresses)
  }

  /** All pods by hash. */
  get table(): Table {
    return this.#table
  }

  /** The namespace's entry. */
  namespace(pod: number): number {
    return this.#slab.words[(pod >> 2) + 1]!
  }
  /** Its addresses. */
  set(pod: number): number {
    return pod + SET_AT
  }
  /** Where its name stands, and its octets. */
  nameAt(pod: number): number {
    const { words } = this.#slab
    const set = pod + SET_AT
    return set + addressSetBytes(count4(words, set), count6(words, set))
  }
  nameLength(pod: number): number {
    return this.#slab.words[(pod >> 2) + 3]!
  }

  /** It has the address of its node. */
  isOnHostNetwork(pod: number): boolean {
    return this.#slab.bytes[this.#flagsAt(pod)] === FLAG_HOST_NETWORK
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

  /** The pod that alone has an address (as text); 0 if none has it, or several have, or it is that of a node. */
  soleOf(address: string): number {
    const length = readAddress(address, octets, 0)
    const link = length === 0 ? 0 : this.addresses.first(octets, 0, length)
    if (link === 0 || this.addresses.next(link, octets, 0, length) !== 0) return 0
    const pod = ownerOf(this.#slab.words, setOfLink(this.#slab.words, link))
    return this.isOnHostNetwork(pod) ? 0 : pod
  }

  nameText(pod: number): string {
    const at = this.nameAt(pod)
    return String.fromCharCode(...this.#slab.bytes.subarray(at, this.#flagsAt(pod)))
  }

  /** The value of a label; undefined if the pod does not have it, or such labels are not kept. */
  labelText(pod: number, key: string): string | undefined {
    const i = this.#labelKeys.indexOf(key)
    return i < 0 ? undefined : readPodLabel(this.#slab.bytes, this.#flagsAt(pod) + 1, i)
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
    const hash = this.#slab.words[made >> 2]!
    this.#table.reserve(hash)
    this.addresses.reserve(made + SET_AT)
    this.addresses.insert(made + SET_AT)
    this.#table.insert(hash, made)
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
      if (words[at + 1] === parent && words[at + 3] === name.length && isText(bytes, this.nameAt(pod), name)) return pod
    }
    return 0
  }

  /** The list that brought it last. */
  generation(pod: number): number {
    return this.#slab.words[(pod >> 2) + 2]!
  }

  #write(namespace: number, pod: Pod, generation: number): number {
    const nameAt = SET_AT + addressSetBytes(draft.count4, draft.count6)
    const flagsAt = nameAt + pod.name.length
    const block = this.#slab.allocate(flagsAt + 1 + podLabelsBytes(pod.labels, this.#labelKeys))
    const { words, bytes } = this.#slab
    const at = block >> 2
    words[at] = hashJoin(this.#namespaces.hash(namespace), hashText(pod.name))
    words[at + 1] = namespace
    words[at + 2] = generation
    words[at + 3] = pod.name.length
    draft.writeSet(words, bytes, block + SET_AT, block)
    for (let i = 0; i < pod.name.length; i++) bytes[block + nameAt + i] = pod.name.charCodeAt(i)
    bytes[block + flagsAt] = pod.hostNetwork ? FLAG_HOST_NETWORK : 0
    writePodLabels(bytes, block + flagsAt + 1, pod.labels, this.#labelKeys)
    return block
  }

  /** Behind its name; what follows are its labels. */
  #flagsAt(pod: number): number {
    return this.nameAt(pod) + this.#slab.words[(pod >> 2) + 3]!
  }

  /** True if two pods of one name have the same addresses, flags and labels. */
  #same(a: number, b: number): boolean {
    const { words, bytes } = this.#slab
    const [fours, sixes] = [count4(words, a + SET_AT), count6(words, a + SET_AT)]
    if (fours !== count4(words, b + SET_AT) || sixes !== count6(words, b + SET_AT)) return false
    if (!equalOctets(bytes, a + SET_AT + 12, bytes, b + SET_AT + 12, 4 * fours + 16 * sixes)) return false
    const [aAt, bAt] = [this.#flagsAt(a), this.#flagsAt(b)]
    const end = podLabelAt(bytes, aAt + 1, this.#labelKeys.length)
    return equalOctets(bytes, aAt, bytes, bAt, end - aAt)
  }
}
