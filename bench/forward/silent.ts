/** An upstream that never answers, and as many different names as dnsperf can ask for: memory, and names of `hosts`. */
import { join } from 'node:path'
import { dnsperf } from '../dnsperf.ts'
import { type Latencies, latencies } from '../latencies.ts'
import { writeQuestions } from '../messages.ts'
import type { Question } from '../mix.ts'
import { openBlackHole } from '../peers/black-hole.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { peakBytes, resetPeak } from '../process.ts'
import type { Settings } from '../settings.ts'
import type { Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, rowsOf } from '../turns.ts'
import { writeDistinct } from './names.ts'

const HOSTS = 100
const HOSTS_PER_S = 1_000
const NAMES_PER_S = 100_000
const NAMES = 1_000_000 // ten seconds' worth: no cache keeps them
const OUTSTANDING = 8_000 // more than wait for the upstream, so that new names keep coming

interface Figures {
  readonly hosts: Latencies
  readonly floodPerS: number
  readonly emptyBytes: number
  readonly peakBytes: number
}
const COLUMNS: readonly Column<Figures>[] = [
  { unit: 'names/s answered', better: 'higher', of: found => found.floodPerS },
  { unit: 'RSS MB before', better: 'lower', of: found => found.emptyBytes / 1e6 },
  { unit: 'RSS MB, peak', better: 'lower', of: found => found.peakBytes / 1e6 },
  { unit: 'p50 ms of hosts', better: 'lower', of: found => found.hosts.p50Ms },
  { unit: 'p99 ms of hosts', better: 'lower', of: found => found.hosts.p99Ms },
  { unit: 'lost of hosts', better: 'lower', of: found => found.hosts.lost },
]

interface Files {
  readonly hosts: string
  readonly flood: string
}

export async function measureSilent(sides: Sides, { longSeconds: seconds }: Settings): Promise<Row[]> {
  const questions = Array.from(
    { length: HOSTS },
    (_, i): Question => ({ name: `host-${i}.hosts.example`, type: 'A', rcode: 'NOERROR', answers: 1 }),
  )
  const files = { hosts: join(sides.folder, 'hosts'), flood: join(sides.folder, 'flood') }
  writeQuestions(files.hosts, questions)
  writeDistinct(files.flood, NAMES, ['one'])
  const lines = questions.map(({ name }, i) => `10.0.0.${i} ${name}`).join('\n        ')
  const upstream = `127.0.0.1:${await openBlackHole()}`
  const corefile = (forward: string[]) =>
    forwardCorefile({
      upstream,
      forward,
      cache: 'cache',
      more: [`hosts {\n        ${lines}\n        fallthrough\n    }`],
    })
  const work = `silent upstream, up to 100,000 distinct names/s, ${seconds} s`
  const bound = corefile(['max_concurrent 1000'])
  const measure = async (target: Started | undefined) => {
    const found = target && (await measureSide(target, files, seconds))
    if (target) sides.stop(target)
    return found
  }
  const limited = [await measure(await sides.sextant(bound)), await measure(await sides.coredns(bound)), undefined]
  // Without a limit CoreDNS takes what memory the machine has.
  const unlimited = [await measure(await sides.sextant(corefile([]))), undefined, undefined]
  return [
    ...rowsOf(`${work}, max_concurrent 1000`, COLUMNS, limited),
    ...rowsOf(`${work}, no limit`, COLUMNS, unlimited),
  ]
}

async function measureSide(target: Started, files: Files, seconds: number): Promise<Figures> {
  resetPeak(target.pid)
  const emptyBytes = peakBytes(target.pid)
  const flood = dnsperf(target, { file: files.flood, seconds, pace: NAMES_PER_S, outstanding: OUTSTANDING })
  const hosts = await latencies(target, { file: files.hosts, seconds, pace: HOSTS_PER_S })
  const { queriesPerS } = await flood
  return { hosts, floodPerS: queriesPerS, emptyBytes, peakBytes: peakBytes(target.pid) }
}
