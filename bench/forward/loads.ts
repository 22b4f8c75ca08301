/** Rows of forwarding: every question is new, as fast as it goes and at a pace, the sides in turns. */
import { join } from 'node:path'
import { dnsperf, type Load, type Target } from '../dnsperf.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, mediansOf, RUN_COLUMNS } from '../turns.ts'
import { verifyAnswered } from '../verify.ts'
import { writeDistinct } from './names.ts'

const OUTSTANDING = 200
const LOADS: readonly { suffix: string; load: Partial<Load> }[] = [
  { suffix: 'saturated', load: {} },
  { suffix: '5,000/s', load: { pace: 5_000 } },
]

/** @param fastestPerS more than any side forwards in a second: no name is asked twice */
export async function measureLoads(
  work: string,
  sides: Sides,
  targets: readonly (Target | undefined)[],
  { rounds, seconds }: Settings,
  fastestPerS: number,
): Promise<Row[]> {
  const file = join(sides.folder, 'questions')
  const rows: Row[] = []
  for (const { suffix, load } of LOADS) {
    const runs = await inTurns(targets, rounds, async target => {
      writeDistinct(file, (load.pace ?? fastestPerS) * seconds, ['one'])
      const run = await dnsperf(target, { file, seconds, outstanding: OUTSTANDING, ...load })
      verifyAnswered(target, run)
      return run
    })
    rows.push(...mediansOf(`${work}, ${suffix}`, RUN_COLUMNS, runs))
  }
  return rows
}
