/** Nothing holds the event loop up for more than 5 ms, whatever goes on beside 20,000 queries a second; and a metric shows it. */
import { equal, ok } from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type PacedRun, paced } from '../../../bench/client/paced.ts'
import { clusterCorefile, type PodMode } from '../../../bench/cluster/corefile.ts'
import { BenchCluster, type ClusterSize } from '../../../bench/cluster/objects.ts'
import { Child } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { isLong, Subject } from '../subject.ts'
import type { Turns } from '../turn-probe.ts'

const PROBE = join(import.meta.dirname, '../turn-probe.ts')
const API_SERVER = join(import.meta.dirname, '../../../bench/cluster/api-server.ts')
const PACE = 20_000
const MAX_TURN_MS = 5
/** Where so much memory comes and goes that V8 collects all of it: that takes up to 6 ms, with whatever else is in that turn. */
const MAX_COLLECTING_MS = 10
const CURRENT_MS = 60_000
const DELAY = 'sextant_event_loop_delay_seconds'

interface Scene {
  readonly size: ClusterSize
  readonly pods?: PodMode
  /** Lines of the server block. */
  readonly more?: readonly string[]
  readonly seconds: number
  /** CPU time of the longest turn; 5 if not said. */
  readonly maxTurnMs?: number
  /** What goes on beside the queries. */
  readonly trouble: (subject: Subject, api: Api) => Promise<void>
}

/** An API server that replays a cluster. */
class Api {
  readonly port: number
  readonly #size: ClusterSize
  #child: Child

  private constructor(size: ClusterSize, port: number, child: Child) {
    this.#size = size
    this.port = port
    this.#child = child
  }

  static async start(size: ClusterSize, port = 0): Promise<Api> {
    const child = new Child('api', process.execPath, [API_SERVER, `${port}`, JSON.stringify(size)])
    const line = await child.line(/listening on \d+/, CURRENT_MS)
    return new Api(size, Number(/\d+/.exec(line)![0]), child)
  }

  /** Another one in its place, which knows none of its versions: all has to be listed again. */
  async replace(): Promise<void> {
    await this.stop()
    const { port } = this
    this.#child = (await Api.start(this.#size, port)).#child
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGKILL')
  }

  /** Moves an endpoint of the first service. Gives its new address. */
  async move(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}/move?slice=0`, { method: 'POST' })
    return ((await response.json()) as { address: string }).address
  }
}

/** The questions for all services, in a file. */
function writeQuestions(subject: Subject, size: ClusterSize): string {
  const cluster = new BenchCluster(size)
  const lines = Array.from({ length: size.services }, (_, i) => {
    const { name, namespace } = cluster.item('services', (i * 7) % size.services).metadata
    return `${name}.${namespace}.svc.cluster.local A\n`
  })
  const file = join(subject.folder, 'services')
  writeFileSync(file, lines.join(''))
  return file
}

/** Runs a scene and says what it found. */
async function play({ size, pods, more = [], seconds, maxTurnMs = MAX_TURN_MS, trouble }: Scene): Promise<string> {
  const api = await Api.start(size)
  const source = `endpoint http://127.0.0.1:${api.port}`
  const turnsFile = join(process.cwd(), `.turns-${process.pid}`)
  const subject = await Subject.start(clusterCorefile(source, pods === undefined ? { more } : { pods, more }), {
    environment: { NODE_OPTIONS: `--import ${PROBE} --disable-warning=ExperimentalWarning`, SEXTANT_TURNS: turnsFile },
  })
  const { name, address, port, pid } = subject
  const file = writeQuestions(subject, size)
  await sleep(2000) // compilers
  await turnsOf(subject, turnsFile)
  const [run] = await Promise.all([
    paced({ name, address, port, pid }, { file, perSecond: PACE, seconds }),
    sleep(1000).then(() => trouble(subject, api)),
  ])
  await hears(subject, api) // a list that comes late is measured, too
  const turns = await turnsOf(subject, turnsFile)
  const metrics = await subject.metrics()
  await subject.stop()
  await api.stop()
  rmSync(turnsFile, { force: true })
  equal(run.lost, 0)
  const longestWallMs = (metrics.sum('sextant_event_loop_delay_max_seconds') ?? Number.NaN) * 1000
  ok(longestWallMs > 0 && (metrics.sum(`${DELAY}_count`) ?? 0) >= turns.count / 2, 'the metric counts turns')
  ok(turns.longestMs <= maxTurnMs, `${turns.long} turns over 5 ms, the longest ${turns.longestMs} ms`)
  return told(turns, longestWallMs, run)
}

