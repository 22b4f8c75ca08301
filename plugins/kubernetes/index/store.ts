/** The write side of the index: what a source may do with it. All of it is synchronous; there is one writer. */
import type { AnyKind, SlimObject } from '../object/object.ts'

export interface Store<K extends AnyKind = AnyKind> {
  /**
   * Adds an object (of that kind) or replaces the one of the same kind, namespace and name. Kept as slim as it comes; costs time in
   * proportion to this object alone. An object that says what is known already changes nothing, the serial included.
   * True if it changed anything.
   */
  put(kind: K, object: SlimObject): boolean
  /** Removes an object; nothing happens if it is unknown. A Namespace's `namespace` is empty. */
  delete(kind: K, namespace: string, name: string): void
  /**
   * Begins a full list of a kind, which may go on for long: `put` each object of it, then `endList` removes all objects
   * of the kind that were not put since. A list that is given up is simply not ended; the next one begins anew.
   */
  beginList(kind: K): ListToken
  /** Ends a list, and gives how many objects that removed: none if another list of this kind was begun meanwhile. */
  endList(kind: K, token: ListToken): number
  /** True once all objects of a kind are known. Until then its names are SERVFAIL where they would be NXDOMAIN. */
  setSynced(kind: K, synced: boolean): void
}

export type ListToken = number
