/**
 * The services of an index in the order of their names, for work that goes on while the index changes. Sorted in slices;
 * a service that is deleted meanwhile is noticed, for its place in memory may be another's by then.
 */

import { workSlices } from '../../server/work-slices.ts'
import type { Index } from './index/index.ts'

/** That many are sorted, or merged, without looking at the clock. */
const RUN = 256

export class ServiceOrder {
  readonly #index: Index
  readonly #entries: readonly number[]
  readonly #hashes: Int32Array
  /** Places in `#entries`, in the order of the names. */
  readonly #order: readonly number[]

  private constructor(index: Index, entries: readonly number[], hashes: Int32Array, order: readonly number[]) {
    this.#index = index
    this.#entries = entries
    this.#hashes = hashes
    this.#order = order
  }

  static async of(index: Index): Promise<ServiceOrder> {
    const { services, slab } = index
    const entries = services.all()
    const hashes = Int32Array.from(entries, entry => services.hash(entry))
    const labelsAt = (i: number) => services.labelsAt(entries[i]!)
    const order = await sort(entries.length, (a, b) => compareNames(slab.bytes, labelsAt(a), labelsAt(b)))
    return new ServiceOrder(index, entries, hashes, order)
  }

  get count(): number {
    return this.#order.length
  }

  /** The entry of service `i`, 0 if it is gone. */
  entry(i: number): number {
    const place = this.#order[i]!
    const entry = this.#entries[place]!
    return this.#index.services.holds(entry, this.#hashes[place]!) ? entry : 0
  }
}

type Compare = (a: number, b: number) => number

/** Sorts the numbers up to `count` by merging, and lets others have their turn. What changes meanwhile costs the order, and no more. */
async function sort(count: number, compare: Compare): Promise<readonly number[]> {
  let runs: number[][] = []
  for (let i = 0; i < count; i += RUN) {
    const run = Array.from({ length: Math.min(RUN, count - i) }, (_, j) => i + j)
    runs.push(run.sort(compare))
    if (workSlices.spent) await workSlices.pause()
  }
  while (runs.length > 1) {
    const merged: number[][] = []
    for (let i = 0; i < runs.length; i += 2) merged.push(await merge(runs[i]!, runs[i + 1] ?? [], compare))
    runs = merged
  }
  return runs[0] ?? []
}

async function merge(a: readonly number[], b: readonly number[], compare: Compare): Promise<number[]> {
  const merged: number[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const isFromA = j === b.length || (i < a.length && compare(a[i]!, b[j]!) <= 0)
    merged.push(isFromA ? a[i++]! : b[j++]!)
    if (merged.length % RUN === 0 && workSlices.spent) await workSlices.pause()
  }
  return merged
}

/** By the text of the first label, the service's, then by that of the second, the namespace's. */
function compareNames(bytes: Uint8Array, a: number, b: number): number {
  return compareLabels(bytes, a, b) || compareLabels(bytes, a + bytes[a]! + 1, b + bytes[b]! + 1)
}

function compareLabels(bytes: Uint8Array, a: number, b: number): number {
  const length = Math.min(bytes[a]!, bytes[b]!)
  for (let i = 1; i <= length; i++) if (bytes[a + i] !== bytes[b + i]) return bytes[a + i]! - bytes[b + i]!
  return bytes[a]! - bytes[b]!
}
