/** A scripted name server on loopback that is asked over HTTPS, with HTTP/2 or HTTP/1.1: a script answers each request. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Asked, type Handshake, handshakeOf, QueryReader } from './fake-upstream.ts'
import { SERVER } from './tls.ts'

export interface HttpAsked extends Asked {
  readonly method: string
  /** Without what GET adds. */
  readonly path: string
  /** As they came; of HTTP/2 without pseudo headers, the authority as `host`. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Over HTTP/2 it is the same but for its stream. */
export type HttpResponse = ServerResponse & { readonly stream?: ServerHttp2Stream }
/** What to do with a query. */
export type HttpScript = (asked: HttpAsked, response: HttpResponse) => void

const TYPE = { 'content-type': 'application/dns-message' }

/** The whole response, as it should be but for what is said otherwise. */
export function respond(
  response: HttpResponse,
  message: Uint8Array,
  headers: Record<string, string> = TYPE,
  status = 200,
): void {
  response.writeHead(status, headers)
  response.end(message)
}

export class FakeHttps {
  readonly asked: HttpAsked[] = []
  /** One for each connection. */
  readonly handshakes: Handshake[] = []
  readonly port: number
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #reader = new QueryReader()
  readonly #script: HttpScript

  constructor(script: HttpScript, server: Server) {
    this.#script = script
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on('secureConnection', (socket: TLSSocket) => {
      this.handshakes.push(handshakeOf(socket))
      this.#open.add(socket)
      socket.on('close', () => this.#open.delete(socket))
      socket.on('error', () => socket.destroy())
    })
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      session.on('error', () => {})
    })
    server.on('tlsClientError', () => {})
    server.on('request', (request: IncomingMessage, response: HttpResponse) => {
      response.on('error', () => {})
      void this.#serve(request, response)
    })
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** `h2 POST www.example. A` */
  get log(): string[] {
    return this.asked.map(one => `${one.transport} ${one.method} ${one.name} ${one.type}`)
  }

  /** Connections that are open. */
  get open(): number {
    return this.#open.size
  }

  closeConnections(): void {
    for (const socket of this.#open) socket.destroy()
  }

  /** Says GOAWAY on all HTTP/2 connections: what is under way is still answered. */
  goAway(): void {
    for (const session of this.#sessions) session.close()
  }

  async close(): Promise<void> {
    this.closeConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(request: IncomingMessage, response: HttpResponse): Promise<void> {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('error', () => {})
    await new Promise(resolve => request.on('end', resolve))
    const url = new URL(request.url!, 'https://localhost')
    const { method = '', headers } = request
    const message =
      method === 'GET' ? Buffer.from(url.searchParams.get('dns') ?? '', 'base64url') : Buffer.concat(parts)
    const transport = request.httpVersionMajor === 2 ? 'h2' : 'h1'
    const { ':authority': authority, ...rest } = headers as Record<string, string | undefined>
    const asked: HttpAsked = {
      ...this.#reader.read(message, transport, request.socket.remotePort ?? 0),
      method,
      path: url.pathname,
      headers: Object.fromEntries([
        ...Object.entries(rest).filter(([name]) => !name.startsWith(':')),
        ['host', authority ?? headers.host],
      ]),
    }
    this.asked.push(asked)
    this.#script(asked, response)
  }
}

/** Starts one on a free port of 127.0.0.1. `version`: the only one of HTTP that it speaks. */
export async function fakeHttps(
  script: HttpScript,
  version: 'h1' | 'h2' = 'h2',
  options: SecureServerOptions = {},
): Promise<FakeHttps> {
  const all = { ...SERVER, ...options } as SecureServerOptions
  const server = version === 'h2' ? (createSecureServer(all) as unknown as Server) : createHttpsServer(all)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new FakeHttps(script, server)
}
