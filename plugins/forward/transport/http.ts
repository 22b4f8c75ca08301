/**
 * DNS queries over one TLS connection that speaks HTTP/2 or HTTP/1.1 (RFC 8484): requests out, what comes back told. Node's
 * own clients do the protocols.
 */
import { Agent, type IncomingMessage, request as requestHttp1 } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Headers, MEDIA_TYPE, type ResponseEvents } from './https-reply.ts'

const PATH = '/dns-query'
const MAX_STREAMS = 100 // RFC 9113 §6.5.2: servers allow so many at least

/** One connection that is open. */
export interface HttpSession {
  /** Requests that it takes at a time. */
  readonly room: number
  /** It takes no more: it is closed, or the upstream said GOAWAY. */
  readonly leaving: boolean
  /** Sends a query; gives a function that ends the exchange early. */
  request(query: Uint8Array, events: ResponseEvents): () => void
  close(): void
}

export interface HttpOptions {
  /** Host and port, the latter only if it is not 443. */
  readonly authority: string
  readonly method: 'GET' | 'POST'
}

/** By what the two sides agreed on (ALPN). Every failure of the connection itself is seen at the socket. */
export function overSocket(socket: TLSSocket, options: HttpOptions): HttpSession {
  return socket.alpnProtocol === 'h2' ? overHttp2(socket, options) : overHttp1(socket, options)
}

/** Queries travel in the path or in the body; nothing says who asks (RFC 8484 §8.2). */
function pathOf(query: Uint8Array, method: HttpOptions['method']): string {
  return method === 'GET' ? `${PATH}?dns=${Buffer.from(query).toString('base64url')}` : PATH
}

function headersOf(query: Uint8Array, method: HttpOptions['method']): Record<string, string> {
  if (method === 'GET') return { accept: MEDIA_TYPE }
  return { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE, 'content-length': String(query.length) }
}

function overHttp2(socket: TLSSocket, { authority, method }: HttpOptions): HttpSession {
  const http2 = process.getBuiltinModule('node:http2') // late: 5 MB that only such upstreams need
  const session = http2.connect(`https://${authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  })
  let saidGoodbye = false
  session.on('goaway', () => {
    saidGoodbye = true
  })
  session.on('error', cause => socket.destroy(cause))
  session.on('close', () => socket.destroy())
  session.unref()
  return {
    get room() {
      return Math.max(1, Math.min(MAX_STREAMS, session.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS))
    },
    get leaving() {
      return saidGoodbye || session.closed || session.destroyed
    },
    request(query, events) {
      const headers = { ':method': method, ':path': pathOf(query, method), ...headersOf(query, method) }
      const stream = session.request(headers, { endStream: method === 'GET' })
      let begun = false
      const failed = (cause?: Error) =>
        events.failed(cause ?? new Error(`stream reset by the upstream, code ${stream.rstCode}`), !begun || saidGoodbye)
      stream.on('response', found => {
        begun = true
        events.head(found[':status'], found as Headers)
      })
      stream.on('data', (chunk: Uint8Array) => events.data(chunk))
      stream.on('end', () => (begun && stream.rstCode === 0 && !stream.aborted ? events.end() : failed()))
      stream.on('error', failed)
      stream.on('close', () => failed())
      if (method === 'POST') stream.end(query)
      return () => stream.close(http2.constants.NGHTTP2_CANCEL)
    },
    close: () => session.destroy(),
  }
}

/** One request at a time: more than one wait in the agent. */
function overHttp1(socket: TLSSocket, { authority, method }: HttpOptions): HttpSession {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agent.createConnection = () => socket
  return {
    room: 1,
    get leaving() {
      return socket.destroyed
    },
    request(query, events) {
      const headers = { host: authority, ...headersOf(query, method) }
      const request = requestHttp1({ agent, method, path: pathOf(query, method), headers })
      let begun = false
      request.on('response', (response: IncomingMessage) => {
        begun = true
        events.head(response.statusCode, response.headers)
        response.on('data', (chunk: Uint8Array) => events.data(chunk))
        response.on('error', cause => events.failed(cause, false))
        response.on('end', () => {
          if (response.complete) events.end()
          else events.failed(new Error('the response breaks off'), false)
        })
      })
      request.on('error', cause => events.failed(cause, !begun))
      request.end(method === 'POST' ? query : undefined)
      return () => void request.destroy()
    },
    close: () => agent.destroy(),
  }
}
