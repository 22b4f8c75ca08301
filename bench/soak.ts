/**
 * A long run: the kube mix at a steady pace, a few changes of the cluster meanwhile. Memory every second, every reply's
 * time, and what was lost.
 *
 *   npm run bench:soak -- [--minutes 20] [--services 1000] [--pace 20000] [--peer] [--json]
 *
 * `--peer`: also a `coredns` found on PATH, one after the other. Needs dnsperf on PATH.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { clusterCorefile } from './cluster/corefile.ts'
import { services } from './cluster/objects.ts'
import { dnsperf, type Target } from './dnsperf.ts'
import { kubeMix } from './mix.ts'
import { usage } from './process.ts'
import { queryTimes, type Times } from './query-times.ts'
import { Sides } from './sides.ts'
import { print, type Row } from './table.ts'
import { type Column, rowsOf } from './turns.ts'

export interface Soak {
  readonly services: number
  readonly seconds: number
  /** Queries a second. */
  readonly pace: number
}

interface Figures {
  readonly rssMb: readonly number[]
  readonly times: Times
  readonly changes: number
  readonly cpuUsPerQuery: number
}

const QUESTIONS = 100_000
const CHANGES_PER_S = 10
/** V8 compiles most in the first seconds; they are not counted. */
const WARM_UP_S = 20
const PAUSE_MS = 5

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'RSS MB, first quarter', better: 'lower', of: ({ rssMb }) => mean(rssMb.slice(0, rssMb.length >> 2)) },
  { unit: 'RSS MB, last quarter', better: 'lower', of: ({ rssMb }) => mean(rssMb.slice(-(rssMb.length >> 2))) },
  { unit: 'RSS MB, most', better: 'lower', of: ({ rssMb }) => Math.max(...rssMb) },
  { unit: 'CPU µs/query', better: 'lower', of: found => found.cpuUsPerQuery },
  { unit: 'p50 ms', better: 'lower', of: ({ times }) => times.percentileMs(0.5) },
  { unit: 'p99 ms', better: 'lower', of: ({ times }) => times.percentileMs(0.99) },
  { unit: 'p99.9 ms', better: 'lower', of: ({ times }) => times.percentileMs(0.999) },
  { unit: 'longest ms', better: 'lower', of: ({ times }) => times.longestMs },
  {
    unit: `queries over ${PAUSE_MS} ms, of a million`,
    better: 'lower',
    of: ({ times }) => (times.over(PAUSE_MS) / times.answered) * 1e6,
  },
  { unit: 'queries', better: 'higher', of: ({ times }) => times.answered },
  { unit: 'lost', better: 'lower', of: ({ times }) => times.lost },
  { unit: 'changes', better: 'higher', of: found => found.changes },
]

export async function measureSoak(sides: Sides, soak: Soak, withPeer: boolean): Promise<Row[]> {
  const size = { namespaces: 20, services: soak.services }
  const file = join(sides.folder, 'soak')
  const questions = kubeMix(services(size), QUESTIONS)
  writeFileSync(file, questions.map(q => `${q.name} ${q.type}`).join('\n'))
  const found: (Figures | undefined)[] = []
  for (const which of withPeer ? (['sextant', 'coredns'] as const) : (['sextant'] as const)) {
    const replay = await sides.replay(size)
    const target = await sides[which](clusterCorefile(replay.source))
    found.push(target && (await measureSide(target, replay.url, file, soak)))
    if (target) sides.stop(target)
    replay.child.kill('SIGKILL')
  }
  const pace = soak.pace.toLocaleString('en')
  const work = `${soak.services.toLocaleString('en')} services, ${pace}/s, ${soak.seconds / 60} minutes`
  return rowsOf(work, COLUMNS, found)
}

async function measureSide(target: Target, api: string, file: string, soak: Soak): Promise<Figures> {
  const { seconds, pace } = soak
  await dnsperf(target, { file, seconds: WARM_UP_S, pace })
  const before = usage(target.pid).cpuS
  let isOver = false
  const load = queryTimes(target, { file, seconds, pace }).finally(() => {
    isOver = true
  })
  const rssMb: number[] = []
  let changes = 0
  const startMs = performance.now()
  for (let second = 0; !isOver; ) {
    await fetch(`${api}/move?slice=${(changes++ * 13) % soak.services}`, { method: 'POST' })
    await pause(Math.max(0, startMs + (changes * 1000) / CHANGES_PER_S - performance.now()))
    if (performance.now() - startMs < second * 1000) continue
    rssMb.push(usage(target.pid).rssBytes / 1e6)
    second++
  }
  const times = await load
  const cpuUsPerQuery = ((usage(target.pid).cpuS - before) * 1e6) / times.answered
  return { rssMb, times, changes, cpuUsPerQuery }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

if (import.meta.main) {
  const { values: options } = parseArgs({
    options: {
      minutes: { type: 'string', default: '20' },
      services: { type: 'string', default: '1000' },
      pace: { type: 'string', default: '20000' },
      peer: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const soak = {
    services: Number(options.services),
    seconds: Number(options.minutes) * 60,
    pace: Number(options.pace),
  }
  const sides = new Sides()
  try {
    const rows = await measureSoak(sides, soak, options.peer)
    print(options.peer ? ['sextant', 'coredns'] : ['sextant'], rows, options.json)
  } finally {
    sides.end()
  }
}
