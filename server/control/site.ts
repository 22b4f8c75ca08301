/**
 * A server block while it is set up and while it runs: what its stages see of it, and through it of each other.
 */
import { posix as path } from 'node:path'
import type { ServerBlock } from '../corefile/corefile.ts'
import type { ListenOptions, Site, Stage } from '../plugin.ts'
import { lookup } from '../serve.ts'
import { DEFAULT_UDP_BYTES } from '../wire/edns.ts'
import { type Name, nameFromText } from '../wire/name.ts'
import type { Origin } from './configuration.ts'
import type { Generation } from './generation.ts'

/** A stage in its block. */
export interface PlacedStage {
  readonly plugin: string
  readonly site: BlockSite
  readonly stage: Stage
}

export class BlockSite implements Site {
  readonly block: ServerBlock
  readonly file: string
  readonly folder: string
  readonly keys: readonly string[]
  readonly zoneTexts: readonly string[]
  readonly zones: readonly Name[]
  readonly listen: ListenOptions = { addresses: [], udpBytes: DEFAULT_UDP_BYTES }
  readonly debug = { enabled: false }
  readonly wantedMetadata = new Set<string>()
  readonly lookup = lookup
  readonly control: Generation
  /** Stages of this block, in chain order. */
  readonly stages: PlacedStage[] = []
  readonly #defaultPort: number

  constructor(block: ServerBlock, origin: Origin, defaultPort: number, control: Generation) {
    this.block = block
    this.file = origin.file
    this.folder = path.normalize(origin.folder)
    this.keys = block.keys.map(key => key.text)
    this.zoneTexts = [...new Set(block.serverKeys.map(key => key.zone))]
    this.zones = this.zoneTexts.map(nameFromText)
    this.control = control
    this.#defaultPort = defaultPort
  }

  /** One per zone and port. */
  get endpoints(): readonly { zone: string; port: number; key: ServerBlock['serverKeys'][number] }[] {
    return this.block.serverKeys.map(key => ({ zone: key.zone, port: key.port ?? this.#defaultPort, key }))
  }

  /** What it binds, as text; the empty text is every address. */
  get addresses(): readonly string[] {
    return this.listen.addresses.length === 0 ? [''] : this.listen.addresses
  }

  get port(): number {
    return this.block.serverKeys[0]?.port ?? this.#defaultPort
  }

  get servers(): readonly string[] {
    const ports = new Set(this.endpoints.map(({ port }) => port))
    return [...ports].flatMap(port => this.addresses.map(address => serverLabel(address, port)))
  }

  /** The first block of a listener says how many sockets it has. */
  get threads(): number {
    const decides = (address: string, port: number) =>
      this.control.blocks.find(
        ({ addresses, endpoints }) => addresses.includes(address) && endpoints.some(other => other.port === port),
      )
    const own = this.endpoints.flatMap(({ port }) => this.addresses.map(address => decides(address, port)))
    return Math.max(1, ...own.map(site => site?.listen.sockets ?? 1))
  }

  get plugins(): readonly string[] {
    return this.stages.map(({ plugin }) => plugin)
  }

  peers(plugin: string, everywhere = false): readonly Stage[] {
    const all = everywhere ? this.control.stages() : this.stages
    return all.filter(placed => placed.plugin === plugin).map(({ stage }) => stage)
  }

  after(stage: Stage): readonly Stage[] {
    const at = this.stages.findIndex(placed => placed.stage === stage)
    return this.stages.slice(at + 1).map(placed => placed.stage)
  }
}

/** The metric label of a listener: `dns://:53`, `dns://[::1]:53`. */
export function serverLabel(address: string, port: number): string {
  return `dns://${hostPort(address, port)}`
}

/** `127.0.0.1:53`, `[::1]:53`, `:53`. */
export function hostPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}
