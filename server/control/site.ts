/**
 * A server block while it is set up and while it runs: what its stages see of it, and through it of each other.
 */
import { posix as path } from 'node:path'
import type { ServerBlock } from '../corefile/corefile.ts'
import { DEFAULT_PORTS, type ServerKey } from '../corefile/key.ts'
import type { Scheme } from '../listen/listen.ts'
import type { ListenOptions, Site, Stage } from '../plugin.ts'
import { lookup } from '../serve.ts'
import { DEFAULT_UDP_BYTES } from '../wire/edns.ts'
import { type Name, nameFromText } from '../wire/name.ts'
import type { Origin } from './configuration.ts'
import type { Generation } from './generation.ts'

/** What is served of the schemes that keys may have, by scheme. */
const SCHEMES = new Map<string, Scheme>([
  ['dns', 'dns'],
  ['tls', 'tls'],
  ['https', 'https'],
])

/** One zone of a key, with the port that it is served on. */
export interface Endpoint {
  readonly scheme: Scheme
  readonly zone: string
  readonly port: number
  readonly key: ServerKey
}

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

  /** One per scheme, zone and port; none for what is not served here. */
  get endpoints(): readonly Endpoint[] {
    return this.block.serverKeys.flatMap(key => {
      const scheme = SCHEMES.get(key.transport)
      return scheme === undefined ? [] : [{ scheme, zone: key.zone, port: this.#portOf(key), key }]
    })
  }

  #portOf({ port, transport }: ServerKey): number {
    return port ?? (transport === 'dns' ? this.#defaultPort : DEFAULT_PORTS.get(transport)!)
  }

  /** What it binds, as text; the empty text is every address. */
  get addresses(): readonly string[] {
    return this.listen.addresses.length === 0 ? [''] : this.listen.addresses
  }

  get port(): number {
    return this.endpoints[0]?.port ?? this.#defaultPort
  }

  get servers(): readonly string[] {
    const labels = this.endpoints.flatMap(({ scheme, port }) =>
      this.addresses.map(address => serverLabel(scheme, address, port)),
    )
    return [...new Set(labels)]
  }

  /** The first block of a listener says how many sockets it has. */
  get threads(): number {
    const decides = (server: string) => this.control.blocks.find(({ servers }) => servers.includes(server))
    const own = this.servers.map(decides)
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

/** The metric label of a listener: `dns://:53`, `tls://[::1]:853`. */
export function serverLabel(scheme: Scheme, address: string, port: number): string {
  return `${scheme}://${hostPort(address, port)}`
}

/** `127.0.0.1:53`, `[::1]:53`, `:53`. */
export function hostPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}
