/**
 * `forward`: asks upstream servers. Front door: the stage of a block with all its `forward` lines, tried in the order of
 * the Corefile. One line at run time is forwarder.ts, one question flight.ts; what is known of one upstream is upstream/, how
 * it is asked transport/, what stands in messages message/.
 */

import type { Answer, MetadataReader, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { FLAG } from '../../server/wire/codes.ts'
import { equalOctets, type Name } from '../../server/wire/name.ts'
import { Forwarder } from './forwarder.ts'
import { type ForwardLine, readForward } from './setup.ts'
import { addressesOf, FileWatch, resolveHosts } from './targets.ts'
import { inquire } from './upstream/inquiry.ts'
import type { Upstream } from './upstream/upstream.ts'

export const plugin: Plugin = {
  name: 'forward',
  setup: (directive, site: Site) => new Forward(directive.map(line => readForward(line, site.folder, site.threads))),
}

/** One upstream of one `forward` line, for peers. */
export interface UpstreamView {
  /** `10.0.0.1:53`, `tls://[2001:db8::1]:853`: as `addressText` */
  readonly address: string
  /** FROM of the line it stands in. */
  readonly from: Name
  /** Why it is not asked, undefined if it is. */
  readonly disabled: string | undefined
}

export class Forward implements Stage {
  readonly recursive: boolean
  readonly #lines: readonly ForwardLine[]
  readonly #forwarders: readonly Forwarder[]
  readonly #watches: readonly FileWatch[]

  constructor(lines: readonly ForwardLine[]) {
    this.#lines = lines
    this.#forwarders = lines.map(line => new Forwarder(line.options))
    this.recursive = lines.some(line => line.options.fromText === '.')
    this.#forwarders.forEach((forwarder, i) => {
      forwarder.setAddresses(addressesOf(lines[i]!.targets))
      if (i + 1 < lines.length) forwarder.following = (q, next) => this.#askFrom(i + 1, q, next)
    })
    this.#watches = lines.map((line, i) => new FileWatch(line.targets, () => this.#applyAddresses(i)))
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    return this.#askFrom(0, q, next)
  }

  metadata(label: string): MetadataReader | undefined {
    return label === 'forward/upstream' ? (_, a) => a.upstream || undefined : undefined
  }

  async start(previous: Stage | undefined): Promise<void> {
    for (const [i, line] of this.#lines.entries()) {
      if (!line.targets.some(target => target.kind === 'host')) continue
      await resolveHosts(line.targets, line.resolvers)
      this.#applyAddresses(i)
    }
    if (previous instanceof Forward) this.#inherit(previous)
    for (const watch of this.#watches) watch.start()
  }

  /** What is in flight still gets its answer; then the sockets are closed. */
  stop(): void {
    for (const watch of this.#watches) watch.stop()
    for (const forwarder of this.#forwarders) forwarder.close()
  }

  /** All upstreams of the block, one entry for each `forward` line that has it. */
  upstreams(): UpstreamView[] {
    return this.#forwarders.flatMap(({ upstreams, options }) =>
      upstreams.map(({ text, disabled }) => ({ address: text, from: options.from, disabled })),
    )
  }

  /** Asks an upstream no more, until `enable`; with all of a line disabled its names are SERVFAIL. False if unknown. */
  disable(address: string, from: Name, reason: string): boolean {
    const upstream = this.#find(address, from)
    if (upstream !== undefined) upstream.disabled = reason
    return upstream !== undefined
  }

  enable(address: string, from: Name): void {
    const upstream = this.#find(address, from)
    if (upstream !== undefined) upstream.disabled = undefined
  }

  /** Puts a question of our own to one upstream, disabled or not. Resolves to true if it said anything within 2 s. */
  async inquire(address: string, from: Name, name: Name, type: number): Promise<boolean> {
    const upstream = this.#find(address, from)
    return upstream !== undefined && inquire(upstream, name, type, FLAG.RD)
  }

  #askFrom(first: number, q: Query, next: Next): Answer | Promise<Answer> {
    for (let i = first; i < this.#forwarders.length; i++) {
      const forwarder = this.#forwarders[i]!
      if (forwarder.matches(q)) return forwarder.ask(q, next)
    }
    return next(q)
  }

  #applyAddresses(i: number): void {
    this.#forwarders[i]!.setAddresses(addressesOf(this.#lines[i]!.targets))
  }

  #inherit(previous: Forward): void {
    for (const forwarder of this.#forwarders) {
      const { fromText } = forwarder.options
      const before = previous.#forwarders.filter(one => one.options.fromText === fromText)
      forwarder.inherit(before.flatMap(one => one.upstreams))
    }
  }

  #find(address: string, from: Name): Upstream | undefined {
    const isSame = (name: Name) => name.length === from.length && equalOctets(name, 0, from, 0, from.length)
    const forwarder = this.#forwarders.find(
      one => isSame(one.options.from) && one.upstreams.some(u => u.text === address),
    )
    return forwarder?.upstreams.find(one => one.text === address)
  }
}
