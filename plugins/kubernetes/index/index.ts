/**
 * The cluster in memory: what sources write through `Store`, and what answers are read from. Single writer; a reader sees
 * an object as it was before a change or after it, never in between.
 */

import type { EndpointSlice } from '../object/endpointslice.ts'
import { KINDS, type Kind, type SlimObject } from '../object/object.ts'
import type { Service } from '../object/service.ts'
import { Namespaces } from './namespaces.ts'
import { Pods } from './pods.ts'
import { Services } from './services.ts'
import { Slab } from './slab.ts'
import { Slices } from './slices.ts'
import type { ListToken, Store } from './store.ts'

export type { ListToken, Store } from './store.ts'

/** One bit per kind. */
export const KIND_BIT: Readonly<Record<Kind, number>> = { service: 1, endpointslice: 2, pod: 4, namespace: 8 }

export interface IndexOptions {
  /** The kinds that are kept; the others count as synced and empty. */
  readonly kinds?: readonly Kind[]
  /** Name endpoints without a hostname after their pods. */
  readonly endpointPodNames?: boolean
  /** Told of slices that changed an answer. */
  readonly onSlice?: (slice: EndpointSlice, headless: boolean) => void
}

export class Index implements Store {
  readonly slab: Slab
  readonly namespaces: Namespaces
  readonly services: Services
  readonly slices: Slices
  readonly pods: Pods
  /** When anything last changed, in Unix seconds; never goes back. */
  serial = Math.floor(Date.now() / 1000)
  readonly #onSlice: IndexOptions['onSlice']
  /** The kinds (KIND_BIT) of which not all objects are known yet. */
  unsyncedKinds = 0
  readonly #listed: Record<Kind, ListToken> = { service: 0, endpointslice: 0, pod: 0, namespace: 0 }
  readonly #whenSynced: (() => void)[] = []

  constructor({ kinds = KINDS, endpointPodNames = false, onSlice }: IndexOptions = {}, slab = new Slab()) {
    this.slab = slab
    this.namespaces = new Namespaces(slab)
    this.services = new Services(slab, this.namespaces)
    this.slices = new Slices(slab, this.namespaces, this.services, endpointPodNames)
    this.pods = new Pods(slab, this.namespaces)
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
    const isChange = this.#put(object, this.#listed[kind])
    if (isChange) this.#changed()
    return isChange
  }

  delete(kind: Kind, namespace: string, name: string): void {
    if (this.#remove(kind, this.#find(kind, namespace, name))) this.#changed()
  }

  beginList(kind: Kind): ListToken {
    return ++this.#listed[kind]
  }

  endList(kind: Kind, token: ListToken): number {
    if (token !== this.#listed[kind]) return 0
    const outdated = this.#of(kind).outdated(token)
    for (const block of outdated) this.#remove(kind, block)
    if (outdated.length > 0) this.#changed()
    return outdated.length
  }

  setSynced(kind: Kind, synced: boolean): void {
    if (synced) this.unsyncedKinds &= ~KIND_BIT[kind]
    else this.unsyncedKinds |= KIND_BIT[kind]
    if (this.unsyncedKinds !== 0) return
    for (const resolve of this.#whenSynced.splice(0)) resolve()
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

  #remove(kind: Kind, block: number): boolean {
    return this.#of(kind).delete(block)
  }

  #changed(): void {
    const nowS = Math.floor(Date.now() / 1000)
    if (nowS > this.serial) this.serial = nowS
  }
}
