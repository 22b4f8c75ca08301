/**
 * The cluster in memory: what sources write through `Store`, and what answers are read from. Single writer; a reader sees
 * an object as it was before a change or after it, never in between.
 */

import { type WorkSlices, workSlices } from '../informer/work-slices.ts'
import type { EndpointSlice } from '../object/endpointslice.ts'
import { KINDS, type Kind, type SlimObject } from '../object/object.ts'
import type { Service } from '../object/service.ts'
import { Namespaces } from './namespaces.ts'
import { Pods } from './pods.ts'
import { Services } from './services.ts'
import { Slab } from './slab.ts'
import { Slices } from './slices.ts'
import type { ListToken, Store } from './store.ts'
import { sweep } from './sweep.ts'

export type { ListToken, Store } from './store.ts'

/** One bit per kind. */
export const KIND_BIT: Readonly<Record<Kind, number>> = { service: 1, endpointslice: 2, pod: 4, namespace: 8 }

/** Generation of what a snapshot brought: that of no list. */
const RESTORED = -1

export interface IndexOptions {
  /** The kinds that are kept; the others count as synced and empty. */
  readonly kinds?: readonly Kind[]
  /** Name endpoints without a hostname after their pods. */
  readonly endpointPodNames?: boolean
  /** Keep the topology zones of endpoints. */
  readonly zones?: boolean
  /** Told of slices that changed an answer. */
  readonly onSlice?: (slice: EndpointSlice, headless: boolean) => void
  /** Keys of the pod labels that are kept. */
  readonly podLabels?: readonly string[]
}

export class Index implements Store<Kind> {
  readonly slab: Slab
  readonly namespaces: Namespaces
  readonly services: Services
  readonly slices: Slices
  readonly pods: Pods
  /** When anything last changed, in Unix seconds; never goes back. */
  serial = Math.floor(Date.now() / 1000)
  /** Somebody keeps what was said under this serial. */
  #isSealed = false
  readonly #onSlice: IndexOptions['onSlice']
  /** The kinds (KIND_BIT) of which not all objects are known yet. */
  unsyncedKinds = 0
  /** Those of them that were restored from a snapshot: what is found may be out of date. */
  staleKinds = 0
  /** What was restored is going: nothing may be restored behind the back of what removes it. */
  #isForgetting = false
  /** How often anything changed. */
  changes = 0
  /** A source has brought an object. */
  isFed = false
  readonly #listed: Record<Kind, ListToken> = { service: 0, endpointslice: 0, pod: 0, namespace: 0 }
  readonly #whenSynced: (() => void)[] = []

  constructor(options: IndexOptions = {}, slab = new Slab()) {
    const { kinds = KINDS, endpointPodNames = false, zones = false, podLabels = [], onSlice } = options
    this.slab = slab
    this.namespaces = new Namespaces(slab)
    this.services = new Services(slab, this.namespaces)
    this.slices = new Slices(slab, this.namespaces, this.services, { podNames: endpointPodNames, zones })
    this.pods = new Pods(slab, this.namespaces, podLabels)
    this.#onSlice = onSlice
    for (const kind of kinds) this.unsyncedKinds |= KIND_BIT[kind]
  }

  /** The kinds that are not synced. */
  unsynced(): Kind[] {
    return KINDS.filter(kind => (this.unsyncedKinds & KIND_BIT[kind]) !== 0)
  }

