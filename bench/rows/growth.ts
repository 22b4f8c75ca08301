/** The kube mix of 1,000 and of 10,000 services: what ten times the cluster costs in CPU per query and in memory. */
import { clusterCorefile } from '../cluster/corefile.ts'
import type { ClusterSize } from '../cluster/objects.ts'
import { dnsperf, type Target } from '../dnsperf.ts'
import { usage } from '../process.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf } from '../turns.ts'
import { checked, KUBE_SIZE, type Mix, settle, writeMix } from './kube.ts'

const LARGE: ClusterSize = { namespaces: 100, services: 10_000 }
const SIZES = [
  { size: KUBE_SIZE, text: '1,000 services' },
  { size: LARGE, text: '10,000 services, 40,000 endpoints' },
]
/** What a load leaves for the collector has been collected, or never will be. */
const SETTLE_MS = 2_000

interface Sized extends Target {
  readonly mix: Mix
}
interface Figures {
  readonly cpuUsPerQuery: number
  readonly rssBytes: number
}
const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'CPU µs/query', better: 'lower', of: found => found.cpuUsPerQuery },
  { unit: 'RSS MB after load', better: 'lower', of: found => found.rssBytes / 1e6 },
]

export async function measureGrowth(sides: Sides, { rounds, seconds }: Settings): Promise<Row[]> {
  const targets: (Sized | undefined)[] = []
  for (const { size } of SIZES) {
    const corefile = clusterCorefile((await sides.replay(size)).source)
    const mix = writeMix(sides, size)
    for (const target of [await sides.sextant(corefile), await sides.coredns(corefile)]) {
      if (target) await settle(target, mix)
      targets.push(target && { ...target, mix })
    }
  }
  const runs = await inTurns(targets, rounds, async target => {
    const { mix } = target
    return checked(target, mix, await dnsperf(target, { file: mix.file, seconds }))
  })
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
  const found = runs.map((of, i): Figures[] =>
    of.map(({ cpuUsPerQuery }) => ({ cpuUsPerQuery, rssBytes: usage(targets[i]!.pid).rssBytes })),
  )
  const rows = SIZES.flatMap(({ text }, i) => mediansOf(`kube mix, ${text}`, COLUMNS, found.slice(i * 2, i * 2 + 2)))
  const [small, , large] = rows as [Row, Row, Row, Row]
  const times = large.figures.map((figure, side) => figure / small.figures[side]!)
  return [...rows, { work: 'kube mix, ten times the services', unit: 'times the CPU', better: 'lower', figures: times }]
}
