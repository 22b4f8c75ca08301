/**
 * How long turns of the event loop take, in each thread: whatever comes in waits for the turn to end. Node counts them
 * (uv_prepare and uv_check, in C; waiting does not count): some 0.06 µs a turn, and an idle loop is not woken. What was
 * counted becomes a metric when somebody looks. Wall time: a thread that had no processor took long, too. A leaf.
 */
import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { cells, type Histogram, histogram, largestGauge } from './metrics.ts'

/** In seconds. Nothing is to hold a query up for more than 5 ms: see docs/promises.md. */
const BOUNDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1]

const delays = histogram(
  'sextant_event_loop_delay_seconds',
  'How long turns of the event loop took, waiting left out.',
  BOUNDS,
)
const longest = largestGauge(
  'sextant_event_loop_delay_max_seconds',
  'The longest turn of the event loop since the last scrape.',
)

/** Node's histogram of nanoseconds, with what its types do not tell yet: the share of values that are no larger. */
type Turns = ELDHistogram & { cdf(nanoseconds: number): number }

let isWatched = false

/** Counts the turns of this thread from now on. To be called once it serves: a start has long turns, which nobody waits for. */
export function watchLoop(): void {
  if (isWatched) return
  isWatched = true
  const turns = monitorEventLoopDelay({ samplePerIteration: true }) as Turns
  const [delay, cell] = [delays(), longest.cell()]
  longest.onScrape(() => take(turns, delay, cell))
  turns.enable()
}

/** Moves what was counted into the metrics. */
function take(turns: Turns, delay: Histogram, cell: number): void {
  const { count } = turns
  if (count === 0) return
  const atMost = [...BOUNDS.map(bound => Math.round(turns.cdf(bound * 1e9) * count)), count]
  delay.add(
    atMost.map((all, i) => all - (atMost[i - 1] ?? 0)),
    (turns.mean * count) / 1e9,
  )
  cells[cell] = Math.max(cells[cell]!, turns.max / 1e9)
  turns.reset()
}
