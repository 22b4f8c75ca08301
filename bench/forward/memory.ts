/** What 100,000 cached names cost in memory: the same names in both caches, each asked for twice. */
import { join } from 'node:path'
import { dnsperf } from '../dnsperf.ts'
import { metric } from '../metrics.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { startKnot } from '../peers/knot.ts'
import { usage } from '../process.ts'
import type { Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, rowsOf } from '../turns.ts'
import { wildZones, writeDistinct } from './names.ts'

const NAMES = 100_000
const CAPACITY = 131_072 // CoreDNS fills 256 shards by hash: at 100,000 some would be full before the others
const FILL_PER_S = 10_000
const FILL_SECONDS = 60 // at most
const SETTLE_MS = 5_000

interface Figures {
  readonly emptyBytes: number
  readonly fullBytes: number
  readonly entries: number
  /** Share of the second pass that the cache answered. */
  readonly hitShare: number
}
const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'RSS MB', better: 'lower', of: found => found.fullBytes / 1e6 },
  { unit: 'RSS MB, empty', better: 'lower', of: found => found.emptyBytes / 1e6 },
  { unit: 'RSS MB, growth', better: 'lower', of: found => (found.fullBytes - found.emptyBytes) / 1e6 },
  { unit: 'entries', better: 'higher', of: found => found.entries },
  { unit: 'hits of 2nd pass %', better: 'higher', of: found => found.hitShare * 100 },
]

export async function measureMemory(sides: Sides): Promise<Row[]> {
  const knot = await startKnot(sides, wildZones)
  const corefile = forwardCorefile({
    upstream: `127.0.0.1:${knot.port}`,
    forward: ['max_concurrent 1000'],
    cache: `cache {\n        success ${CAPACITY} 3600\n        denial ${CAPACITY} 1800\n    }`,
  })
  const file = join(sides.folder, 'questions')
  writeDistinct(file, NAMES, ['one', 'one', 'one', 'four', 'alias'])
  const found: (Figures | undefined)[] = []
  for (const side of ['sextant', 'coredns'] as const) {
    const target = await sides[side](corefile)
    found.push(target && (await fill(target, file)))
    if (target) sides.stop(target)
  }
  const work = `cache of ${NAMES.toLocaleString('en')} names: 60 % A, 20 % 4 × A, 20 % CNAME and A`
  return rowsOf(work, COLUMNS, [...found, undefined])
}

async function fill(target: Started, file: string): Promise<Figures> {
  await settle()
  const emptyBytes = usage(target.pid).rssBytes
  const load = { file, seconds: FILL_SECONDS, pace: FILL_PER_S, passes: 1 }
  await dnsperf(target, load)
  const hitsBefore = await metric(target.metricsUrl, 'coredns_cache_hits_total')
  const { completed } = await dnsperf(target, load)
  const hits = (await metric(target.metricsUrl, 'coredns_cache_hits_total')) - hitsBefore
  await settle()
  const entries = await metric(target.metricsUrl, 'coredns_cache_entries', { type: 'success' })
  return { emptyBytes, fullBytes: usage(target.pid).rssBytes, entries, hitShare: hits / completed }
}

function settle(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, SETTLE_MS))
}
