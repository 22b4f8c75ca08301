/** Answers out of the cache: 1,000 names of several kinds, asked once before, with TTLs that outlast the run. */
import { join } from 'node:path'
import { dnsperf, type Load } from '../dnsperf.ts'
import { writeQuestions } from '../messages.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { startKnot } from '../peers/knot.ts'
import { startUnbound } from '../peers/unbound.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, mediansOf, RUN_COLUMNS } from '../turns.ts'
import { verify, verifyShares } from '../verify.ts'
import { namesMix } from './names.ts'

const OUTSTANDING = 200 // few enough that no side's receive buffer overflows
const LOADS: readonly { work: string; load: Partial<Load> }[] = [
  { work: 'cache hits, saturated', load: {} },
  { work: 'cache hits, 20,000/s', load: { pace: 20_000 } },
]

export async function measureHits(sides: Sides, settings: Settings): Promise<Row[]> {
  const { zones, questions } = namesMix()
  const knot = await startKnot(sides, zones)
  const corefile = forwardCorefile({
    upstream: `127.0.0.1:${knot.port}`,
    forward: ['max_concurrent 1000'],
    cache: 'cache 3600',
  })
  const targets = [
    await sides.sextant(corefile),
    await sides.coredns(corefile),
    await startUnbound(sides, knot.port),
  ] as const
  for (const target of targets) if (target !== undefined) await verify(target, questions, questions.length)
  const file = join(sides.folder, 'questions')
  writeQuestions(file, questions)
  const { rounds, seconds } = settings
  const rows: Row[] = []
  for (const { work, load } of LOADS) {
    const runs = await inTurns(targets, rounds, async target => {
      const run = await dnsperf(target, { file, seconds, outstanding: OUTSTANDING, ...load })
      verifyShares(target, questions, run.rcodes)
      return run
    })
    rows.push(...mediansOf(work, RUN_COLUMNS, runs))
  }
  return rows
}
