/**
 * A cache under a flood of names that are asked once, half of which exist: how much of a set that is asked all the time
 * stays. What the cache did not have is counted where it is asked for, at the upstream.
 */
import { join } from 'node:path'
import { dnsperf } from '../dnsperf.ts'
import { type Latencies, latencies } from '../latencies.ts'
import { writeQuestions } from '../messages.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { type Knot, startKnot } from '../peers/knot.ts'
import { usage } from '../process.ts'
import type { Settings } from '../settings.ts'
import type { Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, rowsOf } from '../turns.ts'
import { verify } from '../verify.ts'
import { HOT_ZONE, hotMix, wildZones, writeDistinct } from './names.ts'

const HOT_PER_S = 1_000
const FLOOD_PER_S = 5_000
const BEFORE_S = 10 // at most

interface Phase {
  readonly times: Latencies
  readonly hitShare: number
}
interface Figures {
  readonly before: Phase
  readonly during: Phase
  readonly growthBytes: number
}
const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'hit rate % before', better: 'higher', of: ({ before }) => before.hitShare * 100 },
  { unit: 'hit rate % during', better: 'higher', of: ({ during }) => during.hitShare * 100 },
  { unit: 'p99 ms before', better: 'lower', of: ({ before }) => before.times.p99Ms },
  { unit: 'p99 ms during', better: 'lower', of: ({ during }) => during.times.p99Ms },
  { unit: 'lost', better: 'lower', of: ({ during }) => during.times.lost },
  { unit: 'RSS growth MB', better: 'lower', of: ({ growthBytes }) => growthBytes / 1e6 },
]

interface Files {
  readonly hot: string
  readonly flood: string
}

export async function measureFlood(sides: Sides, { longSeconds: seconds }: Settings): Promise<Row[]> {
  const { zones, questions } = hotMix()
  const knot = await startKnot(sides, { ...zones, ...wildZones })
  const corefile = forwardCorefile({
    upstream: `127.0.0.1:${knot.port}`,
    forward: ['max_concurrent 1000'],
    cache: 'cache 3600',
  })
  const files = { hot: join(sides.folder, 'hot'), flood: join(sides.folder, 'flood') }
  writeQuestions(files.hot, questions)
  const found: (Figures | undefined)[] = []
  for (const side of ['sextant', 'coredns'] as const) {
    writeDistinct(files.flood, FLOOD_PER_S * seconds, ['one', 'none'])
    const target = await sides[side](corefile)
    if (target) await verify(target, questions, questions.length)
    found.push(target && (await measureSide(target, knot, files, seconds)))
    if (target) sides.stop(target)
  }
  const flood = `${FLOOD_PER_S.toLocaleString('en')} random names/s`
  const work = `${questions.length.toLocaleString('en')} hot names at ${HOT_PER_S.toLocaleString('en')}/s, ${flood}, ${seconds} s`
  return rowsOf(work, COLUMNS, [...found, undefined])
}

async function measureSide(target: Started, knot: Knot, files: Files, seconds: number): Promise<Figures> {
  const before = await askHot(target, knot, files.hot, Math.min(seconds, BEFORE_S))
  const bytesBefore = usage(target.pid).rssBytes
  const flood = dnsperf(target, { file: files.flood, seconds, pace: FLOOD_PER_S })
  const during = await askHot(target, knot, files.hot, seconds)
  await flood
  return { before, during, growthBytes: usage(target.pid).rssBytes - bytesBefore }
}

async function askHot(target: Started, knot: Knot, file: string, seconds: number): Promise<Phase> {
  const askedBefore = knot.queries(HOT_ZONE)
  const times = await latencies(target, { file, seconds, pace: HOT_PER_S })
  const missed = knot.queries(HOT_ZONE) - askedBefore
  return { times, hitShare: 1 - missed / (times.answered + times.lost) }
}
