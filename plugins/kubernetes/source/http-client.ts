/**
 * The HTTP side of the API client: GET over keep-alive connections of node:https, with credentials that are read anew
 * as they rotate, a limit on the rate, a watchdog on every wait, and client-go's metrics. Knows no lists and no watches.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { cells } from '../../../server/metrics.ts'
import { ApiError, BROKEN, errorOfStatus, MAX_RETRY_AFTER_MS, STALLED, type Status } from '../informer/api-error.ts'
import type { Clock } from '../informer/clock.ts'
import { statusOfProtobuf } from '../informer/protobuf-stream.ts'
import type { ApiBody, ApiClient, ApiRequest } from '../informer/resource.ts'
import type { Credentials } from './credentials.ts'
import type { RateLimit } from './rate-limit.ts'
import { requestSeconds, requestsTotal, waitSeconds } from './request-metrics.ts'

/** Linux probes a quiet connection after this, then every second: it is dead to us ten seconds later. */
const KEEP_ALIVE_MS = 30_000
/** The kernel asks at 0, 1 and 3 s; sooner than the next attempt is due. */
const CONNECT_MS = 3_500
/** Until TLS is set up, and a proxy has let us through. */
const SECURE_MS = 10_000
const MAX_STATUS_BYTES = 64 << 10
const USER_AGENT = 'sextant'

export interface HttpClientOptions {
  readonly credentials: Credentials
  readonly clock: Clock
  readonly rateLimit: RateLimit
}

export class HttpClient implements ApiClient {
  readonly server: string
  readonly #base: URL
  readonly #options: HttpClientOptions
  readonly #agent: HttpAgent | HttpsAgent

  constructor(options: HttpClientOptions) {
    const { server, proxy } = options.credentials
    this.#options = options
    this.#base = server
    this.server = (server.origin + server.pathname).replace(/\/$/, '') // without a password that stands in it
    const agentOptions = {
      keepAlive: true,
      maxFreeSockets: 2,
      scheduling: 'lifo' as const,
      proxyEnv: proxy === undefined ? process.env : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy },
    }
    this.#agent = server.protocol === 'http:' ? new HttpAgent(agentOptions) : new HttpsAgent(agentOptions)
  }

  async get(request: ApiRequest): Promise<ApiBody> {
    const { rateLimit, clock, credentials } = this.#options
    const host = this.#base.host
    const queuedAtMs = clock.nowMs()
    const release = await rateLimit.take(request.signal)
    const startedAtMs = clock.nowMs()
    waitSeconds('GET', host).observe((startedAtMs - queuedAtMs) / 1000)
    try {
      const response = await this.#send(request)
      requestSeconds('GET', host).observe((clock.nowMs() - startedAtMs) / 1000)
      cells[requestsTotal(String(response.statusCode), 'GET', host)]! += 1
      if (response.statusCode === 200) {
        return { contentType: response.headers['content-type'] ?? '', octets: this.#body(response, request) }
      }
      if (response.statusCode === 401) credentials.refused()
      throw await this.#failure(response, request)
    } catch (error) {
      if (!(error instanceof ApiError)) cells[requestsTotal('<error>', 'GET', host)]! += 1
      throw this.#unreachable(error, request.signal)
    } finally {
      release()
    }
  }

  /** Closes idle connections; those in use are closed by their requests' signals. */
  close(): void {
    this.#agent.destroy()
  }

  /** Connections in the pool went the way that one of them went, more often than not. */
  #closeIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  async #send({ path, query, accept, idleMs, signal }: ApiRequest): Promise<IncomingMessage> {
    const { credentials, clock } = this.#options
    const startedAtMs = clock.nowMs()
    const made = Promise.all([credentials.tls(), credentials.headers()])
    const [tls, identity] = await within(made, idleMs, 'credentials', { clock, signal })
    const url = new URL(this.#base)
    url.pathname = url.pathname.replace(/\/$/, '') + path
    url.search = new URLSearchParams(query).toString()
    const headers = {
      accept,
      'accept-encoding': 'identity', // inflating costs us more than the octets cost a cluster's network
      'user-agent': USER_AGENT,
      ...identity,
    }
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest
    return await new Promise((resolve, reject) => {
      const message = send(url, { ...tls, agent: this.#agent, headers, signal })
      let cancelConnect = () => {}
      const cancelSecure = clock.after(SECURE_MS, () => message.destroy(late('secure connection', SECURE_MS)))
      const cancelIdle = clock.after(startedAtMs + idleMs - clock.nowMs(), () =>
        message.destroy(stalled(`no answer after ${idleMs / 1000} s`)),
      )
      const settle = () => {
        cancelConnect()
        cancelSecure()
        cancelIdle()
      }
      message.once('socket', socket => {
        const ready = () => {
          cancelSecure()
          socket.setKeepAlive(true, KEEP_ALIVE_MS)
        }
        if (!socket.connecting) return ready()
        cancelConnect = clock.after(CONNECT_MS, () => message.destroy(late('connection', CONNECT_MS)))
        socket.once('connect', () => cancelConnect())
        socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', ready)
      })
      message.once('response', response => {
        settle()
        resolve(response)
      })
      // Stays for the life of the message: a late error of a request that is settled must not end the process.
      message.on('error', error => {
        settle()
        reject(error)
      })
      message.end()
    })
  }

  async *#body(response: IncomingMessage, { idleMs, signal }: ApiRequest): AsyncGenerator<Uint8Array, void, void> {
    const { clock } = this.#options
    let waitingSinceMs = clock.nowMs()
    let waiting = true
    let cancel = () => {}
    const check = () => {
      const restMs = waiting ? waitingSinceMs + idleMs - clock.nowMs() : idleMs
      if (restMs <= 0) response.destroy(stalled(`no octet for ${idleMs / 1000} s`))
      else cancel = clock.after(restMs, check)
    }
    check()
    try {
      for await (const chunk of response) {
        waiting = false // what the consumer takes is its own time, not the server's
        yield chunk
        waiting = true
        waitingSinceMs = clock.nowMs()
      }
    } catch (error) {
      throw this.#broken(error, signal)
    } finally {
      cancel()
      response.destroy()
    }
  }

  /** An answer other than 200, read as a Kubernetes Status if it is one. */
  async #failure(response: IncomingMessage, request: ApiRequest): Promise<ApiError> {
    const chunks: Uint8Array[] = []
    let octets = 0
    for await (const chunk of this.#body(response, request)) {
      chunks.push(chunk)
      octets += chunk.length
      if (octets > MAX_STATUS_BYTES) break
    }
    const status = statusOf(Buffer.concat(chunks))
    return errorOfStatus(response.statusCode ?? 0, status, retryAfterMs(response.headers))
  }

  #broken(cause: unknown, signal: AbortSignal): ApiError {
    if (!signal.aborted) this.#closeIdle()
    if (cause instanceof ApiError) return cause
    return new ApiError(`the API server ${this.server} broke off`, { status: 0, reason: BROKEN, cause })
  }

  #unreachable(cause: unknown, signal: AbortSignal): ApiError {
    const isAnswer = cause instanceof ApiError && cause.reason !== STALLED
    if (!isAnswer && !signal.aborted) this.#closeIdle()
    if (cause instanceof ApiError) return cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (TLS_TROUBLE.test(code)) this.#options.credentials.refused()
    return new ApiError(`no answer from the API server ${this.server}`, { status: 0, reason: code, cause })
  }
}

