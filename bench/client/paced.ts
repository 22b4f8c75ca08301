/** One run of the client that keeps a pace (pace.ts) against one server, with what the server used meanwhile. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { RCODE } from '../../server/wire/codes.ts'
import type { Target } from '../dnsperf.ts'
import { usage } from '../process.ts'
import type { Column } from '../turns.ts'
import type { Pace, Paced } from './pace.ts'

export interface PacedRun extends Omit<Paced, 'rcodes'> {
  readonly cpuUsPerQuery: number
  /** Replies by the name of their rcode. */
  readonly rcodes: Map<string, number>
}

export const LATENCY_COLUMNS: readonly Column<PacedRun>[] = [
  { unit: 'p50 µs', better: 'lower', of: run => run.p50Us },
  { unit: 'p99 µs', better: 'lower', of: run => run.p99Us },
  { unit: 'p99.9 µs', better: 'lower', of: run => run.p999Us },
  { unit: 'lost', better: 'lower', of: run => run.lost },
]
export const PACED_COLUMNS: readonly Column<PacedRun>[] = [
  { unit: 'asked/s', better: 'higher', of: run => run.queriesPerS },
  { unit: 'CPU µs/query', better: 'lower', of: run => run.cpuUsPerQuery },
  ...LATENCY_COLUMNS,
]

const NAMES = new Map(Object.entries(RCODE).map(([name, code]) => [code as number, name]))

export async function paced(target: Target, load: Omit<Pace, 'target'>): Promise<PacedRun> {
  const script = join(import.meta.dirname, 'pace.ts')
  const pace: Pace = { target, ...load }
  const child = spawn(process.execPath, [script, JSON.stringify(pace)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: (load.seconds + 30) * 1000,
  })
  let usedS = 0
  let told: Paced | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'begin') usedS -= usage(target.pid).cpuS
    else if (line === 'end') usedS += usage(target.pid).cpuS
    else told = JSON.parse(line) as Paced
  }
  if (told === undefined) throw new Error(`${target.name}: the client that asks it ended without a word`)
  const rcodes = new Map(
    Object.entries(told.rcodes).map(([code, count]) => [NAMES.get(Number(code)) ?? code, count] as const),
  )
  return { ...told, rcodes, cpuUsPerQuery: (usedS * 1e6) / told.answered }
}
