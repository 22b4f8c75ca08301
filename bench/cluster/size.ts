/** What a cluster costs in memory and at the start, and when everything is listed again. */
import { once } from 'node:events'
import type { Target } from '../dnsperf.ts'
import { peakBytes, resetPeak, usage } from '../process.ts'
import type { Replay, Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { clusterCorefile, type PodMode } from './corefile.ts'
import { drain, type Listed } from './drain.ts'
import type { ClusterSize } from './objects.ts'

const SETTLE_MS = 6_000
const RELIST_TRIES = 1_200
const RELIST_PAUSE_MS = 50
/** A relist has ended once the process has been idle for this long. */
const IDLE_MS = 2_000

export interface SizeCase {
  readonly name: string
  readonly work: string
  readonly size: ClusterSize
  readonly pods: PodMode
  readonly listed: readonly Listed[]
}

export const SIZES: readonly SizeCase[] = [
  {
    name: 'size-services',
    work: '10,000 services, 40,000 endpoints',
    size: { namespaces: 100, services: 10_000 },
    pods: 'insecure',
    listed: ['namespaces', 'services', 'endpointslices'],
  },
  {
    name: 'size-pods',
    work: '8,200 services, 150,000 pods verified',
    size: { namespaces: 100, services: 8_200, pods: 150_000 },
    pods: 'verified',
    listed: ['namespaces', 'services', 'endpointslices', 'pods'],
  },
]

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

interface Figures {
  readyS: number
  steadyMb: number
  startPeakMb: number
  relistPeakMb: number
}

/** Each side alone with the API server: two at a time would slow each other down. */
export async function measureSize(sides: Sides, of: SizeCase): Promise<Row[]> {
  const replay = await sides.replay(of.size)
  const { tookMs, octets } = await drain(replay.url, of.listed)
  const corefile = clusterCorefile(replay.source, { pods: of.pods })
  const ours = await measureSide(sides, of, replay, () => sides.sextant(corefile))
  const peer = await measureSide(sides, of, replay, () => sides.coredns(corefile))
  const row = (unit: string, figure: (figures: Figures) => number): Row => ({
    work: of.work,
    unit,
    better: 'lower',
    figures: [ours, peer].map(found => (found === undefined ? Number.NaN : figure(found))),
  })
  return [
    row(`ready s (sending ${(octets / 1e6).toFixed(0)} MB takes ${(tookMs / 1000).toFixed(2)} s)`, f => f.readyS),
    row('RSS MB', f => f.steadyMb),
    row('RSS MB, peak of the start', f => f.startPeakMb),
    row('RSS MB, peak of a relist', f => f.relistPeakMb),
    row('relist peak / steady', f => f.relistPeakMb / f.steadyMb),
  ]
}

async function measureSide(
  sides: Sides,
  { size }: SizeCase,
  replay: Replay,
  start: () => Promise<Started | undefined>,
): Promise<Figures | undefined> {
  const target = await start()
  if (!target) return undefined
  const startPeakMb = peakBytes(target.pid) / 1e6
  await pause(SETTLE_MS)
  const steadyMb = usage(target.pid).rssBytes / 1e6
  const before = usage(target.pid).cpuS
  resetPeak(target.pid)
  replay.child.kill('SIGKILL')
  await once(replay.child, 'exit')
  const again = await sides.replay(size, replay.port)
  await relisted(target, before)
  const relistPeakMb = peakBytes(target.pid) / 1e6
  sides.stop(target)
  Object.assign(replay, again)
  return { readyS: target.readyAfterMs / 1000, steadyMb, startPeakMb, relistPeakMb }
}

/** Resolves once the process has worked, and then stopped working. */
async function relisted({ pid }: Target, cpuBeforeS: number): Promise<void> {
  let lastS = cpuBeforeS
  let idleMs = 0
  for (let tries = 0; tries < RELIST_TRIES; tries++) {
    await pause(RELIST_PAUSE_MS)
    const { cpuS } = usage(pid)
    idleMs = cpuS - lastS < 0.02 ? idleMs + RELIST_PAUSE_MS : 0
    lastS = cpuS
    if (idleMs >= IDLE_MS && cpuS - cpuBeforeS > 0.3) return
  }
  throw new Error(`process ${pid} did not come to rest after a relist`)
}
