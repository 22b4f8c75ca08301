/**
 * The parts of a snapshot: one per kind of object and index, under a name of its own. What a file has and we do not want
 * is passed over; what we want and a file does not have stays unknown.
 *
 *   section  name as a label; records; a number 0; how many records there were
 *   record   its octets as a number, then the object (codec.ts)
 *   the end  an octet 0, and the SHA-256 of all before it
 */
import { type Index, KIND_BIT } from '../index/index.ts'
import type { Indexes } from '../index/indexes.ts'
import type { AnyKind, Kind } from '../object/object.ts'

export interface Section {
  readonly name: string
  readonly kind: Kind
  readonly index: Index
}

/** Those of the cluster's own objects. What is found by one kind is of use without those that follow it. */
export function sectionsOf(index: Index, kinds: readonly AnyKind[]): readonly Section[] {
  const inOrder = ['namespace', 'service', 'endpointslice', 'pod'] as const
  return inOrder.filter(kind => kinds.includes(kind)).map(kind => ({ name: kind, kind, index }))
}

/** Those, and what the index of a cluster set holds. */
export function allSections({ cluster, clusterSet: index }: Indexes, kinds: readonly AnyKind[]): readonly Section[] {
  const own = sectionsOf(cluster, kinds)
  if (index === undefined) return own
  return [
    ...own,
    { name: 'clusterset-namespace', kind: 'namespace', index },
    { name: 'serviceimport', kind: 'service', index },
    { name: 'importedslice', kind: 'endpointslice', index },
  ]
}

/** True once all objects of the section are known. */
export function isSynced({ index, kind }: Section): boolean {
  return (index.unsyncedKinds & KIND_BIT[kind]) === 0
}

/** A number that grows with every change. */
export function changesOf(sections: readonly Section[]): number {
  let changes = 0
  for (const { index } of sections) changes += index.changes
  return changes
}
