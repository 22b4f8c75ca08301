/**
 * A little of everything that a cluster asks its name server, over UDP and TCP, and the upstream for it. What the upstream
 * does to a name stands in it: `silent.example`, or one of many such names, `n7-1.silent.example`.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { answer, type FakeUpstream, fakeUpstream } from '../harness/fake-upstream.ts'
import { query } from '../harness/message.ts'
import { exchangeTcp } from '../harness/server.ts'

const TICK_MS = 50
/** More names than the smallest cache of CoreDNS holds, asked for at the beginning, so many in a tick. */
const FIRST = 1300
const FIRST_PER_TICK = 20

/** One of each in a tick. */
const EVERY_TICK: readonly (readonly [name: string, type: string])[] = [
  ['web.shop.svc.cluster.local', 'A'],
  ['web.shop.svc.cluster.local', 'AAAA'],
  ['nothing.shop.svc.cluster.local', 'A'],
  ['often.example', 'A'],
  ['nxdomain.example', 'A'],
]

/** The upstream: `fails` is SERVFAIL, `silent` gets no reply, `nxdomain` does not exist. */
export function upstreamOfLoad(): Promise<FakeUpstream> {
  return fakeUpstream(asked => {
    const [, kind] = /^(?:n\d+(?:-\d+)?\.)?(\w*)/.exec(asked.name)!
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
    // A client that says nothing, until the server closes its connection.
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume()
  }

  /** From now on, names below `KIND.example` too, each of them once. */
  alsoAsk(kind: string, perTick: number): void {
    this.#besides = { kind, perTick }
  }

  askAsBefore(): void {
    this.#besides = undefined
  }

  /** So many queries as fast as they can be sent. Resolves once they are. */
  async flood(queries: number): Promise<void> {
    const message = query('web.shop.svc.cluster.local')
    const send = () => new Promise(sent => this.#socket.send(message, this.#port, '127.0.0.1', sent))
    for (let i = 0; i < queries; i += 100) await Promise.all(Array.from({ length: 100 }, send))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#socket.close()
  }

  #tick(): void {
    const tick = this.#ticks++
    for (const [name, type] of EVERY_TICK) this.#ask(name, type)
    const many = tick * FIRST_PER_TICK < FIRST ? FIRST_PER_TICK : 1
    for (let i = 0; i < many; i++) this.#ask(`n${tick}-${i}.many.example`)
    // One of two hundred queries.
    if (tick % 40 === 0) this.#ask(`n${tick}.fails.example`)
    // Its TTL is over each time.
    if (tick % 130 === 0) this.#ask('seldom.example')
    if (tick % 10 === 0) exchangeTcp(query('web.shop.svc.cluster.local'), this.#port).catch(() => {})
    const { kind, perTick } = this.#besides ?? { kind: '', perTick: 0 }
    for (let i = 0; i < perTick; i++) this.#ask(`n${tick}-${i}.${kind}.example`)
  }

  #ask(name: string, type = 'A'): void {
    const id = Math.floor(performance.now() * 1000) % 65_536
    this.#socket.send(query(name, { type, id }), this.#port, '127.0.0.1')
  }
}
