/**
 * One upstream server: its sockets and connections, how fast it answers, and whether it does. Which upstream is asked,
 * and for how long one waits, is decided in flight.ts and policy.ts.
 */
import { counter, type Histogram, histogram, TIME_BOUNDS } from '../../server/metrics.ts'
import { RCODE, rcodeName } from '../../server/wire/codes.ts'
import type { Exchange } from './exchange.ts'
import { HealthCheck } from './health.ts'
import { Latency } from './latency.ts'
import { Spelling } from './spelling.ts'
import { Standing } from './standing.ts'
import { TcpPool } from './tcp.ts'
import { UdpPool } from './udp.ts'

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
  readonly forceTcp: boolean
  readonly expireMs: number
  /** 0: no limit. */
  readonly maxAgeMs: number
  /** 0: no limit. */
  readonly maxIdleConns: number
  /** 0: never down, never checked. */
  readonly maxFails: number
  readonly healthCheck: HealthCheckOptions
  /** The local address for upstreams of this family, if one is set. */
  sourceAddress(family: 4 | 6): string | undefined
}

export interface HealthCheckOptions {
  readonly intervalMs: number
  readonly recursionDesired: boolean
  /** Lower-case wire form. */
  readonly domain: Uint8Array
}

/** Where an upstream is: an IP address, IPv6 without brackets. */
export interface UpstreamAddress {
  readonly host: string
  readonly port: number
}

/** `10.0.0.1:53`, `[2001:db8::1]:53`: the `to` label, and the name in logs. */
export function addressText({ host, port }: UpstreamAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export class Upstream {
  readonly host: string
  readonly port: number
  readonly family: 4 | 6
  /** As `addressText`. */
  readonly text: string
  readonly options: UpstreamOptions
  /** Cells of conn_cache_{hits,misses}, and of messages that were no reply. */
  readonly hits: { readonly udp: number; readonly tcp: number }
  readonly misses: { readonly udp: number; readonly tcp: number }
  readonly discarded: number
  readonly healthFailures: number
  readonly latency = new Latency()
  readonly spelling = new Spelling()
  readonly standing: Standing
  /** Why it is not to be asked at all (`loop`). */
  disabled: string | undefined = undefined
  readonly #udp = new UdpPool(this)
  readonly #tcp = new TcpPool(this)
  readonly #health = new HealthCheck(this)
  readonly #durations = new Map<number, Histogram>()
  #ednsRefusedUntilMs = 0

  constructor({ host, port }: UpstreamAddress, options: UpstreamOptions) {
    this.host = host
    this.port = port
    this.family = host.includes(':') ? 6 : 4
    this.text = addressText({ host, port })
    this.options = options
    this.hits = { udp: cacheHits(NAME, this.text, 'udp'), tcp: cacheHits(NAME, this.text, 'tcp') }
    this.misses = { udp: cacheMisses(NAME, this.text, 'udp'), tcp: cacheMisses(NAME, this.text, 'tcp') }
    this.discarded = discardedReplies(this.text)
    this.healthFailures = healthFailures(NAME, this.text)
    this.standing = new Standing(this.latency, this.#health)
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
    this.standing.sent(exchange, performance.now())
    if (exchange.stream) this.#tcp.send(exchange, fresh)
    else this.#udp.send(exchange)
  }

  /** A reply came that matches, in time or late. */
  heard(exchange: Exchange): void {
    this.standing.heard(exchange, performance.now())
  }

  /** Counts an answer that was used. */
  answered(exchange: Exchange, rcode: number): void {
    let times = this.#durations.get(rcode)
    if (times === undefined) {
      times = duration(NAME, this.text, rcode <= RCODE.BADCOOKIE ? rcodeName(rcode) : 'other')
      this.#durations.set(rcode, times)
    }
    times.observe((performance.now() - exchange.sentAtMs) / 1000)
  }

  /** Takes over what is known about the same upstream from the configuration before. */
  inherit(from: Upstream): void {
    this.latency.inherit(from.latency)
    this.standing.inherit(from.standing)
    this.#ednsRefusedUntilMs = from.#ednsRefusedUntilMs
  }

  /** Stops checks; closes sockets when the last query has its answer. */
  close(): void {
    this.#health.stop()
    this.#udp.close()
    this.#tcp.close()
  }
}
