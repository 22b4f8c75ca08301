/**
 * The threads beside the main one (`multisocket`): how their number follows a generation, how all of them take over the
 * next one or none does, and what happens when one dies. No query crosses from one to another.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { shareAddresses } from '../../listen/listen.ts'
import { info, error as logError } from '../../log.ts'
import { cells, counter, gauge } from '../../metrics.ts'
import type { Generation } from '../generation.ts'
import type { OpenSockets, Sockets } from '../sockets.ts'
import { DRAIN_MS, sleep } from '../wait.ts'
import { CellsOfThread } from './cells.ts'
import type { Request, Share } from './messages.ts'
import { Places } from './places.ts'
import { Thread } from './thread.ts'

/** A thread that lived no longer than this is replaced with a pause, that replacing it takes no core. */
const SHORT_LIFE_MS = 10_000
const PAUSE_MS = 500
/** How long a thread may take to answer what is in flight, and stop its stages. */
const LEAVE_MS = DRAIN_MS + 5000

export interface ThreadsOptions {
  /** What a thread runs. */
  readonly file: string
  /** Port of `dns://` keys that name none. */
  readonly port: number
  readonly sockets: Sockets
}

/** One number, and the threads that have it one after the other. */
interface Slot {
  readonly index: number
  readonly cells: CellsOfThread
  readonly places: Places
  thread: Thread | undefined
  startedAtMs: number
  /** What the thread answers from. */
  serves: Generation | undefined
  /** Ports to counterparts of stages, by generation. */
  readonly ports: Map<Generation, readonly MessagePort[]>
}

export class Threads {
  readonly #options: ThreadsOptions
  /** Slot i has number i + 1. They stay, for what their threads counted does. */
  readonly #slots: Slot[] = []
  /** Ends when nobody prepares or serves. */
  #turn: Promise<void> = Promise.resolve()
  #current: Generation | undefined
  #isLeaving = false

  constructor(options: ThreadsOptions) {
    this.#options = options
  }

  /** Those that run. */
  all(): readonly Thread[] {
    return this.#slots.flatMap(({ thread }) => (thread === undefined || thread.isOver ? [] : [thread]))
  }

