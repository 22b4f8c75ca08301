/**
 * `multisocket 2` beside one thread, with as many clients as the kernel needs to spread them over two sockets. Once with as
 * many queries as keep both threads at work; once with as many as in other rows, which two threads share: each finds fewer
 * at a time, and what goes together costs less.
 */
import { clusterCorefile } from '../cluster/corefile.ts'
import { dnsperf, type Load, type Run, type Target } from '../dnsperf.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf, RUN_COLUMNS } from '../turns.ts'
import { checked, clusterSource, KUBE_SIZE, settle, writeMix } from './kube.ts'

const THREADS = 2
const DIRECTIVE = 'multisocket'
const CLIENTS = 64
const LOADS: readonly Partial<Load>[] = [{ outstanding: 4_000, generators: 2 }, { outstanding: 500 }]

const COLUMNS: readonly Column<Run>[] = [
  ...RUN_COLUMNS,
  { unit: 'RSS MB', better: 'lower', of: run => run.rssBytes / 1e6 },
]

export async function measureThreads(sides: Sides, settings: Settings): Promise<Row[]> {
  const source = await clusterSource(sides, settings, KUBE_SIZE)
  const mix = writeMix(sides)
  const targets: (Target | undefined)[] = []
  for (const more of [[], [`${DIRECTIVE} ${THREADS}`]]) {
    const corefile = clusterCorefile(source, { more })
    const isKnown = more.length === 0 || sides.sextantHas(DIRECTIVE)
    if (!isKnown) process.stderr.write(`  sextant has no ${DIRECTIVE}: left out\n`)
    for (const target of [isKnown ? await sides.sextant(corefile) : undefined, await sides.coredns(corefile)]) {
      if (target) await settle(target, mix)
      targets.push(target)
    }
  }
  const { rounds, seconds } = settings
  const rows: Row[] = []
  for (const load of LOADS) {
    const runs = await inTurns(targets, rounds, async target =>
      checked(target, mix, await dnsperf(target, { file: mix.file, seconds, clients: CLIENTS, ...load })),
    )
    rows.push(...rowsOfLoad(`${load.outstanding!.toLocaleString('en')} waiting`, runs))
  }
  return rows
}

/** Runs of Sextant and CoreDNS with one thread, then of both with two. */
function rowsOfLoad(load: string, runs: readonly Run[][]): Row[] {
  const one = mediansOf(`one thread, ${load}`, COLUMNS, runs.slice(0, 2))
  const two = mediansOf(`${DIRECTIVE} ${THREADS}, ${load}`, COLUMNS, runs.slice(2))
  const beside = (unit: string, column: string, of: (two: number, one: number) => number): Row => {
    const [of1, of2] = [one, two].map(rows => rows.find(row => row.unit === column)!.figures) as [number[], number[]]
    return {
      work: `${DIRECTIVE} ${THREADS} beside one thread, ${load}`,
      unit,
      better: 'lower',
      figures: of2.map((f, i) => of(f, of1[i]!)),
    }
  }
  return [
    ...one,
    ...two,
    beside('times the CPU a query', 'CPU µs/query', (a, b) => a / b),
    beside('RSS MB more', 'RSS MB', (a, b) => a - b),
  ]
}
