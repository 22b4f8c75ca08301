/** Forwarding without a cache to a Knot on loopback. Every name is new, so that Unbound, whose cache stays, asks as well. */
import { join } from 'node:path'
import { dnsperf, type Load } from '../dnsperf.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { startKnot } from '../peers/knot.ts'
import { startUnbound } from '../peers/unbound.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, RUN_COLUMNS, rowsOf } from '../turns.ts'
import { verifyAnswered } from '../verify.ts'
import { wildZones, writeDistinct } from './names.ts'

const OUTSTANDING = 200
const FASTEST_PER_S = 150_000 // more than any side forwards: no name is asked twice
const LOADS: readonly { work: string; load: Partial<Load> }[] = [
  { work: 'forward, no cache, saturated', load: {} },
  { work: 'forward, no cache, 5,000/s', load: { pace: 5_000 } },
]

export async function measurePlain(sides: Sides, rounds: number, seconds: number): Promise<Row[]> {
  const knot = await startKnot(sides, wildZones)
  const corefile = forwardCorefile({ upstream: `127.0.0.1:${knot.port}`, forward: ['max_concurrent 1000'] })
  const targets = [
    await sides.sextant(corefile),
    await sides.coredns(corefile),
    await startUnbound(sides, knot.port),
  ] as const
  const file = join(sides.folder, 'questions')
  const rows: Row[] = []
  for (const { work, load } of LOADS) {
    const runs = await inTurns(targets, rounds, async target => {
      writeDistinct(file, (load.pace ?? FASTEST_PER_S) * seconds, ['one'])
      const run = await dnsperf(target, { file, seconds, outstanding: OUTSTANDING, ...load })
      verifyAnswered(target, run)
      return run
    })
    rows.push(...rowsOf(work, RUN_COLUMNS, runs))
  }
  return rows
}