  /** Starts threads that a generation has more than the one that serves: they load while its stages start. */
  begin(generation: Generation): void {
    for (const slot of this.#slotsFor(generation).slice((this.#current?.threads ?? 1) - 1)) this.#running(slot)
  }

  /** Nothing comes of what was begun. */
  async giveUp(): Promise<void> {
    await this.#endSurplus(this.#current)
  }

  /**
   * Builds and starts a generation in all its threads, and opens their sockets. Its stages in the main thread have started;
   * `bind` gives its sockets there, and may open them only then.
   * @returns what ends it: `serve`, at once, or `discard`; until then nobody else prepares
   * @throws Error if one of them cannot; then all are as they were
   */
  async prepare(
    next: Generation,
    bind: () => Promise<OpenSockets>,
  ): Promise<{ serve(): void; discard(): Promise<void> }> {
    if (next.threads === 1 && this.all().length === 0) {
      await bind()
      return { serve: () => this.#note(next), discard: async () => {} }
    }
    const release = await this.#takeTurn()
    const slots = this.#slotsFor(next)
    const undo: (() => void)[] = []
    const discard = async () => {
      await Promise.allSettled(slots.map(({ thread }) => thread?.ask({ kind: 'discard' })))
      for (const back of undo) back()
      for (const slot of slots) this.#closePorts(slot, next)
      await this.#endSurplus(this.#current)
      // What was started to take over has nothing to serve: its end has it replaced.
      for (const { thread, serves } of slots) if (serves !== this.#current) void thread?.terminate()
      release()
    }
    try {
      await everyOne(slots, slot => this.#prepare(slot, this.#running(slot), next))
      const bound = await bind()
      this.#share(next, bound)
      undo.push(() => this.#share(this.#current))
      const places = slots.map(slot => {
        const { all, undo: back } = slot.places.bind(next, key => this.#options.sockets.placeOf(key, next, bound))
        undo.unshift(back)
        return all
      })
      await everyOne(slots, async ({ thread }, i) => thread?.ask({ kind: 'bind', places: places[i]! }))
    } catch (cause) {
      await discard()
      throw cause
    }
    const serve = () => {
      const isNew = slots.slice((this.#current?.threads ?? 1) - 1)
      this.#note(next)
      for (const slot of slots) this.#serve(slot, next)
      release()
      // One that ended since it bound was not missed by what served until now.
      for (const slot of isNew) if (slot.thread?.isOver) void slot.thread.ended.then(reason => this.#died(slot, reason))
    }
    return { serve, discard }
  }

  /** Lets a generation go that was replaced; threads that are needed no more end. Resolves when its queries are answered. */
  async end(old: Generation): Promise<void> {
    const current = this.#current
    if (current === undefined) return
    const ending = this.#slotsFor(current).map(async slot => {
      await this.#ask(slot, { kind: 'end' })
      slot.places.closeUnused(current)
      this.#closePorts(slot, old)
    })
    await Promise.all([...ending, this.#endSurplus(current)])
    this.#share(current)
  }

  /** Lameduck begins: nothing new is taken over, and a thread that dies is replaced no more. */
  drain(): void {
    this.#isLeaving = true
    for (const slot of this.#slots) void this.#ask(slot, { kind: 'drain' })
  }

  /** Their sockets take nothing new: other processes have the addresses. */
  async handOver(): Promise<void> {
    for (const { places } of this.#slots) places.handOver()
    await Promise.all(this.#slots.map(slot => this.#ask(slot, { kind: 'handOver' })))
  }

  /** Messages that they have read so far; of a thread that ends meanwhile, none. */
  async received(): Promise<number> {
    const counts = await Promise.all(this.all().map(thread => thread.ask({ kind: 'count' }).catch(() => 0)))
    const inStead = this.#slots.reduce((sum, { places }) => sum + places.received, 0)
    return counts.reduce<number>((sum, count) => sum + (count ?? 0), inStead)
  }

  /** Ends all of them, once what is in flight is answered. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    await Promise.all(this.#slots.map(slot => this.#end(slot)))
  }

  /** The thread that has this number, or a new one. */
  #running(slot: Slot): Thread {
    return slot.thread === undefined || slot.thread.isOver ? this.#start(slot) : slot.thread
  }

  #start(slot: Slot): Thread {
    const { file, port } = this.#options
    const thread = new Thread(slot.index, file, port, slot.cells)
    slot.thread = thread
    slot.startedAtMs = performance.now()
    slot.serves = undefined
    void thread.ended.then(reason => {
      if (slot.thread === thread) void this.#died(slot, reason)
    })
    return thread
  }

  async #prepare(slot: Slot, thread: Thread, next: Generation): Promise<void> {
    await thread.ready
    const ports: MessagePort[] = []
    slot.ports.set(next, ports)
    const shares: Share[] = []
    for (const [i, { stage }] of next.stages().entries()) {
      if (stage.share === undefined) continue
      const { port1, port2 } = new MessageChannel()
      ports.push(port1)
      shares.push({ stage: i, value: stage.share(port1), port: port2 })
    }
    const { origin, text, texts } = next.parsed
    await thread.ask({ kind: 'prepare', configuration: { origin, text, texts }, shares })
  }

  #serve(slot: Slot, next: Generation): void {
    slot.serves = next
    slot.places.serve(next)
    if (slot.thread?.isOver !== false) slot.places.standIn(next) // where it did not have to so far
    void this.#ask(slot, { kind: 'serve' }).then(async () => {
      if (slot.thread?.isOver === false) await slot.places.standBack()
    })
  }

  #note(next: Generation): void {
    this.#current = next
    if (next.threads === 1 && this.#slots.length === 0) return
    threadsGauge().set(next.threads)
    deaths() // there at 0, or Prometheus would not see the first one as an increase
  }

  #slotsFor({ threads }: Generation): readonly Slot[] {
    for (let index = this.#slots.length + 1; index < threads; index++) {
      const own = { cells: new CellsOfThread(), places: new Places(index), ports: new Map() }
      this.#slots.push({ index, ...own, thread: undefined, startedAtMs: 0, serves: undefined })
    }
    return this.#slots.slice(0, threads - 1)
  }

  /** Waits until nobody prepares. @returns what lets the next one */
  async #takeTurn(): Promise<() => void> {
    const turn = Promise.withResolvers<void>()
    const before = this.#turn
    this.#turn = turn.promise
    await before
    return turn.resolve
  }

  /** Has the kernel share out what comes for addresses with several sockets, and nothing else. */
  #share(generation: Generation | undefined, bound?: OpenSockets): void {
    if (this.#slots.length === 0 || generation === undefined) return
    const isShared = new Map<number, boolean>()
    for (const [key, plan] of generation.plans) {
      const port = this.#options.sockets.placeOf(key, generation, bound)?.port
      if (port !== undefined) isShared.set(port, plan.sockets > 1 || isShared.get(port) === true)
    }
    for (const [port, shared] of isShared)
      for (const transport of ['udp', 'tcp'] as const) shareAddresses(transport, port, shared)
  }

  /** Ends the threads beyond those that a generation needs. */
  async #endSurplus(generation: Generation | undefined): Promise<void> {
    await Promise.all(this.#slots.slice((generation?.threads ?? 1) - 1).map(slot => this.#end(slot)))
  }

  async #end(slot: Slot): Promise<void> {
    const { thread } = slot
    if (thread === undefined) return
    slot.thread = undefined
    if (!thread.isOver) {
      thread.ask({ kind: 'leave' }).catch(() => {}) // it ends, which is what is waited for
      const late = new AbortController()
      await Promise.race([thread.ended, sleep(LEAVE_MS, late.signal)])
      late.abort()
      if (!thread.isOver) await thread.terminate()
    }
    await slot.places.standBack()
    slot.places.closeUnused()
    for (const generation of slot.ports.keys()) this.#closePorts(slot, generation)
  }

  /** A thread is gone that nobody has asked to leave. */
  async #died(slot: Slot, reason: string): Promise<void> {
    const livedMs = performance.now() - slot.startedAtMs
    for (const generation of slot.ports.keys()) this.#closePorts(slot, generation)
    const current = this.#current
    if (current === undefined || slot.index >= current.threads) return // its start fails, and says so
    cells[deaths()]! += 1
    logError(undefined, `thread ${slot.index} has ended (${reason})${this.#isLeaving ? '' : ' and is replaced'}`)
    slot.places.standIn(current)
    if (this.#isLeaving) return
    if (livedMs < SHORT_LIFE_MS) await sleep(PAUSE_MS)
    await this.#replace(slot)
  }

  async #replace(slot: Slot): Promise<void> {
    const isMissing = () => slot.thread?.isOver === true && !this.#isLeaving
    const release = await this.#takeTurn()
    let thread: Thread | undefined
    try {
      const current = this.#current
      if (!isMissing() || current === undefined || slot.index >= current.threads) return
      thread = this.#start(slot)
      await this.#prepare(slot, thread, current)
      const { all } = slot.places.bind(current, key => this.#options.sockets.placeOf(key, current))
      await thread.ask({ kind: 'bind', places: all })
      this.#serve(slot, current)
      info(undefined, `thread ${slot.index} serves again`)
    } catch (cause) {
      if (this.#isLeaving) return
      logError(undefined, `thread ${slot.index} cannot be replaced: ${cause instanceof Error ? cause.message : cause}`)
      // One that is there and cannot serve is ended, and its end brings us here again.
      if (slot.thread?.isOver === false) void slot.thread.terminate()
      // The system had none to give: it may have one soon.
      if (thread === undefined) void sleep(PAUSE_MS).then(() => this.#replace(slot))
    } finally {
      release()
    }
  }

  /** Asks a thread for what it must do; that one ends meanwhile is told elsewhere. */
  async #ask({ thread }: Slot, request: Request): Promise<void> {
    try {
      await thread?.ask(request)
    } catch (cause) {
      if (thread?.isOver === false) logError(undefined, cause instanceof Error ? cause.message : String(cause))
    }
  }

  #closePorts(slot: Slot, generation: Generation): void {
    for (const port of slot.ports.get(generation) ?? []) port.close()
    slot.ports.delete(generation)
  }
}

/** Does something for all of them at once, and waits for all. @throws the first failure */
async function everyOne(slots: readonly Slot[], task: (slot: Slot, i: number) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(slots.map(task))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Registered with the first need: a server of one thread does not show them. */
const deaths = () => counter('sextant_thread_deaths_total', 'Threads that ended by themselves and were replaced.')()
const threadsGauge = () => gauge('sextant_threads', 'Threads that answer queries.')
