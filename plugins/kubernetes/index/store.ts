/** The write side of the index: what a source may do with it. All but the end of a list is synchronous; there is one writer. */
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
  /**
   * Ends a list, between queries, and gives how many objects that removed: what is put and deleted meanwhile stands. Removes
   * nothing any more once another list of this kind is begun.
   */
  endList(kind: K, token: ListToken): Promise<number>
  /** True once all objects of a kind are known: after `endList` is done. Until then its names are SERVFAIL where they would be NXDOMAIN. */
  setSynced(kind: K, synced: boolean): void
}

export type ListToken = number
