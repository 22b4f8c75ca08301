/**
 * A long run: the kube mix at a steady pace, a few changes of the cluster meanwhile. Memory every second, every reply's
 * time, and what was lost; each side alone. `npm run bench:soak` takes twenty minutes, ours alone.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { clusterCorefile } from '../cluster/corefile.ts'
import { dnsperf, type Target } from '../dnsperf.ts'
import { type Latencies, latencies } from '../latencies.ts'
import { usage } from '../process.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, rowsOf } from '../turns.ts'
import { checked, KUBE_SIZE, type Mix, writeMix } from './kube.ts'

interface Figures {
  readonly rssMb: readonly number[]
  readonly times: Latencies
  readonly changes: number
  readonly cpuUsPerQuery: number
}

const PACE = 20_000
const CHANGES_PER_S = 10
/** V8 compiles most in the first seconds; they are not counted. */
const WARM_UP_S = 20
const PAUSE_MS = 5

const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'RSS MB, first quarter', better: 'lower', of: ({ rssMb }) => mean(rssMb.slice(0, rssMb.length >> 2)) },
  { unit: 'RSS MB, last quarter', better: 'lower', of: ({ rssMb }) => mean(rssMb.slice(-(rssMb.length >> 2))) },
  { unit: 'RSS MB, most', better: 'lower', of: ({ rssMb }) => Math.max(...rssMb) },
  { unit: 'CPU µs/query', better: 'lower', of: found => found.cpuUsPerQuery },
  { unit: 'p50 ms', better: 'lower', of: ({ times }) => times.p50Ms },
  { unit: 'p99 ms', better: 'lower', of: ({ times }) => times.p99Ms },
  { unit: 'p99.9 ms', better: 'lower', of: ({ times }) => times.p999Ms },
  { unit: 'longest ms', better: 'lower', of: ({ times }) => times.maxMs },
  {
    unit: `queries over ${PAUSE_MS} ms, of a million`,
    better: 'lower',
    of: ({ times }) => times.overOfMillion(PAUSE_MS),
  },
  { unit: 'queries', better: 'higher', of: ({ times }) => times.answered },
  { unit: 'lost', better: 'lower', of: ({ times }) => times.lost },
  { unit: 'changes', better: 'higher', of: found => found.changes },
]

export async function measureSoak(sides: Sides, { longSeconds }: Settings): Promise<Row[]> {
  const mix = writeMix(sides)
  const found: (Figures | undefined)[] = []
  for (const which of ['sextant', 'coredns'] as const) {
    const replay = await sides.replay(KUBE_SIZE)
    const target = await sides[which](clusterCorefile(replay.source))
    found.push(target && (await measureSide(target, replay.url, mix, longSeconds)))
    if (target) sides.stop(target)
    replay.child.kill('SIGKILL')
  }
  return rowsOf(`soak of ${longSeconds} s, ${PACE.toLocaleString('en')}/s`, COLUMNS, found)
}

async function measureSide(target: Target, api: string, mix: Mix, seconds: number): Promise<Figures> {
  const { file } = mix
  await dnsperf(target, { file, seconds: WARM_UP_S, pace: PACE })
  const before = usage(target.pid).cpuS
  let isOver = false
  const load = latencies(target, { file, seconds, pace: PACE }).finally(() => {
    isOver = true
  })
  const rssMb: number[] = []
  let changes = 0
  const startMs = performance.now()
  for (let second = 0; !isOver; ) {
    await fetch(`${api}/move?slice=${(changes++ * 13) % KUBE_SIZE.services}`, { method: 'POST' })
    await pause(Math.max(0, startMs + (changes * 1000) / CHANGES_PER_S - performance.now()))
    if (performance.now() - startMs < second * 1000) continue
    rssMb.push(usage(target.pid).rssBytes / 1e6)
    second++
  }
  const times = checked(target, mix, await load)
  const cpuUsPerQuery = ((usage(target.pid).cpuS - before) * 1e6) / times.answered
  return { rssMb, times, changes, cpuUsPerQuery }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
