/**
 * A thread beside the main one: the same stages from the same texts, sockets of its own, and the whole way of a query from
 * them and back. It does what the main thread asks, one request after the other.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { loadFfi } from '../../listen/ffi.ts'
import { flush, handLinesTo, setDebug, setLogFormat } from '../../log.ts'
import { watchLoop } from '../../loop-delay.ts'
import { families, tellRegistrations } from '../../metrics.ts'
import type { Plugin } from '../../plugin.ts'
import { waitingQueries } from '../../serve.ts'
import { setCookieRoot, setCookieSecrets } from '../../wire/cookie.ts'
import { between, buildInSteps } from '../build.ts'
import { readAgain } from '../configuration.ts'
import { cookieSecrets } from '../cookie-secrets.ts'
import type { Generation } from '../generation.ts'
import { announceDraining, announceServing, startStages, stopStages } from '../lifecycle.ts'
import type { PlacedStage } from '../site.ts'
import { closeAll, type OpenSockets, Sockets } from '../sockets.ts'
import { surviveExceptions } from '../survive.ts'
import { DRAIN_MS, DRAIN_POLL_MS, poll } from '../wait.ts'
import type { Asked, Request, Share, ThreadPlace, ThreadStart, Told } from './messages.ts'

/** Characters of log lines that may wait for the main thread to write them. */
const MAX_UNWRITTEN = 1 << 20
/** How often gauges that are read when they are wanted are read: a scrape waits for no thread. */
const REFRESH_MS = 1000

/** A configuration, and the ports that lead to its counterpart. */
interface Running {
  readonly generation: Generation
  readonly ports: readonly MessagePort[]
}

/** What the bundle of other threads does when it is loaded. @param plugins in chain order */
export function runThread(plugins: readonly Plugin[]): void {
  const start = workerData as ThreadStart
  const port = parentPort!
  const tell = (told: Told) => port.postMessage(told)
  setLogFormat(start.logFormat)
  setCookieRoot(start.cookieRoot)
  setCookieSecrets(cookieSecrets()) // the main thread has read them without an error
  const lines = handLines(start.unwritten, tell)
  tellRegistrations((made, isGone = false) => tell({ kind: 'registered', made, isGone }))
  setInterval(refreshGauges, REFRESH_MS).unref()
  surviveExceptions()
  loadFfi()
  const inner = new Inner(plugins, start, lines)
  let last: Promise<void> = Promise.resolve()
  const answer = async ({ id, request }: Asked) => {
    try {
      const value = await inner.do(request)
      tell({ kind: 'done', id, ...(value !== undefined && { value }) })
    } catch (cause) {
      tell({ kind: 'failed', id, text: cause instanceof Error ? cause.message : String(cause) })
    }
    if (request.kind === 'leave') process.exit(0)
  }
  port.on('message', (asked: Asked) => {
    const { kind } = asked.request
    if (kind === 'count' || kind === 'drain') void answer(asked)
    else last = last.then(() => answer(asked))
  })
  tell({ kind: 'here' })
}

/** Log lines go to the main thread, as many as it keeps up with. */
function handLines(unwritten: SharedArrayBuffer, tell: (told: Told) => void): { isSilent: boolean } {
  const waiting = new Int32Array(unwritten)
  const state = { isSilent: false }
  handLinesTo(lines => {
    if (state.isSilent) return true
    if (Atomics.load(waiting, 0) > MAX_UNWRITTEN) return false
    Atomics.add(waiting, 0, lines.length)
    tell({ kind: 'lines', lines })
    return true
  })
  return state
}

function refreshGauges(): void {
  for (const { isSummed, refresh } of families.values()) if (isSummed) refresh?.()
}

class Inner {
  readonly #plugins: readonly Plugin[]
  readonly #start: ThreadStart
  readonly #lines: { isSilent: boolean }
  readonly #sockets = new Sockets()
  #current: Running | undefined
  #next: Running | undefined
  #bound: OpenSockets = new Map()
  #previous: Running | undefined

