/**
 * Metrics under CoreDNS's names: counts every query of its block, and serves all counters of the process at
 * http://ADDR/metrics. What a count costs is in series.ts, the text form in exposition.ts.
 */
import { type PropertyHandler, together } from '../../server/corefile/directive.ts'
import { type HttpEndpoint, openHttpEndpoint } from '../../server/http-endpoint.ts'
import { error } from '../../server/log.ts'
import { gauge } from '../../server/metrics.ts'
import type { Answer, Directive, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import type { Block, Routes } from '../../server/route.ts'
import { VERSION } from '../../server/version.ts'
import { nameToText } from '../../server/wire/name.ts'
import { expose } from './exposition.ts'
import { Series } from './series.ts'

const NAME = 'prometheus'
const VIEW = ''

const enabledPlugins = gauge('coredns_plugin_enabled', 'Plugins of a server block.', 'server', 'zone', 'view', 'name')
const buildInfo = gauge('coredns_build_info', 'What runs, with the value 1.', 'version', 'revision', 'goversion')

export interface Options {
  readonly host: string
  readonly port: number
  /** Also what is known of the runtime: event loop, heap, garbage collection. */
  readonly runtimeMetrics: boolean
}

export const plugin: Plugin = {
  name: NAME,
  setup: (directive, site) => new PrometheusStage(parse(directive), site),
}

function parse(directive: Directive): Options {
  const prometheus = directive.once()
  let address = { host: 'localhost', port: 9153 }
  let runtimeMetrics = false
  const properties: Record<string, PropertyHandler> = {
    runtime_metrics: p => {
      p.noArguments()
      runtimeMetrics = true
    },
    tls: p => {
      throw p.error('"tls" is not here yet, expected metrics over plain HTTP')
    },
  }
  together(
    () => {
      address = prometheus.optionalArgument()?.hostPort() ?? address
    },
    () => prometheus.each(properties),
  )
  return { ...address, runtimeMetrics }
}

class PrometheusStage implements Stage {
  /** The endpoint shows the counters of all threads. */
  readonly isOnce = true
  readonly #options: Options
  readonly #site: Site
  #endpoint: HttpEndpoint | undefined
  readonly #series = new Map<Routes | undefined, Map<Block | undefined, Series>>()
  /** The series of the last query, most often that of the next one too. */
  #lastRoutes: Routes | undefined
  #lastBlock: Block | undefined
  #last: Series | undefined

  constructor(options: Options, site: Site) {
    this.#options = options
    this.#site = site
  }

  observe(q: Query, a: Answer, octets: number): void {
    const series = q.block === this.#lastBlock && q.routes === this.#lastRoutes ? this.#last : undefined
    ;(series ?? this.#select(q.routes, q.block)).observe(q, a, octets)
  }

  observeDropped(q: Query, a: Answer, octets: number): void {
    this.#select(q.routes, undefined).observe(q, a, octets)
  }

  async start(previous?: Stage): Promise<void> {
    buildInfo.set(1, VERSION, '', `node${process.versions.node}`)
    this.#countPlugins(1)
    const { host, port, runtimeMetrics } = this.#options
    try {
      this.#endpoint = await openHttpEndpoint({ host, port }, '/metrics', (request, response) =>
        expose(request, response, runtimeMetrics),
      )
    } catch (cause) {
      // CoreDNS: goes on without metrics after a reload too, and those that were there are gone.
      if (previous instanceof PrometheusStage && previous.port !== undefined) throw cause
      error(NAME, cause instanceof Error ? cause.message : String(cause), cause)
    }
  }

  serving(): void {
    this.#countPlugins(1) // the configuration before may have taken them out
    this.#endpoint?.activate()
  }

  async stop(): Promise<void> {
    await this.#endpoint?.close()
  }

  /** The port that is open, for tests. */
  get port(): number | undefined {
    return this.#endpoint?.port
  }

  #select(routes: Routes | undefined, block: Block | undefined): Series {
    const byBlock = this.#series.get(routes) ?? new Map<Block | undefined, Series>()
    this.#series.set(routes, byBlock)
    const zone = block === undefined ? 'dropped' : nameToText(block.zone)
    const series = byBlock.get(block) ?? new Series(routes?.server ?? '', zone, VIEW, block?.plugins ?? [])
    byBlock.set(block, series)
    this.#lastRoutes = routes
    this.#lastBlock = block
    this.#last = series
    return series
  }

  /** CoreDNS: plugins that see queries, under the zone of the block's first key. */
  #countPlugins(value: number): void {
    const { servers, zoneTexts, plugins } = this.#site
    const seeing = plugins.filter(name =>
      this.#site.peers(name).some(peer => peer.handle ?? peer.observe ?? peer.metadata),
    )
    for (const server of servers)
      for (const name of seeing) enabledPlugins.set(value, server, zoneTexts[0]!, VIEW, name)
  }
}
