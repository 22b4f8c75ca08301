/**
 * Where one other thread reads from. Its UDP sockets are the main thread's, which lends them: a thread that dies leaves
 * nothing behind in them, what waits there is read by the main thread until its successor does. Other sockets, and UDP
 * without node:ffi, the thread opens itself.
 */
import { loadFfi } from '../../listen/ffi.ts'
import { canWatchStream } from '../../listen/stream-watch.ts'
import { UdpBatch } from '../../listen/udp-batch.ts'
import { UdpSocket } from '../../listen/udp-socket.ts'
import type { Generation } from '../generation.ts'
import type { MainPlace } from '../sockets.ts'
import type { ThreadPlace } from './messages.ts'

interface Place extends Omit<ThreadPlace, 'fd'> {
  readonly udp: UdpSocket | undefined
}

export class Places {
  readonly #thread: number
  readonly #places = new Map<string, Place>()
  readonly #standIns = new Map<string, UdpBatch>()
  /** Read so far by those who stood in. */
  #received = 0

  constructor(thread: number) {
    this.#thread = thread
  }

  /** Messages read by the main thread in this one's stead. */
  get received(): number {
    return [...this.#standIns.values()].reduce((sum, { received }) => sum + received, this.#received)
  }

  /**
   * Binds what a generation needs in this thread and is not there.
   * @returns all that the thread is to read from then, and how to let go of what is new
   * @throws ListenError
   */
  bind(
    generation: Generation,
    mainPlace: (key: string) => MainPlace | undefined,
  ): { all: readonly ThreadPlace[]; undo: () => void } {
    const made: string[] = []
    const undo = () => {
      for (const key of made) this.#close(key)
    }
    try {
      for (const [key, plan] of generation.plans) {
        if (!this.#isIn(generation, key) || this.#places.has(key)) continue
        const main = mainPlace(key)
        if (main === undefined) continue // an address of a machine without IPv6
        const { address, port, ipv6Only } = main
        const ffi = plan.scheme === 'dns' && canWatchStream() ? loadFfi() : undefined
        const udp = ffi && new UdpSocket(ffi, address, port, { ipv6Only, reusePort: true })
        this.#places.set(key, { key, address, port, ipv6Only, sockets: plan.sockets, udp })
        made.push(key)
      }
    } catch (cause) {
      undo()
      throw cause
    }
    const all = [...this.#places.values()].filter(({ key }) => this.#isIn(generation, key))
    return { all: all.map(({ udp, ...place }) => ({ ...place, fd: udp?.fd })), undo }
  }

  /** The thread has ended: the main one reads what comes for it, as `generation` answers. */
  standIn({ plans }: Generation): void {
    const ffi = loadFfi()
    for (const [key, { address, port, sockets, udp }] of this.#places) {
      const plan = plans.get(key)
      if (ffi === undefined || udp === undefined || plan === undefined || this.#standIns.has(key)) continue
      const options = { routes: plan.routes, server: plan.routes.server, sockets, fd: udp.fd, isStandIn: true }
      const listener = new UdpBatch(ffi, address, port, options)
      listener.start()
      this.#standIns.set(key, listener)
    }
  }

  /** The thread has a successor, which reads. Resolves when the queries that the main thread has taken were answered. */
  async standBack(): Promise<void> {
    const listeners = [...this.#standIns.values()]
    this.#standIns.clear()
    for (const { received } of listeners) this.#received += received
    await Promise.all(listeners.map(listener => listener.stop()))
  }

  /** Where the main thread stands in, it takes nothing new: other processes have the address. */
  handOver(): void {
    for (const listener of this.#standIns.values()) listener.handOver()
  }

  /** Where the main thread stands in, it answers as this generation does from now on. */
  serve({ plans }: Generation): void {
    for (const [key, listener] of this.#standIns) listener.routes = plans.get(key)?.routes ?? listener.routes
  }

  /** Closes what a generation does not need in this thread; without one, everything. The thread reads there no more. */
  closeUnused(generation?: Generation): void {
    for (const key of this.#places.keys()) if (!this.#isIn(generation, key)) this.#close(key)
  }

  /** True if the thread has a socket there. */
  #isIn(generation: Generation | undefined, key: string): boolean {
    return (generation?.plans.get(key)?.sockets ?? 0) > this.#thread
  }

  /** Whoever stands in answers first what it has taken. */
  #close(key: string): void {
    const udp = this.#places.get(key)?.udp
    const standIn = this.#standIns.get(key)
    this.#places.delete(key)
    this.#standIns.delete(key)
    if (standIn === undefined) udp?.close()
    else void standIn.stop().then(() => udp?.close())
  }
}
