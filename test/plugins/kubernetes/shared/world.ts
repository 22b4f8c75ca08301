/** A cluster whose objects say their generation in all that they say, the threads that read it, and what changes in it. */
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { plugin as autopath } from '../../../../plugins/autopath/autopath.ts'
import type { Index } from '../../../../plugins/kubernetes/index/index.ts'
import type { Json } from '../../../../plugins/kubernetes/object/object.ts'
import { plugin as transfer } from '../../../../plugins/transfer/transfer.ts'
import { parseCorefile } from '../../../../server/corefile/corefile.ts'
import { Directive } from '../../../../server/corefile/directive.ts'
import type { Plugin, Stage } from '../../../../server/plugin.ts'
import { testSite, wire } from '../../../harness/stage.ts'
import { type Cluster, type ClusterOptions, clusterOf, namespace, pod, service, slice } from '../cluster.ts'
import type { ReaderData, Verdicts } from './reader.ts'

/** Words that both sides know: the last generation that has been put, and whether a thread that was told to is blocked. */
export const GENERATION = 0
export const BLOCKED = 1

/** What both sides set up alike. */
export type Make = Pick<ClusterOptions, 'zones' | 'body' | 'objects'>

const BODY = 'pods verified\nttl 30'
const BURST_MS = 0.5
const CROWD = 400
/** So many however busy the machine is. */
const MIN_GENERATIONS = 120
/** The last generation that ports have room for. */
const MAX_GENERATION = 60_000

/** The cluster behind `transfer` and `autopath`, and behind a stage of the test. */
export function serverOf(make: Make, front: Stage = {}): Cluster {
  const cluster = clusterOf({ body: BODY, ...make })
  const stages: Stage[] = [front]
  const names = ['test', 'transfer', 'autopath', 'kubernetes']
  const site = testSite(stages, names)
  stages.push(
    setUp(transfer, 'transfer {\nto *\n}', site),
    setUp(autopath, 'autopath @kubernetes', site),
    cluster.stage,
  )
  for (const stage of stages) stage.link?.()
  return { ...cluster, ...wire(stages, '.', names) }
}

function setUp(plugin: Plugin, text: string, site: ReturnType<typeof testSite>): Stage {
  return plugin.setup(new Directive(parseCorefile(`. {\n${text}\n}`, 'Corefile').blocks[0]!.directives), site)
}

/** Addresses 10.X, 11.X, … that say a generation, of IPv4. */
const address = (first: number, second: number, g: number) => `${first}.${second}.${(g >> 8) & 255}.${g & 255}`

function web(g: number): Json {
  return service('web.prod', [address(10, 6, g), `fd00:6::${g.toString(16)}`], [`http:tcp:${1000 + g}`])
}

function half(which: 'a' | 'b', g: number): Json {
  const second = which === 'a' ? 1 : 2
  const endpoints = [10, 11, 12, 13].map(first => address(first, second, g))
  const named = which === 'a' ? [`${endpoints[0]}=pair`, `${endpoints[1]}=pair`, ...endpoints.slice(2)] : endpoints
  return slice(`db-${which}.prod`, 'db', named, [`http:tcp:${1000 + g}`])
}

/** Slice `a` or `b` of `moved`, with the endpoint that moves or without it. */
function moved(which: 'a' | 'b', isThere: boolean): Json {
  const own = which === 'a' ? '10.9.1.1' : '10.9.2.1'
  return slice(`moved-${which}.prod`, 'moved', isThere ? [own, '10.9.0.1'] : [own])
}

export const blink = service('blink.prod', ['10.8.0.2'])

export const objects: readonly Json[] = [
  namespace('prod'),
  service('fixed.prod', ['10.8.0.1'], ['http:tcp:1']),
  blink,
  service('db.prod', []),
  service('moved.prod', []),
  web(1),
  half('a', 1),
  half('b', 1),
  moved('a', true),
  moved('b', false),
  pod('one.prod', '10.7.0.1', '10.7.255.255'),
]

/** The main thread's side. */
export class World {
  readonly server: Cluster
  readonly told = new Int32Array(new SharedArrayBuffer(8))
  /** Readers are to know what has been put. */
  isTelling = true
  readonly #make: Make
  #generation = 1

  constructor(make: Make = {}) {
    this.#make = make
    this.server = serverOf({ objects, ...make })
  }

  get index(): Index {
    return this.server.index
  }

  /** A thread that reads along and asks, once it does; `port` is this side's. */
  async reader(sitting: readonly string[], isHolding = false): Promise<Reader> {
    const { port1, port2 } = new MessageChannel()
    const shared = this.server.stage.share(port1)
    const workerData: ReaderData = {
      shared,
      port: port2,
      make: this.#make,
      sitting,
      isHolding,
      control: this.told.buffer as SharedArrayBuffer,
    }
    const worker = new Worker(new URL('./reader.ts', import.meta.url), { workerData, transferList: [port2] })
    await once(worker, 'message')
    return new Reader(worker, port1)
  }

  /** Changes things for so long, in bursts, as a watch brings them. Gives the number of generations. */
  async churn(forMs: number): Promise<number> {
    const from = this.#generation
    const endMs = performance.now() + forMs
    const isEnough = () => performance.now() >= endMs && this.#generation - from >= MIN_GENERATIONS
    while (!isEnough() && this.#generation < MAX_GENERATION) {
      const burstMs = performance.now() + BURST_MS
      while (performance.now() < burstMs) this.step()
      await setTimeout(1)
    }
    return this.#generation - from
  }

  /** The next generation of everything. */
  step(): void {
    const g = ++this.#generation
    const { put, remove } = this.server
    put(web(g), half('a', g), half('b', g))
    put(service('fixed.prod', ['10.8.0.1'], [`http:tcp:${1 + g}`]), pod('one.prod', '10.7.0.1', address(10, 7, g)))
    const [from, to] = g % 2 === 0 ? (['b', 'a'] as const) : (['a', 'b'] as const)
    put(moved(to, true), moved(from, false))
    // Comes and goes, in turn all of it: tables grow and shrink.
    const i = g % CROWD
    const crowd = [service(`crowd-${i}.prod`, [address(10, 20, i)]), pod(`crowd-${i}.prod`, address(10, 21, i))]
    if (Math.floor(g / CROWD) % 2 === 0) put(...crowd)
    else for (const object of crowd) remove(object)
    if (this.isTelling) Atomics.store(this.told, GENERATION, g)
  }
}

export class Reader {
  readonly worker: Worker
  readonly port: MessagePort

  constructor(worker: Worker, port: MessagePort) {
    this.worker = worker
    this.port = port
  }

  /** The thread does nothing at all until `until` has settled. */
  async block(told: Int32Array, until: () => Promise<unknown>): Promise<void> {
    Atomics.store(told, BLOCKED, 1)
    this.worker.postMessage('block')
    await until()
    Atomics.store(told, BLOCKED, 0)
    Atomics.notify(told, BLOCKED)
  }

  /** Ends the thread. */
  async stop(): Promise<Verdicts> {
    const told = once(this.worker, 'message')
    const ended = once(this.worker, 'exit')
    this.worker.postMessage('stop')
    const [verdicts] = (await told) as [Verdicts]
    await ended
    return verdicts
  }
}
