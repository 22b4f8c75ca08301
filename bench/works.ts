/** All that is measured, in the order of the table. A work that needs a peer which is not there leaves it out. */
import { measureChurn } from './cluster/churn.ts'
import { measureHeadless } from './cluster/headless.ts'
import { measureSize, SIZES } from './cluster/size.ts'
import { measureDot } from './forward/dot.ts'
import { measureFlood } from './forward/flood.ts'
import { measureHits } from './forward/hits.ts'
import { measureLatency } from './forward/latency.ts'
import { measureMemory } from './forward/memory.ts'
import { measurePlain } from './forward/plain.ts'
import { measureSilent } from './forward/silent.ts'
import { measureLadder } from './ladder/ladder.ts'
import { measureGrowth } from './rows/growth.ts'
import { measureHundred } from './rows/hundred.ts'
import { measurePaced } from './rows/paced.ts'
import { measureSlow } from './rows/slow.ts'
import { measureSoak } from './rows/soak.ts'
import { measureStart } from './rows/start.ts'
import { measureTcp } from './rows/tcp.ts'
import { measureThreads } from './rows/threads.ts'
import { measureDgram, measureUdp } from './rows/udp.ts'
import type { Suite, Work } from './settings.ts'

export const WORKS: readonly Work[] = [
  { name: 'udp', suites: ['main'], measure: measureUdp },
  { name: 'paced', suites: ['main'], measure: measurePaced },
  { name: 'hits', suites: ['main', 'forward'], measure: measureHits },
  { name: 'plain', suites: ['main', 'forward'], measure: measurePlain },
  { name: 'added', suites: ['main', 'forward'], measure: measureLatency },
  { name: 'tcp', suites: ['main'], measure: measureTcp },
  { name: 'slow', suites: ['main'], measure: measureSlow },
  { name: 'hundred', suites: ['main'], measure: measureHundred },
  { name: 'growth', suites: ['main'], measure: measureGrowth },
  { name: 'threads', suites: ['main'], measure: measureThreads },
  { name: 'dgram', suites: ['main'], measure: measureDgram },
  { name: 'start', suites: ['main'], measure: measureStart },
  { name: 'soak', suites: ['main'], measure: measureSoak },
  { name: 'ladder', suites: ['main'], measure: measureLadder },
  { name: 'dot', suites: ['forward'], measure: measureDot },
  { name: 'cache-memory', suites: ['forward'], measure: measureMemory },
  { name: 'flood', suites: ['forward'], measure: measureFlood },
  { name: 'silent', suites: ['forward'], measure: measureSilent },
  ...SIZES.map((of): Work => ({ name: of.name, suites: ['scale'], measure: sides => measureSize(sides, of) })),
  { name: 'headless', suites: ['scale'], measure: measureHeadless },
  { name: 'churn', suites: ['scale'], measure: measureChurn },
]

/**
 * The works whose names are given, else those of the suite.
 * @throws Error for a name that no work has
 */
export function worksOf(suite: Suite, only: readonly string[], all: readonly Work[] = WORKS): Work[] {
  if (only.length === 0) return all.filter(({ suites }) => suites.includes(suite))
  for (const name of only) {
    if (all.some(work => work.name === name)) continue
    throw new Error(`no work "${name}", expected ${all.map(work => work.name).join(', ')}`)
  }
  return all.filter(({ name }) => only.includes(name))
}
