/**
 * Removes many objects of a table between queries: a share of each turn of the event loop, however many go. Holds hashes
 * alone, no block: blocks are freed and used again while it pauses. An object that is put meanwhile is seen as it is then.
 */
import type { WorkSlices } from '../../../server/work-slices.ts'
import type { Table } from './table.ts'

/** Hashes without anything to remove cost some hundredths of a microsecond each. */
const HASHES_PER_LOOK = 64

export interface Swept {
  readonly table: Table
  /** The list that brought an object last; undefined where a block stands for none. */
  generation(block: number): number | undefined
  /** Returns true if it was there. */
  delete(block: number): boolean
}

export interface Sweep {
  readonly slices: WorkSlices
  /** True for the generations whose objects are to go. */
  readonly isToGo: (generation: number) => boolean
  /** Asked after each pause: true where the rest is no matter of this sweep any more. */
  readonly isOver: () => boolean
  /** An object is gone. */
  readonly onRemoved: () => void
}

export async function sweep(objects: Swept, { slices, isToGo, isOver, onRemoved }: Sweep): Promise<void> {
  let looked = 0
  for (const hashes of objects.table.hashes()) {
    for (const hash of hashes) {
      const removed = removeAll(objects, hash, isToGo)
      for (let i = 0; i < removed; i++) onRemoved()
      looked += removed > 0 ? HASHES_PER_LOOK : 1
      if (looked < HASHES_PER_LOOK) continue
      looked = 0
      if (!slices.spent) continue
      await slices.pause()
      if (isOver()) return
    }
  }
}

/** Removes the objects of a hash that are to go. Gives how many there were. */
function removeAll(objects: Swept, hash: number, isToGo: Sweep['isToGo']): number {
  const { table } = objects
  let removed = 0
  for (let slot = table.first(hash); slot !== 0; ) {
    const block = table.block(slot)
    const generation = objects.generation(block)
    if (generation !== undefined && isToGo(generation) && objects.delete(block)) {
      removed++
      slot = table.first(hash) // all may have changed their places
    } else slot = table.next(slot, hash)
  }
  return removed
}
