/**
 * The index of the cluster, and that of its cluster set where `multicluster` zones are served (KEP-1645), behind one `Store`.
 * They share nothing but the namespaces, which each of them keeps: memory, serial and synced kinds are their own. Other
 * threads read both along; one lock keeps their looks together, since a name may be looked up in either.
 */
import type { MessagePort } from 'node:worker_threads'
import { ROOT_HASH } from '../../../server/wire/name.ts'
import { type AnyKind, isSetKind, type Kind, SET_KINDS, type SlimObject } from '../object/object.ts'
import { Index, type IndexOptions } from './index.ts'
import { follow, Readers } from './readers.ts'
import { Seqlock } from './seqlock.ts'
import { Slab } from './slab.ts'
import type { ListToken, Store } from './store.ts'

const IMPORTED = ['serviceimport', 'importedslice'] as const

export interface IndexesOptions extends Omit<IndexOptions, 'kinds'> {
  readonly kinds: readonly AnyKind[]
}

/** What another thread needs to read along. */
export interface SharedIndexes {
  readonly lock: SharedArrayBuffer
  /** The cluster's, then the cluster set's if there is one. */
  readonly memories: readonly SharedArrayBuffer[]
  /** Tables are found through hashes: of another start nothing would be found. */
  readonly rootHash: number
}

export class Indexes implements Store {
  /** Keeps what is read of both together. */
  readonly lock = new Seqlock()
  readonly cluster: Index
  /** Its services are ServiceImports, its slices those of these; undefined if nobody asks for them. */
  readonly clusterSet: Index | undefined

  constructor({ kinds, ...options }: IndexesOptions) {
    const { endpointPodNames = false } = options
    const imported = kinds.filter(isSetKind).map(kind => SET_KINDS[kind])
    const slab = () => new Slab(undefined, this.lock)
    this.cluster = new Index({ ...options, kinds: kinds.filter(kind => !isSetKind(kind)) }, slab())
    if (imported.length > 0)
      this.clusterSet = new Index({ kinds: [...imported, 'namespace'], endpointPodNames }, slab())
  }

  get #all(): readonly Index[] {
    return this.clusterSet === undefined ? [this.cluster] : [this.cluster, this.clusterSet]
  }

  /** A thread is about to `join` what this gives: it counts as a reader until the port to it closes. */
  share(port: MessagePort): SharedIndexes {
    for (const [of, { slab }] of this.#all.entries()) {
      slab.readers ??= new Readers(slab, of)
      slab.readers.add(port)
    }
    return { lock: this.lock.shared, memories: this.#all.map(({ slab }) => slab.memory), rootHash: ROOT_HASH }
  }

  /**
   * Reads along what another thread writes, from now on. Nothing may be put here.
   * @throws Error where that thread's hashes, or its indexes, are others
   */
  join({ lock, memories, rootHash }: SharedIndexes, port: MessagePort): void {
    if (rootHash !== ROOT_HASH || memories.length !== this.#all.length) {
      throw new Error('index of another process or configuration, expected that of the main thread')
    }
    this.lock.join(lock)
    for (const [of, { slab }] of this.#all.entries()) {
      slab.adopt(memories[of]!)
      follow(slab, of, port)
    }
  }

  /** True once all objects are known. */
  get synced(): boolean {
    return this.cluster.unsyncedKinds === 0 && (this.clusterSet?.unsyncedKinds ?? 0) === 0
  }

  /** Something is known from a snapshot. */
  get isStale(): boolean {
    return this.cluster.staleKinds !== 0 || (this.clusterSet?.staleKinds ?? 0) !== 0
  }

  /** Nothing is unknown but what is known from a snapshot. */
  get isCovered(): boolean {
    const isCovered = ({ unsyncedKinds, staleKinds }: Index) => unsyncedKinds === staleKinds
    return isCovered(this.cluster) && (this.clusterSet === undefined || isCovered(this.clusterSet))
  }

  /** A source has brought an object. */
  get isFed(): boolean {
    return this.cluster.isFed || (this.clusterSet?.isFed ?? false)
  }

  /** The kinds that are not synced. */
  unsynced(): AnyKind[] {
    const imported = this.clusterSet?.unsynced() ?? []
    return [...this.cluster.unsynced(), ...IMPORTED.filter(kind => imported.includes(SET_KINDS[kind]))]
  }

  async whenSynced(): Promise<void> {
    await this.cluster.whenSynced()
    await this.clusterSet?.whenSynced()
  }

  put(kind: AnyKind, object: SlimObject): boolean {
    if (kind === 'namespace') this.clusterSet?.put(kind, object)
    return this.#of(kind)?.put(roleOf(kind), object) ?? false
  }

  delete(kind: AnyKind, namespace: string, name: string): void {
    this.#of(kind)?.delete(roleOf(kind), namespace, name)
    if (kind === 'namespace') this.clusterSet?.delete(kind, namespace, name)
  }

  beginList(kind: AnyKind): ListToken {
    if (kind === 'namespace') this.clusterSet?.beginList(kind) // the same token: nobody else begins lists
    return this.#of(kind)?.beginList(roleOf(kind)) ?? 0
  }

  async endList(kind: AnyKind, token: ListToken): Promise<number> {
    if (kind === 'namespace') await this.clusterSet?.endList(kind, token)
    return (await this.#of(kind)?.endList(roleOf(kind), token)) ?? 0
  }

  setSynced(kind: AnyKind, synced: boolean): void {
    this.#of(kind)?.setSynced(roleOf(kind), synced)
    if (kind === 'namespace') this.clusterSet?.setSynced(kind, synced)
  }

  #of(kind: AnyKind): Index | undefined {
    return isSetKind(kind) ? this.clusterSet : this.cluster
  }
}

/** As what an object of the kind stands in its index. */
function roleOf(kind: AnyKind): Kind {
  return isSetKind(kind) ? SET_KINDS[kind] : kind
}
