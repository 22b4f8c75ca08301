/** Changes while queries come in: how soon they show, whether one is lost, and what queries notice of it. */
import { join } from 'node:path'
import { Asker, percentile, showing } from '../ask.ts'
import { latencies } from '../latencies.ts'
import { writeQuestions } from '../messages.ts'
import { kubeMix } from '../mix.ts'
import { usage } from '../process.ts'
import type { Settings } from '../settings.ts'
import type { Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { clusterCorefile } from './corefile.ts'
import { BenchCluster, services } from './objects.ts'

const SIZE = { namespaces: 20, services: 1_000 }
const CHANGES_PER_S = 500
const QUERIES_PER_S = 20_000
const SINGLE_CHANGES = 500
const QUESTIONS = 100_000
const WARM_UP_S = 5
const IDLE_S = 20

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** The name of a service's endpoint, which is its address. */
function endpointName(service: number, address: string): string {
  const { name, namespace } = services(SIZE)[service]!
  return `${address.replaceAll('.', '-')}.${name}.${namespace}.svc.cluster.local`
}

async function move(api: string, slice: number): Promise<string> {
  const moved = await fetch(`${api}/move?slice=${slice}`, { method: 'POST' })
  return ((await moved.json()) as { address: string }).address
}

export async function measureChurn(sides: Sides, { longSeconds: seconds }: Settings): Promise<Row[]> {
  const file = join(sides.folder, 'churn')
  // Names of services alone: what moves are endpoints, and each question has its answer throughout.
  const questions = kubeMix(services(SIZE), QUESTIONS)
  writeQuestions(file, questions)
  const found: (Figures | undefined)[] = []
  for (const which of ['sextant', 'coredns'] as const) {
    const replay = await sides.replay(SIZE)
    const target = await sides[which](clusterCorefile(replay.source))
    found.push(target && (await measureSide(target, replay.url, file, seconds)))
    if (target) sides.stop(target)
    replay.child.kill('SIGKILL')
  }
  const row = (work: string, unit: string, figure: (figures: Figures) => number): Row => ({
    work,
    unit,
    better: 'lower',
    figures: found.map(figures => (figures === undefined ? Number.NaN : figure(figures))),
  })
  const commit = 'from commit to answer, 1,000 services'
  const churn = `${CHANGES_PER_S} changes/s at ${QUERIES_PER_S.toLocaleString('en')} queries/s, ${seconds} s`
  return [
    row(commit, 'p50 ms', f => f.commitP50Ms),
    row(commit, 'p99 ms', f => f.commitP99Ms),
    row(churn, 'p50 ms', f => f.p50Ms),
    row(churn, 'p99 ms', f => f.p99Ms),
    row(churn, 'p99 ms without changes', f => f.idleP99Ms),
    row(churn, 'queries lost', f => f.lost),
    row(churn, 'changes made', f => f.changes),
    row(churn, 'changes lost', f => f.lostChanges),
    row(churn, 'RSS growth MB', f => f.growthMb),
  ]
}

interface Figures {
  commitP50Ms: number
  commitP99Ms: number
  p50Ms: number
  p99Ms: number
  idleP99Ms: number
  lost: number
  changes: number
  lostChanges: number
  growthMb: number
}

async function measureSide(target: Started, api: string, file: string, seconds: number): Promise<Figures> {
  const asker = await Asker.to(target)
  const commitMs = await showing(target, singleChanges(asker, api))
  const idle = await latencies(target, { file, seconds: Math.min(seconds, IDLE_S), pace: QUERIES_PER_S })
  let isOver = false
  const load = latencies(target, { file, seconds, pace: QUERIES_PER_S }).finally(() => {
    isOver = true
  })
  await pause(WARM_UP_S * 1000)
  const before = usage(target.pid).rssBytes
  const { changes, addresses } = await changeUntil(api, () => isOver)
  const { p50Ms, p99Ms, lost } = await load
  const growthMb = (usage(target.pid).rssBytes - before) / 1e6
  const lostChanges = await countLost(asker, addresses)
  asker.close()
  const [commitP50Ms, commitP99Ms] = [percentile(commitMs, 0.5), percentile(commitMs, 0.99)]
  return { commitP50Ms, commitP99Ms, p50Ms, p99Ms, idleP99Ms: idle.p99Ms, lost, changes, lostChanges, growthMb }
}

/** One change after the other; the name of each was asked for, and did not exist, just before. */
async function singleChanges(asker: Asker, api: string): Promise<number[]> {
  const twin = new BenchCluster(SIZE)
  const tookMs: number[] = []
  for (let i = 0; i < SINGLE_CHANGES; i++) {
    const slice = (i * 7) % SIZE.services
    const name = endpointName(slice, twin.move(slice))
    const before = await asker.ask(name)
    if (before.rcode !== 'NXDOMAIN') throw new Error(`${name} is ${before.rcode} before it is there`)
    await move(api, slice)
    tookMs.push(await asker.until(name, ({ rcode }) => rcode === 'NOERROR'))
  }
  return tookMs
}

/** Makes changes at a steady pace until it is over; gives the last address of each slice. */
async function changeUntil(
  api: string,
  isOver: () => boolean,
): Promise<{ changes: number; addresses: Map<number, string> }> {
  const addresses = new Map<number, string>()
  const startMs = performance.now()
  let changes = 0
  while (!isOver()) {
    const due = ((performance.now() - startMs) / 1000) * CHANGES_PER_S
    while (changes < due) {
      const slice = (changes++ * 13) % SIZE.services
      addresses.set(slice, await move(api, slice))
    }
    await pause(2)
  }
  return { changes, addresses }
}

async function countLost(asker: Asker, addresses: ReadonlyMap<number, string>): Promise<number> {
  await pause(1_000)
  let lost = 0
  for (const [slice, address] of addresses) {
    if ((await asker.ask(endpointName(slice, address))).rcode !== 'NOERROR') lost++
  }
  return lost
}
