/**
 * Counters of the data plane: one number each in one typed array, so that counting is an addition. The `prometheus`
 * plugin reads them when it is scraped. A leaf: imports nothing of ours and knows no exposition format.
 */

const MAX_CELLS = 1 << 18 // 2 MiB of address space; memory is used as cells are

/** Every counter and gauge of the process. `cells[id]! += 1` counts. */
export const cells = new Float64Array(MAX_CELLS)
let cellsUsed = 1 // cell 0 takes what is counted before anybody registered, and is never shown

export type MetricKind = 'counter' | 'gauge'

export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind | 'histogram'
  readonly labelNames: readonly string[]
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly bounds?: readonly number[]
  /** Label values → first cell. A histogram has bounds.length + 1 bucket cells (not cumulative), then its sum. */
  readonly children: Map<string, { readonly values: readonly string[]; readonly cell: number }>
  /** Called before a scrape, for values that are cheaper to read than to keep. */
  refresh?: () => void
}

/** Every family by name, in order of registration. */
export const families = new Map<string, MetricFamily>()

function family(
  name: string,
  help: string,
  kind: MetricFamily['kind'],
  labelNames: readonly string[],
  bounds?: readonly number[],
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
  const made: MetricFamily = { name, help, kind, labelNames, children: new Map(), ...(bounds && { bounds }) }
  families.set(name, made)
  return made
}

function child(of: MetricFamily, values: readonly string[], size: number): number {
  const key = values.join('\0')
  const known = of.children.get(key)
  if (known) return known.cell
  if (cellsUsed + size > MAX_CELLS) return 0
  const cell = cellsUsed
  cellsUsed += size
  of.children.set(key, { values: [...values], cell })
  return cell
}

/**
 * Registers a counter family, or finds it. The result gives the cell of one combination of label values, which lives as
 * long as the process: counts survive reloads.
 */
export function counter(name: string, help: string, ...labelNames: string[]): (...values: string[]) => number {
  const made = family(name, help, 'counter', labelNames)
  return (...values) => child(made, values, 1)
}

/** Registers a gauge family, or finds it. `refresh` runs before each scrape. */
export function gauge(name: string, help: string, ...labelNames: string[]): Gauge {
  return new Gauge(family(name, help, 'gauge', labelNames))
}

export class Gauge {
  readonly #family: MetricFamily
  constructor(made: MetricFamily) {
    this.#family = made
  }
  cell(...values: string[]): number {
    return child(this.#family, values, 1)
  }
  set(value: number, ...values: string[]): void {
    cells[this.cell(...values)] = value
  }
  /** Takes a combination of label values out of the exposition. */
  remove(...values: string[]): void {
    this.#family.children.delete(values.join('\0'))
  }
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
}

/** Registers a histogram family, or finds it. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  ...labelNames: string[]
): (...values: string[]) => Histogram {
  const made = family(name, help, 'histogram', labelNames, bounds)
  return (...values) => new Histogram(bounds, child(made, values, bounds.length + 2))
}

/** CoreDNS's buckets for times, in seconds: 0.25 ms doubled 15 times. */
export const TIME_BOUNDS: readonly number[] = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i)
/** CoreDNS's "slim" buckets, in seconds: 0.25 ms times ten, four times. */
export const SLIM_TIME_BOUNDS: readonly number[] = Array.from({ length: 5 }, (_, i) => 0.00025 * 10 ** i)
