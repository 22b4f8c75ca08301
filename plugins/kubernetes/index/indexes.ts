/**
 * The index of the cluster, and that of its cluster set where `multicluster` zones are served (KEP-1645), behind one `Store`.
 * They share nothing but the namespaces, which each of them keeps: memory, serial and synced kinds are their own.
 */
import { type AnyKind, isSetKind, type Kind, SET_KINDS, type SlimObject } from '../object/object.ts'
import { Index, type IndexOptions } from './index.ts'
import type { ListToken, Store } from './store.ts'

const IMPORTED = ['serviceimport', 'importedslice'] as const

export interface IndexesOptions extends Omit<IndexOptions, 'kinds'> {
  readonly kinds: readonly AnyKind[]
}

export class Indexes implements Store {
  readonly cluster: Index
  /** Its services are ServiceImports, its slices those of these; undefined if nobody asks for them. */
  readonly clusterSet: Index | undefined

  constructor({ kinds, ...options }: IndexesOptions) {
    const { endpointPodNames = false } = options
    const imported = kinds.filter(isSetKind).map(kind => SET_KINDS[kind])
    this.cluster = new Index({ ...options, kinds: kinds.filter(kind => !isSetKind(kind)) })
    if (imported.length > 0) this.clusterSet = new Index({ kinds: [...imported, 'namespace'], endpointPodNames })
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
