/**
 * One plugin, or a chain of them, without sockets: sets stages up from Corefile text and puts messages through the real
 * serve loop.
 */

import { buildChain, chaosOf } from '../../server/chain.ts'
import { parseCorefile } from '../../server/corefile/corefile.ts'
import { Directive } from '../../server/corefile/directive.ts'
import type { Control, ListenOptions, Plugin, Site, Stage } from '../../server/plugin.ts'
import { Routes } from '../../server/route.ts'
import { LATER, lookup, serve, takeQuery } from '../../server/serve.ts'
import { nameFromText } from '../../server/wire/name.ts'
import type { Peer } from '../../server/wire/query.ts'
import { type Ask, query, replyText } from './message.ts'

const control: Control = {
  reload: async () => false,
  configuration: { file: 'Corefile', files: ['Corefile'], fingerprint: '' },
  fingerprint: async () => '',
  lameduckMs: 0,
  stages: () => [],
}

/** A site for a block of one zone, with stubs for what the control plane brings. */
export function testSite(stages: Stage[] = [], names: string[] = [], overrides: Partial<Site> = {}): Site {
  return {
    file: 'Corefile',
    folder: process.cwd(),
    keys: ['.'],
    zoneTexts: ['.'],
    zones: [nameFromText('.')],
    servers: ['dns://:53'],
    port: 53,
    listen: { addresses: [], udpBytes: 1232 },
    threads: 1,
    debug: { enabled: false },
    wantedMetadata: new Set(),
    plugins: names,
    peers: plugin => stages.filter((_, i) => names[i] === plugin),
    after: stage => stages.slice(stages.indexOf(stage) + 1),
    lookup,
    control,
    ...overrides,
  }
}

export interface Chain {
  stages: Stage[]
  routes: Routes
  /**
   * Asks over "UDP" (`stream` for TCP) from port 40000 of 192.0.2.9 or another address; the reply's octets, none if there
   * was none.
   */
  send(message: Uint8Array, stream?: boolean, from?: string): Promise<Uint8Array>
  /** Asks over "TCP" for an answer of several messages, and gives all of them. `taken` is called after each but the last. */
  sendAll(message: Uint8Array, taken?: () => void): Promise<Uint8Array[]>
  /** Asks a question and gives the reply as text. */
  ask(name: string, ask?: Ask, stream?: boolean): Promise<string>
}

/**
 * Sets up the plugins whose directives stand in `body` (the inside of a server block for `zone`), in the order given.
 * Extra stages (fakes) can follow them in the chain.
 */
export function chainOf(
  plugins: Plugin[],
  body: string,
  extra: Stage[] = [],
  zone = '.',
  over: Partial<Site> = {},
): Chain {
  const parsed = parseCorefile(`${zone} {\n${body}\n}\n`, 'Corefile')
  const stages: Stage[] = []
  const names: string[] = []
  const site = testSite(stages, names, { zoneTexts: [zone], zones: [nameFromText(zone)], keys: [zone], ...over })
  for (const plugin of plugins) {
    const nodes = parsed.blocks[0]!.directives.filter(node => node.name.text === plugin.name)
    if (nodes.length === 0) continue
    stages.push(plugin.setup(new Directive(nodes), site))
    names.push(plugin.name)
  }
  for (const stage of extra) {
    stages.push(stage)
    names.push('test')
  }
  for (const stage of stages) stage.link?.()
  return { stages, ...wire(stages, zone, names, site.servers[0], site.listen) }
}

/** The serve loop over a chain of stages. */
export function wire(
  stages: Stage[],
  zone = '.',
  names: string[] = [],
  server = 'dns://:53',
  { udpBytes, nsid }: ListenOptions = { addresses: [], udpBytes: 1232 },
): Omit<Chain, 'stages'> {
  const block = {
    zone: nameFromText(zone),
    chain: buildChain(stages),
    plugins: names,
    observers: stages.filter(stage => stage.observe),
    recursionAvailable: stages.some(stage => stage.recursive !== undefined),
    udpBytes,
    nsid,
    chaos: chaosOf(stages),
  }
  const dropped = stages.find(stage => stage.observeDropped)
  const routes = new Routes(
    [block],
    stages.some(stage => stage.recursive === true),
    dropped,
    server,
  )
  const sendAll = (message: Uint8Array, taken = () => {}, stream = true, from = '192.0.2.9') =>
    new Promise<Uint8Array[]>(resolve => {
      let parts: Uint8Array[] | undefined
      const peer: Peer = {
        address: from,
        port: 40000,
        family: 4,
        localAddress: '127.0.0.1',
        keep: () => peer,
        send: (bytes, at, length) => resolve([...(parts ?? []), bytes.slice(at, at + length)]),
        async sendPart(bytes, at, length) {
          parts ??= []
          parts.push(bytes.slice(at, at + length))
          await new Promise(resume => setImmediate(resume))
          taken()
          return true
        },
      }
      const q = takeQuery()
      q.bytes = new Uint8Array(stream ? 65_535 : Math.max(4_096, message.length)) // as the listeners have it
      q.bytes.set(message)
      q.start = 0
      q.length = message.length
      q.capacity = q.bytes.length
      q.stream = stream
      q.peer = peer
      q.receivedAtMs = performance.now()
      const octets = serve(routes, q)
      if (octets !== LATER) resolve([q.bytes.slice(0, octets)])
    })
  const send = (message: Uint8Array, stream = false, from?: string) =>
    sendAll(message, undefined, stream, from).then(all => all.at(-1)!)
  return {
    routes,
    send,
    sendAll,
    ask: async (name, ask = {}, stream = false) => replyText(await send(query(name, ask), stream)),
  }
}
