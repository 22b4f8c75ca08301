/**
 * Counters of the data plane: one number each in one typed array, so that counting is an addition. The `prometheus`
 * plugin reads them when it is scraped. Each thread counts in cells of its own; those of other threads are memory that
 * the main one shares, which adds up what it reads. A leaf: imports nothing of ours and knows no exposition format.
 */
import { isMainThread, workerData } from 'node:worker_threads'

const MAX_CELLS = 1 << 18 // 2 MiB of address space; memory is used as cells are
/** Octets that the cells of a thread take. */
export const CELLS_BYTES = MAX_CELLS * Float64Array.BYTES_PER_ELEMENT
/** This cell tells how many are in use: who goes on in these cells (the successor of a thread) begins behind them. */
const USED = MAX_CELLS - 1

/** Cells that a thread is to count in, and what stands in them already. Handed over as `metrics` of its workerData. */
export interface ThreadCells {
  readonly memory: SharedArrayBuffer
  readonly known: readonly Registration[]
}

/** One combination of label values: what it is and where it stands. */
export interface Registration {
  readonly name: string
  readonly help: string
  readonly kind: MetricFamily['kind']
  readonly labelNames: readonly string[]
  readonly bounds?: readonly number[] | undefined
  readonly values: readonly string[]
  readonly cell: number
}

const given = isMainThread ? undefined : (workerData as { metrics?: ThreadCells } | null)?.metrics

/** Every counter and gauge of this thread. `cells[id]! += 1` counts. */
export const cells: Float64Array = given === undefined ? new Float64Array(MAX_CELLS) : new Float64Array(given.memory)
cells[USED] ||= 1 // cell 0 takes what is counted before anybody registered, and is never shown

/** Cells that a predecessor of this thread had. */
const inherited = new Map(given?.known.map(({ name, values, cell }) => [placeKey(name, values), cell]))

export type MetricKind = 'counter' | 'gauge'

export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind | 'histogram'
  readonly labelNames: readonly string[]
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly bounds?: readonly number[]
  /** What is shown is the sum over all threads; else what the main thread says. */
  readonly isSummed: boolean
  /** The largest of all threads since it was last shown, instead of their sum. */
  readonly isLargest: boolean
  /** By label values. */
  readonly children: Map<string, Child>
  /** Called before a scrape, for values that are cheaper to read than to keep. */
  refresh?: () => void
}

/** One combination of label values. */
export interface Child {
  readonly values: readonly string[]
  /** The first cell. A histogram has bounds.length + 1 bucket cells (not cumulative), then its sum. */
  readonly cell: number
  /** The first cell of the same in other threads. */
  others?: { readonly cells: Float64Array; readonly cell: number }[] | undefined
  /** This thread has taken it out: shown for the others alone. */
  isOver?: boolean
}

/** The value of a cell, `offset` behind the first one: the sum over the threads. Waits for none of them. */
export function total({ cell, others }: Child, offset = 0): number {
  let sum = cells[cell + offset]!
  if (others !== undefined) for (const other of others) sum += other.cells[other.cell + offset]!
  return sum
}

/** The largest value of any thread since this was last asked; what is said from now on counts for the next time. */
export function takeLargest({ cell, others = [] }: Child): number {
  let largest = 0
  for (const each of [{ cells, cell }, ...others]) {
    largest = Math.max(largest, each.cells[each.cell]!)
    each.cells[each.cell] = 0
  }
  return largest
}

/** Every family by name, in order of registration. */
export const families = new Map<string, MetricFamily>()

function family(
  name: string,
  help: string,
  kind: MetricFamily['kind'],
  labelNames: readonly string[],
  bounds?: readonly number[],
  isSummed = true,
  isLargest = false,
): MetricFamily {
  const known = families.get(name)
  if (known) {
    if (known.kind !== kind || known.labelNames.join() !== labelNames.join()) {
      throw new Error(
        `metric "${name}" is registered as ${known.kind}{${known.labelNames}}, not ${kind}{${labelNames}}`,
      )
    }
    return known
  }
  const made: MetricFamily = {
    name,
    help,
    kind,
    labelNames,
    isSummed,
    isLargest,
    children: new Map(),
    ...(bounds && { bounds }),
  }
  families.set(name, made)
  return made
}

function child(of: MetricFamily, values: readonly string[], size: number): Child | undefined {
  const key = values.join('\0')
  const known = of.children.get(key)
  if (known) {
    known.isOver = false
    return known
  }
  const cell = inherited.get(placeKey(of.name, values)) ?? cells[USED]!
  if (cell === cells[USED]) {
    if (cell + size > USED) return undefined
    cells[USED] = cell + size
  }
  const made: Child = { values: [...values], cell }
  of.children.set(key, made)
  if (of.isSummed) told?.(registrationOf(of, made))
  return made
}

