/**
 * Entry of `npm run soak [-- --minutes N --pace N --stretch SECONDS]`: one server for half an hour, asked the kube mix at a
 * steady pace, with one trouble after the other beside it. Says for each trouble what the clients saw of it, and of the
 * process whether its memory stayed. Fails if a reply was lost or wrong, a query ended in an exception, the memory grew,
 * or the server ended.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type PacedRun, paced } from '../../../bench/client/paced.ts'
import { checked } from '../../../bench/rows/kube.ts'
import { median } from '../../../bench/table.ts'
import { inNamespaces } from '../../harness/namespaces.ts'
import { stopAll } from '../../harness/process.ts'
import { told } from '../load.ts'
import { TROUBLES, type Trouble } from './troubles.ts'
import { createWorld, type World } from './world.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    pace: { type: 'string', default: '10000' },
    stretch: { type: 'string', default: '20' },
  },
})
const soakMs = Number(values.minutes) * 60_000
const perSecond = Number(values.pace)
const seconds = Number(values.stretch)

/** How much more may be resident in the last round of troubles than in the second: in the first, caches fill and V8 compiles. */
const GROWTH_BYTES = 16 << 20
const LEAST_ROUNDS = 3
const BETWEEN_MS = 500

interface Stretch {
  readonly trouble: string
  readonly run: PacedRun
  readonly rssBytes: number
}

/** One trouble, and what those saw who asked for names of the cluster meanwhile. */
async function stretchOf(world: World, trouble: Trouble): Promise<Stretch> {
  const { subject, mix } = world
  const { name, address, port, pid } = subject
  const target = { name, address, port, pid }
  let isOver = false
  const load = paced(target, { file: mix.file, perSecond, seconds }).finally(() => {
    isOver = true
  })
  const [run, done] = await Promise.all([load, trouble.make(world, () => isOver)])
  checked(target, mix, run)
  await pause(BETWEEN_MS)
  const { rssBytes } = subject
  console.log(`${trouble.name}: ${done}; ${told(run)}, ${(rssBytes / 1e6).toFixed(1)} MB`)
  return { trouble: trouble.name, run, rssBytes }
}

function summary(stretches: readonly Stretch[]): void {
  const beside = `Beside ${perSecond.toLocaleString('en')} cluster names a second`
  console.log(`\n| ${beside} | Answered | Lost | p50 ms | p99 ms | Longest ms |`)
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const { name } of TROUBLES) {
    const runs = stretches.filter(({ trouble }) => trouble === name).map(({ run }) => run)
    if (runs.length === 0) continue
    const sum = (of: (run: PacedRun) => number) => runs.reduce((total, run) => total + of(run), 0)
    const medianMs = (of: (run: PacedRun) => number) => (median(runs.map(of)) / 1000).toFixed(2)
    const longestMs = (Math.max(...runs.map(({ maxUs }) => maxUs)) / 1000).toFixed(1)
    const columns = [
      name,
      sum(run => run.answered).toLocaleString('en'),
      sum(run => run.lost),
      medianMs(run => run.p50Us),
      medianMs(run => run.p99Us),
      longestMs,
    ]
    console.log(`| ${columns.join(' | ')} |`)
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** What does not hold, in a line each. */
async function failures({ subject }: World, stretches: readonly Stretch[]): Promise<string[]> {
  const found: string[] = []
  const lost = stretches.reduce((sum, { run }) => sum + run.lost, 0)
  if (lost > 0) found.push(`${lost} replies were lost`)
  if (subject.child.exit !== undefined) return [...found, `the server ended: ${JSON.stringify(subject.child.exit)}`]
  const metrics = await subject.metrics()
  const panics = metrics.sum('coredns_panics_total') ?? 0
  if (panics > 0) found.push(`${panics} queries ended in an exception`)
  const rounds = Math.floor(stretches.length / TROUBLES.length)
  const rssOf = (round: number) =>
    mean(stretches.slice(round * TROUBLES.length, (round + 1) * TROUBLES.length).map(({ rssBytes }) => rssBytes))
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  console.log(`\nRSS at most: ${mb(subject.peakBytes)}`)
  if (rounds < LEAST_ROUNDS) {
    console.log(`${rounds} rounds are too few to tell whether the memory grows`)
    return found
  }
  const [second, last] = [rssOf(1), rssOf(rounds - 1)]
  console.log(`RSS, mean of a round of troubles: second ${mb(second)}, last (${rounds}) ${mb(last)}`)
  if (last > second + GROWTH_BYTES) found.push(`the memory grew from ${mb(second)} to ${mb(last)}`)
  return found
}

async function soak(): Promise<number> {
  const { world, end } = await createWorld()
  const endMs = performance.now() + soakMs
  const stretches: Stretch[] = []
  let found: string[]
  try {
    for (let nth = 0; performance.now() < endMs || nth < TROUBLES.length; nth++) {
      stretches.push(await stretchOf(world, TROUBLES[nth % TROUBLES.length]!))
    }
    summary(stretches)
    found = await failures(world, stretches)
  } catch (cause) {
    found = [`${cause instanceof Error ? cause.stack : cause}\n${world.subject.child.tail()}`]
  } finally {
    end()
    await stopAll()
  }
  for (const line of found) console.log(line)
  console.log(found.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed')
  return found.length > 0 ? 1 : 0
}

process.exit(await inNamespaces(import.meta.filename, soak))
