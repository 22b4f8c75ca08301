/**
 * The running server: the generation that answers, its sockets, and the two ways on from there, a reload and the end.
 */
import { sharesAddresses } from '../listen/listen.ts'
import { setDebug, warn } from '../log.ts'
import type { Plugin } from '../plugin.ts'
import { workSlices } from '../work-slices.ts'
import { buildBetween } from './build.ts'
import { type Origin, readConfiguration } from './configuration.ts'
import type { Generation } from './generation.ts'
import { announceServing, startStages, stopStages } from './lifecycle.ts'
import { Reloader } from './reload.ts'
import { closeAll, type OpenSockets, Sockets } from './sockets.ts'
import { Threads } from './threads/threads.ts'
import { WatcherLink } from './watcher-link.ts'

export interface ServerOptions {
  readonly origin: Origin
  readonly plugins: readonly Plugin[]
  /** Port of `dns://` keys that name none. */
  readonly port: number
  /** What threads beside this one run (`multisocket`). */
  readonly threadFile: string
  /** The Unix socket of who watches this server, if somebody does. */
  readonly watcher?: string | undefined
}

export class Server {
  readonly options: ServerOptions
  readonly sockets = new Sockets()
  readonly threads: Threads
  readonly reloader: Reloader
  #current: Generation | undefined
  /** SIGTERM was seen: nothing new is taken over. */
  isLeaving = false
  /** Whom it tells that it serves (`SEXTANT_WATCHER`). */
  readonly watcher: WatcherLink | undefined

  constructor(options: ServerOptions) {
    this.options = options
    if (options.watcher !== undefined) this.watcher = new WatcherLink(this, options.watcher)
    this.threads = new Threads({ file: options.threadFile, port: options.port, sockets: this.sockets })
    this.reloader = new Reloader(this)
  }

  /** The generation that answers, once one does. */
  get current(): Generation | undefined {
    return this.#current
  }

  /**
   * Reads the Corefile and takes it over: the order of a start and of a reload. Whatever fails, what ran before runs on.
   * @returns the generation that was replaced
   * @throws CorefileErrors, ListenError, or what a stage could not start with, here or in another thread
   */
  async takeOver(): Promise<Generation | undefined> {
    const { origin, plugins, port } = this.options
    const previous = this.#current
    const parsed = readConfiguration(origin)
    for (const { file, line, column, message } of parsed.warnings)
      warn(undefined, `${file}:${line}:${column}: ${message}`)
    await workSlices.pause() // queries have their turn between one step and the next
    const next = await buildBetween(parsed, { plugins, port, reload: reason => this.reloader.request(reason) })
    await workSlices.pause()
    let bound: OpenSockets = new Map()
    const bind = async () => {
      bound = await this.sockets.bind(next)
      return bound
    }
    // Where addresses are shared, another process answers until this one can, and a socket takes what is new at once.
    const isLate = sharesAddresses()
    if (!isLate) await bind()
    try {
      this.threads.begin(next)
      await startStages(next, previous)
    } catch (cause) {
      await Promise.all([closeAll(bound), this.threads.giveUp()])
      throw cause
    }
    const others = await this.threads.prepare(next, isLate ? bind : async () => bound).catch(async cause => {
      await Promise.all([stopStages(next), closeAll(bound)])
      throw cause
    })
    await workSlices.pause()
    if (this.isLeaving) {
      await Promise.all([others.discard(), stopStages(next), closeAll(bound)])
      throw new Error('the server is on its way out')
    }
    this.sockets.serve(next, bound)
    others.serve()
    this.#current = next
    setDebug(next.blocks.some(({ debug }) => debug.enabled))
    announceServing(next)
    return previous
  }
}
