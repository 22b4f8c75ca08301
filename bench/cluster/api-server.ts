/**
 * Replays a cluster to any number of clients over plain HTTP: LIST (in pages where asked), WATCH with bookmarks,
 * streaming lists, as Protocol Buffers or JSON. POST /move?slice=I moves an endpoint and tells the watchers. A new start
 * has new versions, and those of the last one are gone, as after a restart of the real one.
 *
 *   node bench/cluster/api-server.ts PORT '{"namespaces":20,"services":1000}' → "listening on PORT"
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { BenchCluster, type ClusterSize, type Resource } from './objects.ts'
import { type Form, json, KINDS, protobuf } from './write.ts'

const [port = '0', size = '{"namespaces":20,"services":1000}'] = process.argv.slice(2)
const cluster = new BenchCluster(JSON.parse(size) as ClusterSize)
const firstVersion = Date.now()
let version = firstVersion
const BOOKMARK_EVERY_MS = 30_000
const CHUNK_BYTES = 64 << 10

interface Watcher {
  readonly form: Form
  readonly response: ServerResponse
}
const watchers = new Map<Resource, Set<Watcher>>()

/** Writes octets, in larger pieces, as fast as the client takes them. */
async function writeAll(response: ServerResponse, parts: Iterable<Buffer>): Promise<void> {
  let pending: Buffer[] = []
  let bytes = 0
  const flush = async () => {
    const room = response.write(Buffer.concat(pending, bytes))
    pending = []
    bytes = 0
    if (!room && !response.destroyed) await writable(response)
  }
  for (const part of parts) {
    pending.push(part)
    bytes += part.length
    if (bytes >= CHUNK_BYTES) await flush()
    if (response.destroyed) return
  }
  if (bytes > 0) await flush()
}

/** Resolves once the response takes more, or takes no more. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
  })
}

function* eventsOf(resource: Resource, form: Form): Generator<Buffer> {
  for (let i = 0; i < cluster.count(resource); i++) {
    yield form.event('ADDED', resource, form.object(resource, cluster.item(resource, i), firstVersion))
  }
  yield form.bookmark(resource, version, true)
}

function list(resource: Resource, form: Form, url: URL, response: ServerResponse): void {
  const count = cluster.count(resource)
  const limit = Number(url.searchParams.get('limit') ?? 0) || count
  const from = Number(url.searchParams.get('continue') ?? 0)
  const to = Math.min(count, from + limit)
  const items = Array.from({ length: to - from }, (_, i) =>
    form.object(resource, cluster.item(resource, from + i), firstVersion),
  )
  response.setHeader('content-type', form.contentType)
  response.end(form.list(resource, items, version, to < count ? String(to) : ''))
}

async function watch(resource: Resource, form: Form, url: URL, response: ServerResponse): Promise<void> {
  response.setHeader('content-type', form === protobuf ? `${form.contentType};stream=watch` : form.contentType)
  response.flushHeaders()
  if (url.searchParams.get('sendInitialEvents') === 'true') await writeAll(response, eventsOf(resource, form))
  else if (Number(url.searchParams.get('resourceVersion')) < firstVersion) {
    response.end(form.gone())
    return
  }
  const watcher = { form, response }
  const all = watchers.get(resource) ?? new Set()
  watchers.set(resource, all.add(watcher))
  const timer = setInterval(() => response.write(form.bookmark(resource, version, false)), BOOKMARK_EVERY_MS)
  response.on('close', () => {
    clearInterval(timer)
    all.delete(watcher)
  })
}

/** Moves an endpoint of a slice; its watchers have it before the answer is sent. */
function move(url: URL, response: ServerResponse): void {
  const i = Number(url.searchParams.get('slice'))
  const address = cluster.move(i)
  version++
  for (const { form, response: watching } of watchers.get('endpointslices') ?? []) {
    const object = form.object('endpointslices', cluster.item('endpointslices', i), version)
    watching.write(form.event('MODIFIED', 'endpointslices', object))
  }
  response.end(JSON.stringify({ address, version }))
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url!, 'http://localhost')
  const resource = url.pathname.split('/').at(-1) as Resource
  const form = request.headers.accept?.includes(protobuf.contentType) ? protobuf : json
  if (url.pathname === '/version') response.end(JSON.stringify({ major: '1', minor: '36', gitVersion: 'v1.36.2' }))
  else if (url.pathname === '/move') move(url, response)
  else if (!(resource in KINDS)) {
    const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(status))
  } else if (url.searchParams.get('watch')) void watch(resource, form, url, response)
  else list(resource, form, url, response)
}

const server = createServer(answer)
server.keepAliveTimeout = 600_000
server.listen(Number(port), '127.0.0.1', () => {
  const at = server.address()
  process.stdout.write(`listening on ${typeof at === 'object' && at ? at.port : port}\n`)
})
