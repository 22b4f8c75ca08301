/**
 * One configuration as it runs: its Corefile, its server blocks with their stages, and the routes of its listeners. A
 * reload builds the next one beside it. Also what plugins see as `Control`.
 */
import { CorefileErrors } from '../corefile/error.ts'
import type { Scheme, Secure, TcpLimits } from '../listen/listen.ts'
import type { Control } from '../plugin.ts'
import type { Routes } from '../route.ts'
import { type Configuration, readConfiguration } from './configuration.ts'
import { type BlockSite, type PlacedStage, serverLabel } from './site.ts'

/** What one socket address is to serve. */
export interface ListenerPlan {
  readonly scheme: Scheme
  /** As text; empty for every address. */
  readonly address: string
  readonly port: number
  readonly zones: readonly string[]
  /** How many sockets it has, one in each of the first so many threads. */
  readonly sockets: number
  /** Where the scheme is an encrypted one. */
  readonly secure: Secure | undefined
  /** Limits of TCP that are not the defaults. */
  readonly tcp: Partial<TcpLimits>
  routes: Routes
}

export type ReloadRequest = (reason: string) => Promise<boolean>

export class Generation implements Control {
  readonly blocks: BlockSite[] = []
  /** By `planKey`. */
  readonly plans = new Map<string, ListenerPlan>()
  readonly parsed: Configuration
  readonly configuration: Control['configuration']
  lameduckMs = 0
  /** 0 for the main one. */
  readonly thread: number
  readonly #reload: ReloadRequest
  readonly #pluginOrder: readonly string[]

  constructor(parsed: Configuration, pluginOrder: readonly string[], reload: ReloadRequest, thread = 0) {
    this.parsed = parsed
    this.thread = thread
    this.configuration = { file: parsed.origin.file, files: parsed.files, fingerprint: parsed.fingerprint }
    this.#pluginOrder = pluginOrder
    this.#reload = reload
  }

  reload(reason: string): Promise<boolean> {
    return this.#reload(reason)
  }

  async fingerprint(): Promise<string> {
    const { fingerprint, mistakes } = readConfiguration(this.parsed.origin)
    if (mistakes.length > 0) throw new CorefileErrors(mistakes)
    return fingerprint
  }

  /** How many threads serve it. */
  get threads(): number {
    return Math.max(1, ...[...this.plans.values()].map(({ sockets }) => sockets))
  }

  /** Plugin by plugin in chain order, and within a plugin block by block: the order of starting. */
  stages(): readonly PlacedStage[] {
    return this.#pluginOrder.flatMap(plugin =>
      this.blocks.flatMap(site => site.stages.filter(placed => placed.plugin === plugin)),
    )
  }

  /** Those that are started in this thread. */
  runningStages(): readonly PlacedStage[] {
    return this.thread === 0 ? this.stages() : this.stages().filter(({ stage }) => stage.isOnce !== true)
  }

  /** The stage of the same plugin in the block with the same keys. */
  counterpart({ plugin, site }: PlacedStage): PlacedStage['stage'] | undefined {
    const keys = site.keys.join(' ')
    const block = this.blocks.find(other => other.keys.join(' ') === keys)
    return block?.stages.find(placed => placed.plugin === plugin)?.stage
  }
}

/** The metric label of the listener. */
export function planKey(scheme: Scheme, address: string, port: number): string {
  return serverLabel(scheme, address, port)
}
