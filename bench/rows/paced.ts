/**
 * The kube mix at paces that a server of a cluster has: CPU and latency. Beside the servers stands an echo that does nothing
 * but send back (ladder/echo.ts): what the client, the kernel and the machine add to every latency of the same run.
 */
import { LATENCY_COLUMNS, PACED_COLUMNS, type PacedRun, paced } from '../client/paced.ts'
import { startEcho } from '../ladder/rungs.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf } from '../turns.ts'
import { checked, startKube } from './kube.ts'

const PACES = [1_000, 20_000, 50_000]
/** More than CoreDNS answers on two cores that it shares with a client: beside Knot alone. */
const FASTEST_PER_S = 100_000

const CLIENT_COLUMNS: readonly Column<PacedRun>[] = [
  ...LATENCY_COLUMNS,
  { unit: 'questions late, p99 µs', better: 'lower', of: run => run.lateP99Us },
]

export async function measurePaced(sides: Sides, settings: Settings): Promise<Row[]> {
  const { targets, ...mix } = await startKube(sides, settings)
  const [sextant, coredns, , knot] = targets
  const echo = await startEcho(sides, 'echo')
  const { rounds, seconds } = settings
  const rows: Row[] = []
  for (const perSecond of [...PACES, FASTEST_PER_S]) {
    const asked = [sextant, perSecond === FASTEST_PER_S ? undefined : coredns, undefined, knot, echo]
    const runs = await inTurns(asked, rounds, async target => {
      const run = await paced(target, { file: mix.file, perSecond, seconds })
      return target === echo ? run : checked(target, mix, run)
    })
    const pace = `${perSecond.toLocaleString('en')}/s`
    rows.push(...mediansOf(`kube mix over UDP, ${pace}`, PACED_COLUMNS, runs.slice(0, -1)))
    rows.push(...mediansOf(`an echo in its place, ${pace}`, CLIENT_COLUMNS, runs.slice(-1)))
  }
  return rows
}
