/** What a flood does to who asks for names of the cluster meanwhile: a calm time first, then the flood, in one run. */
import { equal, ok } from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { PacedRun } from '../../bench/client/paced.ts'
import type { Note } from '../harness/suite.ts'
import { askFor } from './load.ts'
import { isLong, type Subject } from './subject.ts'

const MIB = 1 << 20
/** Questions for names of the cluster, a second. */
export const STEADY = isLong ? 10_000 : 3000
/** Well inside the 170 MiB of a pod (k8s/). */
const MOST_MIB = 150
const CALM_S = isLong ? 10 : 0.7

/** Resident octets of the server, and what who asked for names of the cluster saw. */
export interface Flooded {
  readonly calm: PacedRun
  readonly flooded: PacedRun
  /** The most before the flood, and in it: memory that a start needed once is given back, and taken again under load. */
  readonly beforeBytes: number
  readonly peakBytes: number
  readonly afterBytes: number
}

/** Asks at a steady pace for `seconds` while `flood` goes on, which may take longer. */
export async function whileFlooded(subject: Subject, seconds: number, flood: () => Promise<unknown>): Promise<Flooded> {
  const calm = await askFor(subject, STEADY, CALM_S)
  const beforeBytes = subject.peakBytes
  subject.resetPeak()
  const [flooded] = await Promise.all([askFor(subject, STEADY, seconds), flood()])
  const { peakBytes } = subject
  await delay(500) // what the flood left is let go
  return { calm, flooded, beforeBytes, peakBytes, afterBytes: subject.rssBytes }
}

function noteFlood(note: Note, { calm, flooded, beforeBytes, peakBytes, afterBytes }: Flooded): void {
  const ms = (us: number) => (us / 1000).toFixed(2)
  const mib = (bytes: number) => (bytes / MIB).toFixed(0)
  note(`cluster names: ${flooded.answered} answered, ${flooded.lost} lost`)
  note(`p50 ${ms(flooded.p50Us)} ms (calm ${ms(calm.p50Us)})`)
  note(`p99 ${ms(flooded.p99Us)} ms (calm ${ms(calm.p99Us)})`)
  note(`RSS at most ${mib(beforeBytes)} MiB before, ${mib(peakBytes)} in the flood, then ${mib(afterBytes)}`)
}

/** MiB more than before the flood, at the worst moment. */
function grownMib({ beforeBytes, peakBytes }: Flooded): number {
  return (peakBytes - beforeBytes) / MIB
}

/** Says the figures; no reply may be lost, and memory may grow by so many MiB, to 150 at most. */
export function judge(note: Note, run: Flooded, mostMib: number): void {
  const figures: string[] = []
  noteFlood(text => figures.push(text), run)
  for (const figure of figures) note(figure)
  equal(run.flooded.lost, 0, figures.join(', '))
  ok(run.peakBytes <= MOST_MIB * MIB, `more than ${MOST_MIB} MiB: ${figures.join(', ')}`)
  ok(grownMib(run) <= mostMib, `more than ${mostMib} MiB: ${figures.join(', ')}`)
}
