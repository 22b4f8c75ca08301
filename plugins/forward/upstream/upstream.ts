/**
 * One upstream server: its sockets and connections, how fast it answers, and whether it does. Which upstream is asked,
 * and for how long one waits, is decided in flight.ts and policy.ts.
 */

import type { SecureContext } from 'node:tls'
import { counter, type Histogram, histogram, TIME_BOUNDS } from '../../../server/metrics.ts'
import { RCODE, rcodeName } from '../../../server/wire/codes.ts'
import { addressText, hostPortText, type Scheme, type UpstreamAddress } from '../address.ts'
import type { Exchange } from '../transport/exchange.ts'
import { overHttps } from '../transport/https.ts'
import { ConnectionPool, type Transport } from '../transport/pool.ts'
import { overTcp, overTls } from '../transport/tcp.ts'
import { UdpPool } from '../transport/udp.ts'
import { Echoes } from './echo.ts'
import { HealthCheck } from './health.ts'
import { Latency } from './latency.ts'
import { Spelling } from './spelling.ts'
import { Standing } from './standing.ts'

const NAME = 'forward' // label proxy_name
const duration = histogram(
  'coredns_proxy_request_duration_seconds',
  'Time that an upstream took to answer.',
  TIME_BOUNDS,
  'proxy_name',
  'to',
  'rcode',
)
const cacheHits = counter(
  'coredns_proxy_conn_cache_hits_total',
  'Queries sent over a socket or connection in use.',
  'proxy_name',
  'to',
  'proto',
)
const cacheMisses = counter(
  'coredns_proxy_conn_cache_misses_total',
  'Queries that opened a socket or connection.',
  'proxy_name',
  'to',
  'proto',
)
const healthFailures = counter(
  'coredns_proxy_healthcheck_failures_total',
  'Health checks that failed.',
  'proxy_name',
  'to',
)
const discardedReplies = counter(
  'sextant_forward_discarded_total',
  'Messages from an upstream that were no reply: wrong id, question or form.',
  'to',
)

const EDNS_REFUSED_MS = 600_000

/** What all upstreams of one `forward` have in common. */
export interface UpstreamOptions {
  /** How many threads ask it, each through sockets of its own. */
  readonly threads: number
  readonly forceTcp: boolean
  readonly expireMs: number
  /** 0: no limit. */
  readonly maxAgeMs: number
  /** 0: no limit. */
  readonly maxIdleConns: number
  /** 0: never down, never checked. */
  readonly maxFails: number
  readonly healthCheck: HealthCheckOptions
  /** What TLS trusts and shows; there wherever there are encrypted upstreams. */
  readonly tls: SecureContext | undefined
  readonly dohMethod: 'GET' | 'POST'
  /** The local address for upstreams of this family, if one is set. */
  sourceAddress(family: 4 | 6): string | undefined
}

export interface HealthCheckOptions {
  readonly intervalMs: number
  readonly recursionDesired: boolean
  /** Lower-case wire form. */
  readonly domain: Uint8Array
}

const TRANSPORTS: Record<Scheme, (upstream: Upstream) => Transport> = { dns: overTcp, tls: overTls, https: overHttps }

export class Upstream {
  readonly host: string
  readonly port: number
  readonly family: 4 | 6
  /** Whom its certificate must name; undefined: its address. */
  readonly serverName: string | undefined
  /** It is asked over TLS or HTTPS, never over UDP. */
  readonly encrypted: boolean
  /** As `addressText`: the name in logs, and what tells upstreams apart. */
  readonly text: string
  /** As `hostPortText`: the name in metrics and metadata. */
  readonly to: string
  readonly options: UpstreamOptions
  /** Cell of messages that were no reply. */
  readonly discarded: number
  readonly healthFailures: number
  readonly latency = new Latency()
  readonly spelling = new Spelling()
  readonly echoes = new Echoes(this)
  readonly standing: Standing
  /** Why it is not to be asked at all (`loop`). */
  disabled: string | undefined = undefined
  /** Datagrams; none to an encrypted upstream. */
  readonly #udp: UdpPool | undefined
  readonly #connections: ConnectionPool
  readonly #health = new HealthCheck(this)
  readonly #durations = new Map<number, Histogram>()
  #ednsRefusedUntilMs = 0

  constructor(address: UpstreamAddress, options: UpstreamOptions) {
    const { scheme, host, port, serverName } = address
    this.host = host
    this.port = port
    this.family = host.includes(':') ? 6 : 4
    this.serverName = serverName
    this.encrypted = scheme !== 'dns'
    this.text = addressText(address)
    this.to = hostPortText(address)
    this.options = options
    this.discarded = discardedReplies(this.to)
    this.healthFailures = healthFailures(NAME, this.to)
    this.standing = new Standing(this.latency, this.#health)
    if (!this.encrypted) this.#udp = new UdpPool(this)
    this.#connections = new ConnectionPool(this, TRANSPORTS[scheme](this))
  }

  /** Cells of conn_cache_{hits,misses} for one way to ask. */
  cellsOf(proto: 'udp' | Transport['proto']): { readonly hits: number; readonly misses: number } {
    return { hits: cacheHits(NAME, this.to, proto), misses: cacheMisses(NAME, this.to, proto) }
  }

  /** True once more checks or queries have failed in a row than the Corefile allows. */
  get down(): boolean {
    return this.options.maxFails > 0 && this.standing.fails > this.options.maxFails
  }

  /** It said not long ago that it does not read EDNS. */
  refusesEdns(nowMs: number): boolean {
    return nowMs < this.#ednsRefusedUntilMs
  }

  refusedEdns(): void {
    this.#ednsRefusedUntilMs = performance.now() + EDNS_REFUSED_MS
  }

  /** Sends the query of an exchange that was made for this upstream. `fresh`: over a connection of its own. */
  send(exchange: Exchange, fresh = false): void {
    this.standing.sent(exchange)
    if (this.#udp === undefined || exchange.stream) this.#connections.send(exchange, fresh)
    else this.#udp.send(exchange)
  }

  /** Counts an answer that was used. */
  answered(exchange: Exchange, rcode: number): void {
    let times = this.#durations.get(rcode)
    if (times === undefined) {
      times = duration(NAME, this.to, rcode <= RCODE.BADCOOKIE ? rcodeName(rcode) : 'other')
      this.#durations.set(rcode, times)
    }
    times.observe((exchange.heardAtMs - exchange.sentAtMs) / 1000)
  }

  /** Takes over what is known about the same upstream from the configuration before. */
  inherit(from: Upstream): void {
    this.latency.inherit(from.latency)
    this.standing.inherit(from.standing)
    this.spelling.inherit(from.spelling)
    this.#ednsRefusedUntilMs = from.#ednsRefusedUntilMs
  }

  /** Stops checks; closes sockets when the last query has its answer. */
  close(): void {
    this.#health.end()
    this.echoes.end()
    this.#udp?.close()
    this.#connections.close()
  }
}
