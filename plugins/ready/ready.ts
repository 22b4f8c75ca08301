/**
 * `ready`: GET /ready says whether this server may be sent queries. Blocks that name the same address answer together:
 * every stage of every one of them counts. Below the verdict stands what stages say of their condition.
 */
import type { ServerResponse } from 'node:http'
import { together } from '../../server/corefile/directive.ts'
import {
  formatHttpAddress,
  type HttpAddress,
  type HttpEndpoint,
  openHttpEndpoint,
  respond,
} from '../../server/http-endpoint.ts'
import { info } from '../../server/log.ts'
import type { Directive, Plugin, Property, Site, Stage } from '../../server/plugin.ts'

const DEFAULT_PORT = 8181
const MONITORS = ['until-ready', 'continuously'] as const

export const plugin: Plugin = { name: 'ready', setup }

function setup(directive: Directive, site: Site): Stage {
  const occurrence = directive.once()
  let address: HttpAddress = { host: '', port: DEFAULT_PORT }
  let continuously = false
  const monitor = (property: Property) => {
    continuously = property.argument().oneOf(MONITORS, 'monitor') === 'continuously'
  }
  together(
    () => {
      address = occurrence.optionalArgument()?.hostPort() ?? address
    },
    () => occurrence.each({ monitor }),
  )
  return new Ready(address, continuously, site)
}

/** What one server block has to say at its address. */
export class Ready implements Stage {
  readonly isOnce = true
  readonly #address: HttpAddress
  readonly #continuously: boolean
  readonly #site: Site
  /** Stages that need not be asked again. */
  readonly #known = new Set<Stage>()
  #endpoint: HttpEndpoint | undefined
  #isServing = false
  #isDraining = false

  constructor(address: HttpAddress, continuously: boolean, site: Site) {
    this.#address = address
    this.#continuously = continuously
    this.#site = site
  }

  get port(): number | undefined {
    return this.#endpoint?.port
  }

  /** Names of this block's plugins that are not ready. */
  waitingFor(): string[] {
    return this.#site.plugins.filter(plugin => !this.#site.peers(plugin).every(stage => this.#isReady(stage)))
  }

  /** `PLUGIN: TEXT` of each stage of this block that has something to tell. */
  conditions(): string[] {
    return this.#site.plugins.flatMap(plugin =>
      this.#site.peers(plugin).flatMap(stage => {
        const text = stage.condition?.() ?? ''
        return text === '' ? [] : `${plugin}: ${text}`
      }),
    )
  }

  async start(): Promise<void> {
    this.#endpoint = await openHttpEndpoint(this.#address, '/ready', (_, response) => this.#answer(response))
  }

  serving(): void {
    this.#isServing = true
    this.#endpoint?.activate()
  }

  draining(): void {
    this.#isDraining = true
  }

  async stop(): Promise<void> {
    await this.#endpoint?.close()
    this.#endpoint = undefined
  }

  #answer(response: ServerResponse): void {
    const sharing = this.#sharing()
    // CoreDNS: keeps one entry per plugin name, so that of two clusters only the later one counts.
    const waiting = [...new Set(sharing.flatMap(ready => ready.waitingFor()))].sort().join(',')
    const conditions = new Set(sharing.flatMap(ready => ready.conditions()))
    const say = (status: number, verdict: string) => respond(response, status, [verdict, ...conditions].join('\n'))
    if (this.#isDraining) say(503, 'Shutting down')
    else if (!this.#isServing)
      say(503, 'Starting') // the sockets may not be open yet
    else if (waiting === '') say(200, 'OK')
    else {
      info('ready', `Plugins not ready: "${waiting}"`)
      say(503, waiting)
    }
  }

  /** The `ready` of all blocks with this address. */
  #sharing(): Ready[] {
    const address = formatHttpAddress(this.#address)
    return this.#site
      .peers('ready', true)
      .filter((stage): stage is Ready => stage instanceof Ready && formatHttpAddress(stage.#address) === address)
  }

  #isReady(stage: Stage): boolean {
    if (stage.ready === undefined || this.#known.has(stage)) return true
    const isReady = stage.ready()
    if (isReady && !this.#continuously) this.#known.add(stage)
    return isReady
  }
}
