/**
 * HTTP endpoints of plugins: `health`, `ready`, `prometheus`. Plugins that name the same address share one server, also
 * across a reload, so that a port is opened once and never lost; with SEXTANT_SHARE_ADDRESSES also processes share it. Knows
 * no plugin; `node:http` is loaded with the first endpoint.
 */
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { limitConnections } from './http-connections.ts'
import { divert, joined } from './listen/hand-over.ts'
import { sharesAddresses } from './listen/share.ts'
import { filesForEndpoint } from './open-files.ts'

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Where to listen. An empty host is every address, IPv6 too where the kernel has it. */
export interface HttpAddress {
  readonly host: string
  readonly port: number
}

/** One path that one stage serves. */
export interface HttpEndpoint {
  /** The port that is open: another than asked for if that was 0. */
  readonly port: number
  /** Goes before all others that serve the same path at this address. Until then the oldest one answers. */
  activate(): void
  /** Gives the path up; the last one closes the port. Requests in progress end first, within a second. */
  close(): Promise<void>
}

/** Connections of one address; fewer where the process may open few descriptors. */
const MAX_CONNECTIONS = 256
const MAX_HEADER_BYTES = 8192
const HEADERS_MS = 5000
const REQUEST_MS = 10_000
const IDLE_MS = 60_000
const CLOSE_MS = 1000
/** Requests of one connection whose responses are not written yet. Node reads them all, and each is some KB. */
const MAX_WAITING = 8

interface Share {
  readonly path: string
  readonly handler: HttpHandler
}

interface SharedServer {
  readonly server: Server
  readonly port: number
  /** First match answers. */
  readonly shares: Share[]
}

const servers = new Map<string, Promise<SharedServer>>()

/**
 * Serves `path` at an address. GET and HEAD only.
 * @throws Error if the port cannot be opened; the message names address and reason.
 */
export async function openHttpEndpoint(at: HttpAddress, path: string, handler: HttpHandler): Promise<HttpEndpoint> {
  const key = formatHttpAddress(at)
  const opening = servers.get(key) ?? listen(at, key)
  servers.set(key, opening)
  const shared = await opening.catch(cause => {
    servers.delete(key)
    throw cause
  })
  const share = { path, handler }
  shared.shares.push(share)
  return {
    port: shared.port,
    activate: () => {
      remove(shared, share)
      shared.shares.unshift(share)
    },
    close: async () => {
      remove(shared, share)
      if (shared.shares.length > 0 || servers.get(key) !== opening) return
      servers.delete(key)
      await close(shared.server)
    },
  }
}

/** Has the kernel give new connections to other processes that share these addresses, if there are any. `close` follows. */
export async function handOverEndpoints(): Promise<void> {
  for (const opening of servers.values()) {
    const { address, port } = (await opening).server.address() as AddressInfo
    divert({ transport: 'tcp', address, port })
  }
}

/** `host:port`, IPv6 in brackets: `:8080`, `[::1]:9153`. */
export function formatHttpAddress({ host, port }: HttpAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** A whole response of plain text. */
export function respond(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

async function listen(at: HttpAddress, address: string): Promise<SharedServer> {
  const { createServer } = await import('node:http')
  const shares: Share[] = []
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: HEADERS_MS,
  }
  const server = createServer(options, (request, response) => {
    if (mayWait(request, response)) dispatch(shares, request, response)
  })
  server.timeout = IDLE_MS
  limitConnections(server, address, Math.min(MAX_CONNECTIONS, filesForEndpoint()))
  // Go takes IPv4 for localhost; the system's resolver may put ::1 first.
  const host = at.host === 'localhost' ? '127.0.0.1' : at.host
  try {
    server.listen({ port: at.port, reusePort: sharesAddresses(), ...(host !== '' && { host }) })
    await once(server, 'listening')
    const { address, port } = server.address() as AddressInfo
    joined({ transport: 'tcp', address, port })
  } catch (cause) {
    throw new Error(`cannot listen on http://${formatHttpAddress(at)}: ${reason(cause)}`, { cause })
  }
  server.on('error', () => {}) // of accepting: the connection is lost, the server stays
  return { server, port: (server.address() as AddressInfo).port, shares }
}

/** Why a socket could not be bound, in words. */
function reason(cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return 'the port is in use, expected a free one'
    case 'EACCES':
      return 'permission denied'
    case 'EADDRNOTAVAIL':
      return 'this machine does not have the address'
    default:
      return cause instanceof Error ? cause.message : String(cause)
  }
}

const waiting = new WeakMap<Socket, number>()

/** Closes the connection of a client that sends on and on and takes no response. */
function mayWait({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (socket.destroyed) return false
  const count = (waiting.get(socket) ?? 0) + 1
  if (count > MAX_WAITING) {
    socket.destroy()
    return false
  }
  waiting.set(socket, count)
  response.once('close', () => waiting.set(socket, waiting.get(socket)! - 1))
  return true
}

function dispatch(shares: readonly Share[], request: IncomingMessage, response: ServerResponse): void {
  const [path] = (request.url ?? '').split('?', 1)
  const share = shares.find(candidate => candidate.path === path)
  if (hasBody(request)) {
    response.shouldKeepAlive = false
    respond(response, 413, 'this endpoint takes no request body\n')
    request.destroy()
  } else if (share === undefined) respond(response, 404, '404 page not found\n')
  else if (request.method !== 'GET' && request.method !== 'HEAD') respond(response, 405, 'expected GET or HEAD\n')
  else answer(share, request, response)
}

function hasBody(request: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  return length !== '0' || encoding !== undefined
}

async function answer(share: Share, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await share.handler(request, response)
  } catch (cause) {
    if (response.headersSent) response.destroy()
    else respond(response, 500, `${cause instanceof Error ? cause.message : cause}\n`)
  }
}

function remove(shared: SharedServer, share: Share): void {
  const at = shared.shares.indexOf(share)
  if (at >= 0) shared.shares.splice(at, 1)
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await closed
  clearTimeout(deadline)
}