function cellOf(of: MetricFamily, values: readonly string[], size = 1): number {
  return child(of, values, size)?.cell ?? 0
}

function placeKey(name: string, values: readonly string[]): string {
  return [name, ...values].join('\0')
}

export function registrationOf(
  { name, help, kind, labelNames, bounds }: MetricFamily,
  { values, cell }: Child,
): Registration {
  return { name, help, kind, labelNames, bounds, values, cell }
}

let told: ((made: Registration, isGone?: boolean) => void) | undefined

/** Tells of everything that is summed over threads: what is registered, what will be, and what is taken out again. */
export function tellRegistrations(tell: (made: Registration, isGone?: boolean) => void): void {
  told = tell
  for (const of of families.values())
    if (of.isSummed) for (const made of of.children.values()) tell(registrationOf(of, made))
}

/** The same family and label values in this thread. Undefined if there is no room. */
export function childLike({ name, help, kind, labelNames, bounds, values }: Registration): Child | undefined {
  return child(family(name, help, kind, labelNames, bounds), values, bounds === undefined ? 1 : bounds.length + 2)
}

/**
 * Registers a counter family, or finds it. The result gives the cell of one combination of label values, which lives as
 * long as the process: counts survive reloads.
 */
export function counter(name: string, help: string, ...labelNames: string[]): (...values: string[]) => number {
  const made = family(name, help, 'counter', labelNames)
  return (...values) => cellOf(made, values)
}

/** Registers a gauge family of the whole process, or finds it: what the main thread says of it is shown. */
export function gauge(name: string, help: string, ...labelNames: string[]): Gauge {
  return new Gauge(family(name, help, 'gauge', labelNames, undefined, false))
}

/** The same for what each thread has a part of: the sum is shown. */
export function summedGauge(name: string, help: string, ...labelNames: string[]): Gauge {
  return new Gauge(family(name, help, 'gauge', labelNames))
}

/** The same for what each thread sees the largest of: the largest since the last scrape is shown. */
export function largestGauge(name: string, help: string, ...labelNames: string[]): Gauge {
  return new Gauge(family(name, help, 'gauge', labelNames, undefined, true, true))
}

export class Gauge {
  readonly #family: MetricFamily
  constructor(made: MetricFamily) {
    this.#family = made
  }
  cell(...values: string[]): number {
    return cellOf(this.#family, values)
  }
  set(value: number, ...values: string[]): void {
    cells[this.cell(...values)] = value
  }
  /** Takes a combination of label values out of the exposition. */
  remove(...values: string[]): void {
    const key = values.join('\0')
    const known = this.#family.children.get(key)
    if (known === undefined) return
    cells[known.cell] = 0
    known.isOver = true
    if (known.others === undefined) this.#family.children.delete(key)
    if (this.#family.isSummed) told?.(registrationOf(this.#family, known), true)
  }
  /** `refresh` runs before each scrape; in other threads than the main one from time to time, if it is summed. */
  onScrape(refresh: () => void): void {
    this.#family.refresh = refresh
  }
}

/** One histogram: counts per bucket and the sum of what was observed. */
export class Histogram {
  readonly #bounds: Float64Array
  readonly #cell: number
  constructor(bounds: readonly number[], cell: number) {
    this.#bounds = Float64Array.from(bounds)
    this.#cell = cell
  }
  observe(value: number): void {
    const bounds = this.#bounds
    const cell = this.#cell
    let bucket = 0
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++
    cells[cell + bucket]! += 1
    cells[cell + bounds.length + 1]! += value
  }
  /** Adds what was counted elsewhere: by bucket, the last one of what is above all bounds, and the sum of the values. */
  add(counts: readonly number[], sum: number): void {
    for (const [bucket, count] of counts.entries()) cells[this.#cell + bucket]! += count
    cells[this.#cell + this.#bounds.length + 1]! += sum
  }
}

/** Registers a histogram family, or finds it. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  ...labelNames: string[]
): (...values: string[]) => Histogram {
  const made = family(name, help, 'histogram', labelNames, bounds)
  return (...values) => new Histogram(bounds, cellOf(made, values, bounds.length + 2))
}

/** CoreDNS's buckets for times, in seconds: 0.25 ms doubled 15 times. */
export const TIME_BOUNDS: readonly number[] = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i)
/** CoreDNS's "slim" buckets, in seconds: 0.25 ms times ten, four times. */
export const SLIM_TIME_BOUNDS: readonly number[] = Array.from({ length: 5 }, (_, i) => 0.00025 * 10 ** i)
