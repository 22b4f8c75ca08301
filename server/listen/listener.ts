/**
 * What the three listeners share: their interface, the error of a socket that could not be made, the metrics of
 * sockets, and the one place where an exception out of the data plane ends. listen.ts makes them. Listeners know
 * sockets and octets; no names, no records.
 */
import { error as logError } from '../log.ts'
import { cells, counter, families } from '../metrics.ts'
import type { Routes } from '../route.ts'
import { type ServedQuery, serve } from '../serve.ts'
import { sharesAddresses } from './share.ts'
import type { Secure } from './tls-policy.ts'

export type Transport = 'udp' | 'tcp'
/** What a server block's key says is spoken: plain DNS, DNS over TLS (RFC 7858), DNS over HTTPS (RFC 8484). */
export type Scheme = 'dns' | 'tls' | 'https'

/** A bound socket that serves messages once it is started. */
export interface Listener {
  readonly transport: Transport
  /** Undefined for plain DNS. */
  readonly scheme?: Exclude<Scheme, 'dns'>
  /** As it was asked for; '' is the wildcard. */
  readonly address: string
  /** As it was bound: never 0. */
  readonly port: number
  /** Read per message: a reload replaces it. */
  routes: Routes
  /** Messages read so far. */
  readonly received: number
  /** So many sockets have the address from now on, and what is bounded for all of them is shared out. */
  shareWith?(sockets: number): void
  /** Connections that come from now on meet this certificate and these limits. */
  secure?(secure: Secure): void
  /** These limits hold from now on, the defaults for those left out. */
  limitTo?(limits: Partial<TcpLimits>): void
  /** Begins to read. What came since the socket was bound has waited. */
  start(): void
  /**
   * Has the kernel give what comes from now on to other processes that have the address; what waits is read. Connections are
   * closed with the next answer. `stop` follows.
   */
  handOver?(): void
  /** Stops reading at once. Resolves when the queries in flight were answered, or after `STOP_MS`; the socket is closed. */
  stop(): Promise<void>
}

export interface TcpLimits {
  /** From accepting to the first whole query; from one query to the next; for a client to take what was written. */
  readonly firstReadMs: number
  readonly idleMs: number
  readonly writeMs: number
  readonly maxConnections: number
  /** Octets that wait on all connections of the process, both ways. */
  readonly maxHeldBytes: number
  /** Queries after which a connection is closed. */
  readonly maxQueries: number
  /** Per connection: queries that wait for their answers, and octets that wait for the client. */
  readonly maxInFlight: number
  readonly maxBufferedBytes: number
}

export interface ListenerOptions {
  readonly routes: Routes
  /** Metric label: `dns://:53`. */
  readonly server: string
  /** Keep IPv4 off an IPv6 wildcard, for a block that binds both `0.0.0.0` and `::`. */
  readonly ipv6Only?: boolean
  /** This process may have the port already, on every address or on one of them (beside.ts). */
  readonly isBeside?: boolean
  /** For the sockets themselves: set SO_REUSEPORT before binding. */
  readonly reusePort?: boolean
  /** How many sockets have this address, of which the kernel picks one by the client's; 1 by default. */
  readonly sockets?: number
  /** Batched UDP: a socket that is bound already and belongs to another thread, which closes it. */
  readonly fd?: number
  /** With `fd`: reads from it for a while, instead of the thread that is to have it. */
  readonly isStandIn?: boolean
  readonly tcp?: Partial<TcpLimits>
  /** For encrypted schemes, which cannot do without. */
  readonly secure?: Secure | undefined
  /** `batch` where it works, else `dgram`. */
  readonly udp?: 'batch' | 'dgram'
}

/** Longest that `stop` waits for queries in flight. */
export const STOP_MS = 5000

/** What `serveMessage` returns after an exception: no reply, and the query object may still be in somebody's hands. */
export const BROKEN = -2

const panics = counter('coredns_panics_total', 'Queries that ended in an exception.')()

/** `serve`, total: whatever is thrown is logged and counted, and the listener goes on. */
export function serveMessage(routes: Routes, q: ServedQuery): number {
  try {
    return serve(routes, q)
  } catch (cause) {
    cells[panics]! += 1
    logError(undefined, `exception while serving a message: ${cause instanceof Error ? cause.message : cause}`, cause)
    return BROKEN
  }
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'the port is in use, expected a free one',
  EADDRNOTAVAIL: 'no interface has this address, expected one of this machine',
  EACCES: 'permission denied, expected root or CAP_NET_BIND_SERVICE for a port below 1024',
  EPERM: 'not permitted, expected root or CAP_NET_BIND_SERVICE for a port below 1024',
  EAFNOSUPPORT: 'the kernel does not know this kind of address',
  EINVAL: 'not an address of this machine, expected an IP address, for link-local ones with %interface',
}

/** `host:port`, with IPv6 in brackets. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** A socket that could not be bound. `code` is the system's name for the reason. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code: string
  readonly transport: Transport
  readonly address: string
  readonly port: number

  constructor(transport: Transport, address: string, port: number, code: string, cause?: unknown) {
    const hint = code === 'EADDRINUSE' && sharesAddresses() ? ', or one that a process of the same user shares' : ''
    super(`cannot listen on ${transport} "${hostPort(address, port)}": ${REASONS[code] ?? code}${hint}`, { cause })
    this.code = code
    this.transport = transport
    this.address = address
    this.port = port
  }
}

/** Replies that the kernel did not take. */
export const unsentReplies = counter('sextant_udp_unsent_total', 'UDP replies that could not be sent.', 'server')

const DROPPED = 'sextant_udp_dropped_total'
const dropped = counter(DROPPED, 'UDP messages that the kernel dropped because they were not read in time.', 'server')
const watchers = new Set<() => void>()
families.get(DROPPED)!.refresh = () => {
  for (const update of watchers) update()
}

/**
 * Exports the kernel's drop count of one socket, from `last` on; `read` is asked at scrapes, and once more by the result,
 * which ends it.
 */
export function countDrops(server: string, read: () => number, last = 0): () => void {
  const cell = dropped(server)
  const update = () => {
    const now = read()
    if (now > last) cells[cell]! += now - last
    last = now
  }
  watchers.add(update)
  return () => {
    update()
    watchers.delete(update)
  }
}