/** What the probe found since it was last asked. */
async function turnsOf(subject: Subject, file: string): Promise<Turns> {
  rmSync(file, { force: true })
  process.kill(subject.pid, 'SIGUSR2')
  let turns: Turns | undefined
  await eventually(5000, 'what the probe found', async () => {
    turns = JSON.parse(readFileSync(file, 'utf8')) as Turns
  })
  return turns!
}

/** What the API server says now is answered: so all was listed before. */
async function hears(subject: Subject, api: Api): Promise<void> {
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${subject.port}`])
  const moved = await api.move()
  await eventually(CURRENT_MS, `the address ${moved}`, async () => {
    const found = await resolver.resolve4('service-0.team-0.svc.cluster.local')
    ok(found.includes(moved), `found ${found}`)
  })
}

function told(turns: Turns, wallMs: number, run: PacedRun): string {
  const ms = (us: number) => (us / 1000).toFixed(2)
  const longest = `longest of ${turns.count} turns ${turns.longestMs.toFixed(2)} ms of CPU (${wallMs.toFixed(2)} ms on the clock)`
  return `${longest}; ${run.answered} answered, ${run.lost} lost, p99.9 ${ms(run.p999Us)} ms, longest ${ms(run.maxUs)} ms`
}

const SMALL: ClusterSize = { namespaces: 20, services: 2_000 }
const LARGE: ClusterSize = { namespaces: 100, services: 10_000 }
const PODS: ClusterSize = { namespaces: 100, services: 8_200, pods: 150_000 }

test('event loop: everything is listed again at 20,000 queries a second', async note => {
  const size = isLong ? LARGE : SMALL
  note(await play({ size, seconds: isLong ? 20 : 8, trouble: (_, api) => api.replace() }))
})

if (isLong) {
  test('event loop: 150,000 pods are listed again at 20,000 queries a second', async note => {
    note(await play({ size: PODS, pods: 'verified', seconds: 30, trouble: (_, api) => api.replace() }))
  })
}

test('event loop: the first scrape, and reloads, at 20,000 queries a second', async note => {
  const trouble = async (subject: Subject) => {
    await subject.metrics() // the first one loads a library
    for (let i = 0; i < (isLong ? 10 : 3); i++) {
      process.kill(subject.pid, 'SIGUSR1')
      await sleep(1500)
    }
  }
  note(await play({ size: isLong ? LARGE : SMALL, seconds: isLong ? 20 : 8, trouble }))
})

test('event loop: a hosts file of many lines changes at 20,000 queries a second', async note => {
  const hosts = join(process.cwd(), `.hosts-${process.pid}`)
  const lines = Array.from(
    { length: isLong ? 100_000 : 20_000 },
    (_, i) => `10.9.${i >> 8}.${i & 255} host-${i}.example.org h${i}.example.net\n`,
  )
  writeFileSync(hosts, lines.join(''))
  const trouble = async () => {
    for (let i = 0; i < 3; i++) {
      writeFileSync(hosts, [...lines, `10.8.0.1 more-${'e'.repeat(i)}.example.org\n`].join(''))
      await sleep(2000)
    }
  }
  const more = [`hosts ${hosts} {`, 'reload 500ms', 'fallthrough', '}']
  try {
    note(await play({ size: SMALL, more, seconds: 9, trouble, ...(isLong && { maxTurnMs: MAX_COLLECTING_MS }) }))
  } finally {
    rmSync(hosts)
  }
})
