/**
 * An API server as far as list and watch go: pages, watches, streaming lists, bookmarks, versions that expire, refusals,
 * cuts and silences, all on command. Deterministic: it does nothing by itself, and tells what it was asked.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../../plugins/kubernetes/informer/clock.ts'
import { apiVersionOf, eventText, keyOf, LIST_KINDS, withVersion, writable } from './fake-api-text.ts'
import { type FakeFailure, fail } from './fake-failure.ts'
import { timeWatch } from './watch-times.ts'

export type { FakeFailure } from './fake-failure.ts'

// biome-ignore lint/suspicious/noExplicitAny: API objects of any kind, and broken ones
export type FakeObject = Record<string, any>

export interface FakeRequest {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** `list` or `watch`; a streaming list is a watch. */
  readonly verb: 'list' | 'watch'
  readonly isStreamingList: boolean
}

export interface FakeApiServerOptions {
  /** Speaks https with these, and asks for a client certificate if `ca` is given. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string }
  /** Watches end after their `timeoutSeconds`, with a bookmark two seconds before, and have one each minute. */
  readonly clock?: Clock
}

interface Event {
  readonly version: number
  readonly type: string
  readonly object: FakeObject
}

interface Collection {
  readonly objects: Map<string, FakeObject>
  readonly events: Event[]
  readonly watchers: Set<ServerResponse>
}

export const SERVICES = '/api/v1/services'
export const NAMESPACES = '/api/v1/namespaces'
export const PODS = '/api/v1/pods'
export const SLICES = '/apis/discovery.k8s.io/v1/endpointslices'
export const IMPORTS = '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports'

export class FakeApiServer {
  readonly requests: FakeRequest[] = []
  port = 0
  /** The version of the last change. */
  version = 100
  /** False: streaming lists are refused, as on an old etcd. */
  streamingLists = true
  /** Nothing is answered: connections stand, requests wait. */
  silent = false
  /** Changes are stored and told to nobody: a watch that skips events. */
  skips = false
  /** Bookmarks by themselves, with a clock. */
  bookmarks = true
  /** Waited for before each answer. */
  hold: (request: FakeRequest) => Promise<void> | undefined = () => undefined
  /** Asked before each answer: a failure instead of it. */
  refuse: (request: FakeRequest) => FakeFailure | undefined = () => undefined
  /** Asked for each object of a list: false where a selector leaves it out. Changes are told to all watchers alike. */
  selects: (request: FakeRequest, object: FakeObject) => boolean = () => true
  /** Asked for each list in full: octets instead of the list, for lists larger than memory. */
  body: (request: FakeRequest) => AsyncIterable<Uint8Array> | undefined = () => undefined
  /** What that is said to be. */
  contentType = 'application/json'
  /** Watches end where it ends, as answers of somebody else do. */
  ends = false
  /** Watches do not end by themselves. */
  endless = false

  /** True for a connection whose requests are never answered. */
  ignore: (socket: Socket) => boolean = () => false

  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #collections = new Map<string, Collection>()
  readonly #waiting = new Set<() => void>()
  /** Lists that are given in pages, by path and version. */
  readonly #snapshots = new Map<string, readonly FakeObject[]>()
  #oldestVersion = 0

  readonly #clock: Clock | undefined

