/**
 * Removes many objects of a table between queries: a share of each turn of the event loop, however many go. Holds a place in
 * the table alone, no block: blocks are freed and used again while it pauses. An object that is put meanwhile is seen as
 * it is then; where the table was built anew, places are other ones, and it begins again.
 */
import type { WorkSlices } from '../../../server/work-slices.ts'
import type { Table } from './table.ts'

/** Places without anything to remove cost a hundredth of a microsecond each. */
const PLACES_PER_LOOK = 256

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
  const { table } = objects
  let { rebuilds } = table
  let looked = 0
  for (let place = 0; place < table.places; place++) {
    let isToLook = ++looked >= PLACES_PER_LOOK
    const block = table.blockAt(place)
    const generation = block === 0 ? undefined : objects.generation(block)
    if (generation !== undefined && isToGo(generation) && objects.delete(block)) {
      onRemoved()
      isToLook = true
    }
    if (isToLook) {
      looked = 0
      if (slices.spent) {
        await slices.pause()
        if (isOver()) return
      }
    }
    if (table.rebuilds === rebuilds) continue
    rebuilds = table.rebuilds
    place = -1
  }
}
