/**
 * A little of everything that a cluster asks its name server, over UDP and TCP, and the upstream for it. What the upstream
 * does to a name stands in its first label.
 */
import { createSocket } from 'node:dgram'
import { answer, type FakeUpstream, fakeUpstream } from '../harness/fake-upstream.ts'
import { query } from '../harness/message.ts'
import { exchangeTcp } from '../harness/server.ts'

const TICK_MS = 50
/** So many names that are asked for once at the beginning are more than the smallest cache of CoreDNS holds. */
const FIRST = 2500

/** Names that have a first label of their own: `n7.many.example` is one of many. */
const EVERY_TICK: readonly (readonly [name: string, type: string])[] = [
  ['web.shop.svc.cluster.local', 'A'],
  ['web.shop.svc.cluster.local', 'AAAA'],
  ['nothing.shop.svc.cluster.local', 'A'],
  ['often.example', 'A'],
  ['nxdomain.example', 'A'],
]

/** The upstream: `refuses` and `fails` are SERVFAIL, `silent` no reply; `nxdomain` has none. */
export function upstreamOfLoad(): Promise<FakeUpstream> {
  return fakeUpstream(asked => {
    const [, kind] = /^(?:n\d+\.)?(\w*)/.exec(asked.name)!
    if (kind === 'silent') return undefined
    if (kind === 'fails') return answer(asked, [], { rcode: 'SERVFAIL' })
    if (kind === 'nxdomain' || asked.type !== 'A') {
      const soa = 'example 30 SOA ns.example host.example 1 3600 600 86400 30'
      return answer(asked, [], { rcode: kind === 'nxdomain' ? 'NXDOMAIN' : 'NOERROR', authority: [soa] })
    }
    return answer(asked, [`${asked.spelled} 5 A 192.0.2.1`])
  })
}

/** Asks one name server until it is stopped; what is answered is the server's own to count. */
export class Load {
  readonly #port: number
  readonly #socket = createSocket('udp4')
  readonly #timer: NodeJS.Timeout
  #ticks = 0
  /** First labels asked besides, a name of their own each time, and how many in a tick. */
  #besides: { readonly kind: string; readonly perTick: number } | undefined

  constructor(port: number) {
    this.#port = port
    this.#socket.on('error', () => {})
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** From now on, names below `KIND.example` too, each of them once. */
  alsoAsk(kind: string, perTick: number): void {
    this.#besides = { kind, perTick }
  }

  askAsBefore(): void {
    this.#besides = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#socket.close()
  }

  #tick(): void {
    const tick = this.#ticks++
    for (const [name, type] of EVERY_TICK) this.#ask(name, type)
    const many = tick * 100 < FIRST ? 100 : 1
    for (let i = 0; i < many; i++) this.#ask(`n${tick * 100 + i}.many.example`)
    // One of two hundred queries.
    if (tick % 40 === 0) this.#ask(`n${tick}.fails.example`)
    // Its TTL is over each time.
    if (tick % 130 === 0) this.#ask('seldom.example')
    if (tick % 10 === 0) exchangeTcp(query('web.shop.svc.cluster.local'), this.#port).catch(() => {})
    const { kind, perTick } = this.#besides ?? { kind: '', perTick: 0 }
    for (let i = 0; i < perTick; i++) this.#ask(`n${tick * 100 + i}.${kind}.example`)
  }

  #ask(name: string, type = 'A'): void {
    const id = Math.floor(performance.now() * 1000) % 65_536
    this.#socket.send(query(name, { type, id }), this.#port, '127.0.0.1')
  }
}