  constructor(plugins: readonly Plugin[], start: ThreadStart, lines: { isSilent: boolean }) {
    this.#plugins = plugins
    this.#start = start
    this.#lines = lines
  }

  do(request: Request): Promise<number | undefined> | number | undefined {
    switch (request.kind) {
      case 'prepare':
        return this.#prepare(request.configuration, request.shares)
      case 'bind':
        return this.#bind(request.places)
      case 'serve':
        return this.#serve()
      case 'discard':
        return this.#discard()
      case 'end':
        return this.#end()
      case 'drain':
        return this.#drain()
      case 'handOver':
        return this.#handOver()
      case 'count':
        return this.#sockets.received
      case 'leave':
        return this.#leave()
    }
  }

  async #prepare(configuration: Parameters<typeof readAgain>[0], shares: readonly Share[]): Promise<undefined> {
    const generation = await this.#build(configuration)
    this.#next = { generation, ports: shares.map(({ port }) => port) }
    const stages = generation.stages()
    const byStage = new Map(shares.map(share => [stages[share.stage]?.stage, share]))
    const begin = ({ stage }: PlacedStage, previous: PlacedStage['stage'] | undefined) => {
      const share = byStage.get(stage)
      if (stage.join !== undefined && share !== undefined) return stage.join(share.value, share.port, previous)
      return stage.start?.(previous)
    }
    try {
      await startStages(generation, this.#current?.generation, begin)
    } catch (cause) {
      this.#closePorts(this.#next)
      this.#next = undefined
      throw cause
    }
  }

  /** What it has to say, the main thread has said. */
  #build(configuration: Parameters<typeof readAgain>[0]): Promise<Generation> {
    const { thread, port } = this.#start
    const options = { plugins: this.#plugins, port, thread, reload: async () => false }
    const steps = buildInSteps(
      this.#silently(() => readAgain(configuration)),
      options,
    )
    return between(steps, () => this.#silently(() => steps.next()))
  }

  #silently<T>(task: () => T): T {
    flush()
    this.#lines.isSilent = true
    try {
      return task()
    } finally {
      flush()
      this.#lines.isSilent = false
    }
  }

  async #bind(places: readonly ThreadPlace[]): Promise<undefined> {
    this.#bound = await this.#sockets.join(this.#next!.generation, places)
  }

  #serve(): undefined {
    this.#previous = this.#current
    this.#current = this.#next!
    this.#next = undefined
    const { generation } = this.#current
    this.#sockets.serve(generation, this.#bound)
    this.#bound = new Map()
    setDebug(generation.blocks.some(({ debug }) => debug.enabled))
    announceServing(generation)
    watchLoop()
  }

  async #discard(): Promise<undefined> {
    const next = this.#next
    this.#next = undefined
    await closeAll(this.#bound)
    this.#bound = new Map()
    if (next !== undefined) await this.#stop(next)
  }

  async #end(): Promise<undefined> {
    const previous = this.#previous
    this.#previous = undefined
    const { thread } = this.#start
    const unused = this.#sockets.closeUnused(key => (this.#current?.generation.plans.get(key)?.sockets ?? 0) > thread)
    await Promise.all([unused, poll(() => waitingQueries() === 0, DRAIN_POLL_MS, DRAIN_MS)])
    if (previous !== undefined) await this.#stop(previous)
  }

  #drain(): undefined {
    if (this.#current !== undefined) announceDraining(this.#current.generation)
  }

  #handOver(): undefined {
    this.#sockets.handOver()
  }

  async #leave(): Promise<undefined> {
    await this.#sockets.close()
    if (this.#current !== undefined) await this.#stop(this.#current)
  }

  async #stop(running: Running): Promise<void> {
    await stopStages(running.generation)
    this.#closePorts(running)
  }

  #closePorts({ ports }: Running): void {
    for (const port of ports) port.close()
  }
}
