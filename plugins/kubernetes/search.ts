/**
 * How pods complete names: with their namespace first. Known of a client that is one pod and nobody else, while all objects
 * are known; whoever asks from the address of a node may be anybody.
 */
import type { Query } from '../../server/plugin.ts'
import { equalOctets, type Name } from '../../server/wire/name.ts'
import type { Index } from './index/index.ts'
import { isLabel, SVC } from './name.ts'
import type { Zone, Zones } from './zones.ts'

/** Namespaces of which the paths are kept; beyond it all are made anew. */
const MAX_KEPT = 4096

export class SearchPaths {
  readonly #index: Index
  readonly #zones: Zones
  /** By zone, then by namespace (its entry, which may be another's later: the path tells). */
  readonly #kept = new Map<Zone, Map<number, readonly Name[]>>()

  constructor(index: Index, zones: Zones) {
    this.#index = index
    this.#zones = zones
  }

  /** NS.svc.ZONE, svc.ZONE, ZONE: if the question ends in the first one, and its client is a pod of this namespace. */
  of(q: Query): readonly Name[] | undefined {
    const zone = this.#zones.match(q)
    const { left } = this.#zones
    if (zone === undefined || zone.reverse !== 0 || left < 3 || !isLabel(q, left - 1, SVC)) return undefined
    const { lock } = this.#index.slab
    let namespace: number
    let seen: number
    do {
      seen = lock.now()
      namespace = this.#namespaceOf(q, q.labelAt[left - 2]!)
    } while (lock.isOver(seen))
    return namespace === 0 ? undefined : this.#path(q, zone, left, namespace)
  }

  /** That of the pod which asks (its entry), if its label stands at `label` of the question; else 0. */
  #namespaceOf(q: Query, label: number): number {
    const { namespaces, pods, slab, unsyncedKinds } = this.#index
    const pod = unsyncedKinds === 0 ? pods.soleOf(q.peer.address) : 0
    if (pod === 0) return 0
    const namespace = pods.namespace(pod)
    const isOfThis = equalOctets(slab.bytes, namespaces.labelAt(namespace), q.qname, label, q.qname[label]! + 1)
    return isOfThis ? namespace : 0
  }

  #path(q: Query, zone: Zone, left: number, namespace: number): readonly Name[] {
    const kept = this.#kept.get(zone) ?? new Map<number, readonly Name[]>()
    this.#kept.set(zone, kept)
    const known = kept.get(namespace)
    const at = q.labelAt[left - 2]!
    const length = q.qnameLength - at
    if (known !== undefined && known[0]!.length === length && equalOctets(known[0]!, 0, q.qname, at, length))
      return known
    const path = [q.nameFrom(left - 2), q.nameFrom(left - 1), q.nameFrom(left)]
    if (kept.size >= MAX_KEPT) kept.clear()
    kept.set(namespace, path)
    return path
  }
}
