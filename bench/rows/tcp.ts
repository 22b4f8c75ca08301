/** The kube mix over TCP, pipelined, with few and many connections. */
import { dnsperf } from '../dnsperf.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, mediansOf, RUN_COLUMNS } from '../turns.ts'
import { checked, startKube } from './kube.ts'

/** Queries that are open at one time are more than there are connections, so that each has some in a row. */
const LOADS = [
  { clients: 1, outstanding: 100 },
  { clients: 20, outstanding: 500 },
  { clients: 1_000, outstanding: 4_000 },
]

export async function measureTcp(sides: Sides, settings: Settings): Promise<Row[]> {
  const { targets, ...mix } = await startKube(sides, settings)
  const { rounds, seconds } = settings
  const rows: Row[] = []
  for (const load of LOADS) {
    const runs = await inTurns(targets, rounds, async target =>
      checked(target, mix, await dnsperf(target, { file: mix.file, seconds, tcp: true, ...load })),
    )
    const connections = load.clients === 1 ? '1 connection' : `${load.clients.toLocaleString('en')} connections`
    rows.push(...mediansOf(`kube mix over TCP, ${connections}`, RUN_COLUMNS, runs))
  }
  return rows
}
