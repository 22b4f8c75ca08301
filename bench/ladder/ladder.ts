/**
 * What each step of a query costs on top of the one before, sockets and kernel included: the same questions to servers that
 * do ever more (rungs.ts), in turns.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { paced } from '../client/paced.ts'
import { dnsperf, type Target } from '../dnsperf.ts'
import { checked, clusterSource, KUBE_SIZE, type Mix, settle, writeMix } from '../rows/kube.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import { median, type Row } from '../table.ts'
import { inTurns } from '../turns.ts'
import { type Replies, RUNGS, type Rung } from './rungs.ts'

const PACE_PER_S = 20_000

interface Step extends Target {
  readonly replies: Replies
}

export async function measureLadder(sides: Sides, settings: Settings): Promise<Row[]> {
  const source = await clusterSource(sides, settings, KUBE_SIZE)
  const mix = writeMix(sides)
  const { file } = mix
  const steps: Step[] = []
  for (const { name, replies, start } of RUNGS) {
    const target = { ...(await start(sides, source)), name }
    steps.push({ ...target, replies })
    if (replies === 'mix') await settle(target, mix)
    else await dnsperf(target, { file, seconds: 2 })
  }
  const { rounds, seconds } = settings
  const loads = [
    { load: 'saturated', run: (target: Target) => dnsperf(target, { file, seconds }) },
    {
      load: `${PACE_PER_S.toLocaleString('en')}/s`,
      run: (target: Target) => paced(target, { file, seconds, perSecond: PACE_PER_S }),
    },
  ]
  const rows: Row[] = []
  for (const { load, run } of loads) {
    const runs = await inTurns(steps, rounds, async step => {
      const found = await run(step)
      verifyReplies(step, mix, found.rcodes)
      return found.cpuUsPerQuery * 1000
    })
    rows.push(...ladderRows(`ladder, ${load}`, 'CPU ns/query', runs.map(median)))
  }
  return [...rows, ...ladderRows('ladder, in process', 'ns/query', await inProcessNs())]
}

/** What the same steps cost without a socket, measured by a process of its own (micro/ladder.ts). */
async function inProcessNs(): Promise<number[]> {
  const script = join(import.meta.dirname, '../micro/run.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--only', 'ladder', '--json'])
  const found = JSON.parse(stdout) as readonly { name: string; ns: number }[]
  return RUNGS.map(({ name }) => found.find(step => step.name === name)?.ns ?? Number.NaN)
}

/** Two rows for each rung that has a figure: what a query costs there, and what it costs more than on the rung below. */
export function ladderRows(
  work: string,
  unit: string,
  ns: readonly number[],
  rungs: readonly Omit<Rung, 'replies' | 'start'>[] = RUNGS,
): Row[] {
  return rungs.flatMap(({ name, onto }, i): Row[] => {
    if (!Number.isFinite(ns[i])) return []
    const whole: Row = { work: `${work}: ${name}`, unit, better: 'lower', figures: [ns[i]!] }
    const more = ns[i]! - (ns[onto ?? i - 1] ?? Number.NaN)
    return Number.isFinite(more) ? [whole, { ...whole, unit: 'more ns', figures: [more] }] : [whole]
  })
}

function verifyReplies(step: Step, mix: Mix, rcodes: ReadonlyMap<string, number>): void {
  if (step.replies === 'mix') {
    checked(step, mix, { rcodes: new Map(rcodes) })
    return
  }
  const others = [...rcodes.keys()].filter(rcode => rcode !== step.replies)
  if (others.length > 0) throw new Error(`${step.name}: replies were ${others.join(' and ')}, expected ${step.replies}`)
}
