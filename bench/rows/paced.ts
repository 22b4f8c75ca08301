/**
 * The kube mix at paces that a server of a cluster has. CPU as dnsperf asks, a few questions at a time; CPU and latency as a
 * client asks that keeps time, one by one, which costs each server a wake-up for each. Beside the servers stands an echo
 * that does nothing but send back (ladder/echo.ts): what client, kernel and machine add to every latency of the same run.
 */
import { LATENCY_COLUMNS, PACED_COLUMNS, type PacedRun, paced } from '../client/paced.ts'
import { dnsperf, type Run } from '../dnsperf.ts'
import { startEcho } from '../ladder/rungs.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf } from '../turns.ts'
import { checked, startKube } from './kube.ts'

const PACES = [1_000, 20_000, 50_000]
/** More than CoreDNS answers on two cores that it shares with a client: beside Knot alone. */
const FASTEST_PER_S = 100_000

const CPU_COLUMNS: readonly Column<Run>[] = [
  { unit: 'CPU µs/query', better: 'lower', of: run => run.cpuUsPerQuery },
  { unit: 'lost', better: 'lower', of: run => run.lost },
]
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
    const servers = [sextant, perSecond === FASTEST_PER_S ? undefined : coredns, undefined, knot]
    const asked = [...servers, echo]
    const pace = `${perSecond.toLocaleString('en')}/s`
    const bursts = await inTurns(servers, rounds, async target =>
      checked(target, mix, await dnsperf(target, { file: mix.file, seconds, pace: perSecond })),
    )
    rows.push(...mediansOf(`kube mix over UDP, ${pace} by dnsperf`, CPU_COLUMNS, bursts))
    const runs = await inTurns(asked, rounds, async target => {
      const run = await paced(target, { file: mix.file, perSecond, seconds })
      return target === echo ? run : checked(target, mix, run)
    })
    rows.push(...mediansOf(`kube mix over UDP, ${pace}`, PACED_COLUMNS, runs.slice(0, -1)))
    rows.push(...mediansOf(`an echo in its place, ${pace}`, CLIENT_COLUMNS, runs.slice(-1)))
  }
  return rows
}
