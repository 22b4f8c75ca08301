/**
 * Starting and stopping the stages of a generation, in order and in reverse. Stages of one plugin in several blocks
 * start together: two clusters need not be waited for one after the other.
 */
import { error as logError } from '../log.ts'
import { workSlices } from '../work-slices.ts'
import type { Generation } from './generation.ts'
import type { PlacedStage } from './site.ts'

const STOP_MS = 5000

/** How a stage is started; `previous` is its counterpart in the generation that runs, if there is one. */
export type Begin = (placed: PlacedStage, previous: PlacedStage['stage'] | undefined) => Promise<void> | void

/**
 * Starts every stage. `previous` is the generation that runs, if there is one.
 * @throws what the first stage failed with, after the ones that had started were stopped again
 */
export async function startStages(generation: Generation, previous?: Generation, begin: Begin = start): Promise<void> {
  const started: PlacedStage[] = []
  for (const group of byPlugin(generation)) {
    if (workSlices.spent) await workSlices.pause()
    const results = await Promise.allSettled(group.map(async placed => begin(placed, previous?.counterpart(placed))))
    group.forEach((placed, i) => {
      if (results[i]!.status === 'fulfilled') started.push(placed)
    })
    const failed = results.find(result => result.status === 'rejected')
    if (failed === undefined) continue
    await stopAll(started.reverse())
    throw failed.reason
  }
}

/** Tells every stage that this configuration serves. */
export function announceServing(generation: Generation): void {
  for (const placed of generation.runningStages()) run(placed, 'serving', () => placed.stage.serving?.())
}

/** Tells every stage that the end is near, while queries still come in. */
export function announceDraining(generation: Generation): void {
  for (const placed of generation.runningStages()) run(placed, 'draining', () => placed.stage.draining?.())
}

/** Stops every stage, the last one first. Never fails, and waits for none of them longer than five seconds. */
export async function stopStages(generation: Generation): Promise<void> {
  await stopAll(generation.runningStages().toReversed())
}

async function start({ stage }: PlacedStage, previous: PlacedStage['stage'] | undefined): Promise<void> {
  await stage.start?.(previous)
}

async function stopAll(placed: readonly PlacedStage[]): Promise<void> {
  for (const one of placed) {
    if (workSlices.spent) await workSlices.pause()
    try {
      await bounded(Promise.resolve(one.stage.stop?.()))
    } catch (cause) {
      logError(one.plugin, `failed to stop: ${cause instanceof Error ? cause.message : cause}`, cause)
    }
  }
}

async function bounded(stopping: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`not stopped after ${STOP_MS / 1000} s`)), STOP_MS)
  await Promise.race([stopping, promise]).finally(() => clearTimeout(timer))
}

function run({ plugin }: PlacedStage, what: string, task: () => void): void {
  try {
    task()
  } catch (cause) {
    logError(plugin, `exception while ${what}: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
}

/** The stages in runs of one plugin each. */
function byPlugin(generation: Generation): Iterable<readonly PlacedStage[]> {
  return Map.groupBy(generation.runningStages(), ({ plugin }) => plugin).values()
}