const TLS_TROUBLE = /CERT|SIGNATURE|ISSUER|SSL|TLS/

/** @throws Error if it takes longer; what `signal` aborts with */
function within<T>(
  made: Promise<T>,
  limitMs: number,
  what: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (then: () => void) => {
      cancel()
      signal.removeEventListener('abort', giveUp)
      then()
    }
    const giveUp = () => settle(() => reject(signal.reason))
    const cancel = clock.after(limitMs, () => settle(() => reject(late(what, limitMs))))
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
    made.then(
      value => settle(() => resolve(value)),
      error => settle(() => reject(error)),
    )
  })
}

function late(what: string, afterMs: number): Error {
  return new Error(`no ${what} after ${afterMs / 1000} s`)
}

function stalled(text: string): ApiError {
  return new ApiError(`the API server fell silent: ${text}`, { status: 0, reason: STALLED })
}

function statusOf(octets: Buffer): Status {
  const text = octets.toString('utf8')
  try {
    const status = statusOfProtobuf(octets) ?? JSON.parse(text)
    if (typeof status === 'object' && status !== null && status.kind === 'Status') return status
  } catch {
    // Not from the API server itself, or from a proxy before it: its own words are the best there is.
  }
  return { message: text.replace(/\s+/g, ' ').trim().slice(0, 200) }
}

/** What `Retry-After` asks for: seconds, or a date, which is compared with the clock of who sent it. */
function retryAfterMs({ 'retry-after': wanted, date }: IncomingHttpHeaders): number {
  if (wanted === undefined) return 0
  const waitMs = /^\d+$/.test(wanted) ? Number(wanted) * 1000 : Date.parse(wanted) - Date.parse(date ?? '')
  return waitMs > 0 ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : 0
}