  private constructor({ tls, clock }: FakeApiServerOptions) {
    this.#clock = clock
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = tls ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined }, answer) : createServer(answer)
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#changed()
      })
      socket.on('error', () => {})
    })
  }

  static async start(options: FakeApiServerOptions = {}, port = 0): Promise<FakeApiServer> {
    const made = new FakeApiServer(options)
    await new Promise<void>((resolve, reject) => {
      made.#server.once('error', reject)
      made.#server.listen(port, '127.0.0.1', resolve)
    })
    made.port = (made.#server.address() as AddressInfo).port
    return made
  }

  /** The same after a restart: at the same port, with all that is in its etcd. */
  async again(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
    const made = await FakeApiServer.start({ ...(this.#clock && { clock: this.#clock }), ...options }, this.port)
    for (const [path, { objects, events }] of this.#collections) {
      made.#collections.set(path, { objects, events, watchers: new Set() })
    }
    made.version = this.version
    made.streamingLists = this.streamingLists
    made.#oldestVersion = this.#oldestVersion
    return made
  }

  get url(): string {
    return `${'setSecureContext' in this.#server ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** Octets that wait for connections to take them. */
  get unsentBytes(): number {
    let bytes = 0
    for (const { writableLength } of this.#sockets) bytes += writableLength
    return bytes
  }

  get sockets(): Iterable<Socket> {
    return this.#sockets
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.cut()
    await closed
  }

  /** Creates or replaces an object and tells the watchers. Gives its version. */
  put(path: string, object: FakeObject): number {
    const { objects } = this.#collection(path)
    const key = keyOf(object)
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED'
    const stored = withVersion(object, ++this.version)
    objects.set(key, stored)
    this.#record(path, { version: this.version, type, object: stored })
    return this.version
  }

  delete(path: string, namespace: string, name: string): number {
    const { objects } = this.#collection(path)
    const key = `${namespace}/${name}`
    const object = objects.get(key)
    if (!object) throw new Error(`no object "${key}" at ${path}`)
    objects.delete(key)
    this.#record(path, { version: ++this.version, type: 'DELETED', object: withVersion(object, this.version) })
    return this.version
  }

  /** Changes what is stored without telling any watcher. */
  change(path: string, change: (objects: Map<string, FakeObject>) => void): void {
    this.version++
    change(this.#collection(path).objects)
  }

  bookmark(path: string, version = this.version): void {
    const object = { kind: 'Any', metadata: { resourceVersion: String(version) } }
    this.send(path, `${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  }

  /** Sends an event as it stands. */
  event(path: string, type: string, object: FakeObject): void {
    this.send(path, `${JSON.stringify({ type, object })}\n`)
  }

  /** Sends octets to those who watch `path`. */
  send(path: string, text: string): void {
    for (const watcher of this.#collection(path).watchers) watcher.write(text)
  }

  /** Ends the watches of a path in an orderly way, as their timeout does. */
  endWatches(path: string): void {
    const { watchers } = this.#collection(path)
    for (const watcher of watchers) watcher.end()
    watchers.clear()
  }

  /** Breaks the connections of those who watch `path`; all connections without one. */
  cut(path?: string): void {
    if (path === undefined) for (const socket of this.#sockets) socket.destroy()
    else for (const watcher of this.#collection(path).watchers) watcher.destroy()
  }

  /** Versions before the current one are compacted: watches from them are Gone. */
  compact(): void {
    this.#oldestVersion = this.version
    for (const { events } of this.#collections.values()) events.length = 0
  }

  /** Watches stand, but nothing is sent to them any more: the other half of half-open connections. */
  deafen(): void {
    for (const { watchers } of this.#collections.values()) watchers.clear()
  }

  objects(path: string): FakeObject[] {
    return [...this.#collection(path).objects.values()]
  }

  watchers(path: string): number {
    return this.#collection(path).watchers.size
  }

  /** Resolves once `met` holds; asked whenever a request arrives or a connection or watch opens or ends. */
  until(met: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!met()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://api')
    const verb = url.searchParams.get('watch') === 'true' ? 'watch' : 'list'
    const isStreamingList = url.searchParams.get('sendInitialEvents') === 'true'
    const request = {
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      verb,
      isStreamingList,
    } as const
    this.requests.push(request)
    this.#changed()
    await this.hold(request)
    if (!this.silent && !this.ignore(incoming.socket)) await this.#serve(request, response)
    this.#changed()
  }

  async #serve(request: FakeRequest, response: ServerResponse): Promise<void> {
    const failure = this.refuse(request)
    if (failure) {
      fail(response, failure)
      return
    }
    if (request.path === '/version') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ major: '1', minor: '36', gitVersion: 'v1.36.0' }))
      return
    }
    if (!(request.path in LIST_KINDS)) {
      fail(response, { status: 404, message: 'the server could not find it' })
      return
    }
    const octets = this.body(request)
    if (octets) {
      await this.#sendBody(request, octets, response)
      return
    }
    if (request.verb === 'watch') this.#watch(request, response)
    else this.#list(request, response)
  }

  async #sendBody({ verb, query }: FakeRequest, octets: AsyncIterable<Uint8Array>, response: ServerResponse) {
    response.writeHead(200, { 'content-type': this.contentType })
    response.flushHeaders()
    const timeoutMs = Number(query.get('timeoutSeconds') ?? 1800) * 1000
    const cancel =
      verb === 'list' ? undefined : this.endless ? undefined : this.#clock?.after(timeoutMs, () => response.end())
    response.on('close', () => cancel?.())
    for await (const chunk of octets) {
      if (response.writableEnded || response.destroyed) return
      if (!response.write(chunk)) await writable(response)
    }
    if (verb === 'list' || this.ends) response.end()
  }

  #list(request: FakeRequest, response: ServerResponse): void {
    const { path, query } = request
    const [version = this.version, from = 0] = (query.get('continue') ?? '').split(':').filter(Boolean).map(Number)
    if (from === 0) this.#snapshots.set(`${path} ${version}`, this.objects(path))
    const all = this.#snapshots.get(`${path} ${version}`)!.filter(object => this.selects(request, object))
    const limit = Number(query.get('limit') ?? 0) || all.length
    if (version < this.#oldestVersion) {
      fail(response, { status: 410, reason: 'Expired', message: 'token expired' })
      return
    }
    const items = all.slice(from, from + limit)
    const rest = from + limit < all.length ? { continue: `${version}:${from + limit}` } : {}
    const metadata = { resourceVersion: String(version), ...rest }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ kind: LIST_KINDS[path], apiVersion: apiVersionOf(path), metadata, items }))
  }

  #watch(request: FakeRequest, response: ServerResponse): void {
    const { path, query, isStreamingList } = request
    const { objects, events, watchers } = this.#collection(path)
    const from = Number(query.get('resourceVersion') ?? 0)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (isStreamingList && !this.streamingLists) {
      // The very words of kube-apiserver 1.36 on etcd 3.4.
      const message =
        'a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled'
      response.end(
        eventText('ERROR', { kind: 'Status', status: 'Failure', message, reason: 'InternalError', code: 500 }),
      )
      return
    }
    if (!isStreamingList && from < this.#oldestVersion) {
      response.end(
        eventText('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }),
      )
      return
    }
    if (isStreamingList) {
      for (const object of objects.values()) {
        if (this.selects(request, object)) response.write(eventText('ADDED', object))
      }
      const metadata = { resourceVersion: String(this.version), annotations: { 'k8s.io/initial-events-end': 'true' } }
      const kind = LIST_KINDS[path]!.replace(/List$/, '')
      response.write(eventText('BOOKMARK', { kind, apiVersion: apiVersionOf(path), metadata }))
    } else {
      for (const event of events) if (event.version > from) response.write(eventText(event.type, event.object))
    }
    watchers.add(response)
    const bookmark = () => {
      if (!this.bookmarks || !watchers.has(response)) return
      response.write(eventText('BOOKMARK', { metadata: { resourceVersion: String(this.version) } }))
    }
    const end = () => watchers.delete(response) && response.end()
    const timeoutMs = Number(query.get('timeoutSeconds') ?? 1800) * 1000
    const cancel = this.#clock && timeWatch(this.#clock, timeoutMs, bookmark, end)
    response.on('close', () => {
      cancel?.()
      watchers.delete(response)
      this.#changed()
    })
  }

  #record(path: string, event: Event): void {
    if (this.skips) return
    this.#collection(path).events.push(event)
    this.send(path, eventText(event.type, event.object))
  }

  #collection(path: string): Collection {
    let collection = this.#collections.get(path)
    if (!collection) {
      collection = { objects: new Map(), events: [], watchers: new Set() }
      this.#collections.set(path, collection)
    }
    return collection
  }

  #changed(): void {
    for (const check of this.#waiting) check()
  }
}
