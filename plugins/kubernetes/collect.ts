/**
 * Gives back the memory of an index that nobody holds any more. Queries leave no garbage, so that the collector would not
 * come by for a long time, and 30 MB would stay where a reload has just brought 30 MB more.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** By then the old configuration's queries and timers are done. */
const DELAY_MS = 2_000

let isComing = false

/** Collects garbage once, soon. It takes some ten milliseconds, for a heap of as many megabytes. */
export function collectSoon(): void {
  if (isComing) return
  isComing = true
  setTimeout(() => {
    isComing = false
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
    setFlagsFromString('--no-expose-gc')
  }, DELAY_MS).unref()
}