  /** Resolves once all kinds are synced. */
  whenSynced(): Promise<void> {
    if (this.unsyncedKinds === 0) return Promise.resolve()
    return new Promise(resolve => this.#whenSynced.push(resolve))
  }

  put(kind: Kind, object: SlimObject): boolean {
    this.isFed = true
    const isChange = this.#put(object, this.#listed[kind])
    if (isChange) this.#changed()
    return isChange
  }

  delete(kind: Kind, namespace: string, name: string): void {
    if (this.#of(kind).delete(this.#find(kind, namespace, name))) this.#changed()
  }

  beginList(kind: Kind): ListToken {
    return ++this.#listed[kind]
  }

  async endList(kind: Kind, token: ListToken, slices = workSlices): Promise<number> {
    const isOver = () => token !== this.#listed[kind]
    return isOver() ? 0 : await this.#sweep(kind, slices, generation => generation !== token, isOver)
  }

  setSynced(kind: Kind, synced: boolean): void {
    if (synced) this.unsyncedKinds &= ~KIND_BIT[kind]
    else this.unsyncedKinds |= KIND_BIT[kind]
    this.staleKinds &= this.unsyncedKinds
    if (this.unsyncedKinds !== 0) return
    for (const resolve of this.#whenSynced.splice(0)) resolve()
  }

  /** Objects of this kind will be restored. False where that is of no use: all are known, or none is kept. */
  beginRestore(kind: Kind): boolean {
    const bit = KIND_BIT[kind]
    this.staleKinds |= this.unsyncedKinds & bit
    return (this.staleKinds & bit) !== 0
  }

  /** Puts an object as it was once, unless something newer is known of it. The end of the next list removes it again. */
  restore(object: SlimObject): void {
    if ((this.staleKinds & KIND_BIT[object.kind]) === 0 || this.#isForgetting || this.#isKnown(object)) return
    if (this.#put(object, RESTORED)) this.#changed()
  }

  /** Removes all that was restored and not put since, between queries; until it is gone it counts as out of date. */
  async forgetRestored(slices = workSlices): Promise<void> {
    this.#isForgetting = true
    for (const kind of KINDS) {
      const isOver = () => (this.staleKinds & KIND_BIT[kind]) === 0
      if (!isOver()) await this.#sweep(kind, slices, generation => generation === RESTORED, isOver)
    }
    this.staleKinds = 0
    this.#isForgetting = false
    this.#changed()
  }

  async #sweep(
    kind: Kind,
    slices: WorkSlices,
    isToGo: (generation: number) => boolean,
    isOver: () => boolean,
  ): Promise<number> {
    let removed = 0
    const onRemoved = () => {
      removed++
      this.#changed()
    }
    await sweep(this.#of(kind), { slices, isToGo, isOver, onRemoved })
    return removed
  }

  #isKnown(object: SlimObject): boolean {
    const block = this.#find(object.kind, object.kind === 'namespace' ? '' : object.namespace, object.name)
    if (block === 0) return false
    if (object.kind === 'service') return this.services.data(block) !== 0
    return object.kind !== 'namespace' || this.namespaces.exists(block)
  }

  /** The next change gets a serial of its own, even if it comes within this second. */
  seal(): void {
    this.#isSealed = true
  }

  #put(object: SlimObject, generation: number): boolean {
    switch (object.kind) {
      case 'service':
        return this.services.put(object satisfies Service, generation)
      case 'endpointslice':
        return this.#putSlice(object, generation)
      case 'pod':
        return this.pods.put(object, generation)
      case 'namespace':
        return this.namespaces.put(object.name, generation)
    }
  }

  #putSlice(slice: EndpointSlice, generation: number): boolean {
    if (!this.slices.put(slice, generation)) return false
    const isNews = slice.lastChangeTriggerMs > 0 && (this.unsyncedKinds & KIND_BIT.endpointslice) === 0
    if (this.#onSlice !== undefined && isNews) {
      const entry = this.services.named(slice.namespace, slice.service)
      const data = entry === 0 ? 0 : this.services.data(entry)
      if (data !== 0) this.#onSlice(slice, this.services.isHeadless(data))
    }
    return true
  }

  #find(kind: Kind, namespace: string, name: string): number {
    switch (kind) {
      case 'service':
        return this.services.named(namespace, name)
      case 'endpointslice':
        return this.slices.named(namespace, name)
      case 'pod':
        return this.pods.named(namespace, name)
      case 'namespace':
        return this.namespaces.named(name)
    }
  }

  #of(kind: Kind): Services | Slices | Pods | Namespaces {
    switch (kind) {
      case 'service':
        return this.services
      case 'endpointslice':
        return this.slices
      case 'pod':
        return this.pods
      case 'namespace':
        return this.namespaces
    }
  }

  #changed(): void {
    this.changes++
    const nowS = Math.floor(Date.now() / 1000)
    if (nowS > this.serial) this.serial = nowS
    else if (this.#isSealed) this.serial++
    this.#isSealed = false
  }
}
