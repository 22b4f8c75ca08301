/**
 * The cluster in memory: what sources write through `Store`, and what answers are read from. Single writer; a reader sees
 * an object as it was before a change or after it, never in between. That holds for other threads too, which read the same
 * memory (`join` of indexes.ts): all that a reader needs stands in it, nothing in a field.
 */

import { type WorkSlices, workSlices } from '../../../server/work-slices.ts'
import type { EndpointSlice } from '../object/endpointslice.ts'
import { KINDS, type Kind, type SlimObject } from '../object/object.ts'
import type { Service } from '../object/service.ts'
import { Namespaces } from './namespaces.ts'
import { Pods } from './pods.ts'
import { ROOT } from './roots.ts'
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
  readonly #onSlice: IndexOptions['onSlice']
  /** The memory at the last change. */
  #memory: SharedArrayBuffer
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
    this.#memory = slab.memory
    this.serial = Math.floor(Date.now() / 1000)
    this.#setKinds(
      kinds.reduce((bits, kind) => bits | KIND_BIT[kind], 0),
      0,
    )
  }

  /** When anything last changed, in Unix seconds; never goes back. */
  get serial(): number {
    return this.slab.words[ROOT.serial]! >>> 0
  }
  set serial(seconds: number) {
    this.slab.publish(ROOT.serial, seconds)
    this.slab.lock.changed()
  }

  /** The kinds (KIND_BIT) of which not all objects are known yet. */
  get unsyncedKinds(): number {
    return this.slab.words[ROOT.unsynced]!
  }
  /** Those of them that were restored from a snapshot: what is found may be out of date. */
  get staleKinds(): number {
    return this.slab.words[ROOT.stale]!
  }

  #setKinds(unsynced: number, stale: number): void {
    this.slab.publish(ROOT.unsynced, unsynced)
    this.slab.publish(ROOT.stale, stale)
    this.slab.lock.changed()
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
    try {
      const isChange = this.#put(object, this.#listed[kind])
      if (isChange) this.#changed()
      return isChange
    } finally {
      this.slab.lock.changed() // also where it said nothing new but mentioned a namespace, and where memory is full
    }
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
    const bit = KIND_BIT[kind]
    const unsynced = synced ? this.unsyncedKinds & ~bit : this.unsyncedKinds | bit
    this.#setKinds(unsynced, this.staleKinds & unsynced)
    if (this.unsyncedKinds !== 0) return
    for (const resolve of this.#whenSynced.splice(0)) resolve()
  }

  /** Objects of this kind will be restored. False where that is of no use: all are known, or none is kept. */
  beginRestore(kind: Kind): boolean {
    const bit = KIND_BIT[kind]
    this.#setKinds(this.unsyncedKinds, this.staleKinds | (this.unsyncedKinds & bit))
    return (this.staleKinds & bit) !== 0
  }

  /** Puts an object as it was once, unless something newer is known of it. The end of the next list removes it again. */
  restore(object: SlimObject): void {
    if ((this.staleKinds & KIND_BIT[object.kind]) === 0 || this.#isForgetting || this.#isKnown(object)) return
    try {
      if (this.#put(object, RESTORED)) this.#changed()
    } finally {
      this.slab.lock.changed()
    }
  }

  /** Removes all that was restored and not put since, between queries; until it is gone it counts as out of date. */
  async forgetRestored(slices = workSlices): Promise<void> {
    this.#isForgetting = true
    for (const kind of KINDS) {
      const isOver = () => (this.staleKinds & KIND_BIT[kind]) === 0
      if (!isOver()) await this.#sweep(kind, slices, generation => generation === RESTORED, isOver)
    }
    this.#setKinds(this.unsyncedKinds, 0)
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

  /**
   * The serial, for who keeps what is said under it: the next change gets another one, even if it comes within this second.
   * Any thread may: no serial that is sealed is unsealed by one that has read an earlier one.
   */
  seal(): number {
    for (;;) {
      const { serial } = this
      const { words } = this.slab
      let sealed = Atomics.load(words, ROOT.sealed)
      while (sealed >>> 0 < serial) {
        const found = Atomics.compareExchange(words, ROOT.sealed, sealed, serial)
        if (found === sealed) break
        sealed = found
      }
      if (this.serial === serial) return serial
    }
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
    const { slab } = this
    const nowS = Math.floor(Date.now() / 1000)
    const { serial } = this
    // Written, not only read: who seals after this sees all that has changed before.
    const isSealed = Atomics.or(slab.words, ROOT.sealed, 0) >>> 0 === serial
    // Who has not heard of new memory yet seals a serial in the old one.
    const isMoved = slab.memory !== this.#memory
    if (nowS > serial) this.serial = nowS
    else if (isSealed || isMoved) this.serial = serial + 1
    this.#memory = slab.memory
    slab.lock.changed()
    slab.growAhead()
  }
}
