/**
 * Replays a cluster to any number of clients: LIST (in pages where asked), WATCH with bookmarks that never changes
 * anything, streaming lists. Speaks JSON over plain HTTP. Run: node bench/cluster/api-server.ts PORT SERVICES NAMESPACES
 */
import { createServer, type ServerResponse } from 'node:http'
import { items } from './objects.ts'

const [port = '0', serviceCount = '1000', namespaceCount = '20'] = process.argv.slice(2)
const size = { services: Number(serviceCount), namespaces: Number(namespaceCount) }
const KINDS = {
  namespaces: ['v1', 'Namespace'],
  services: ['v1', 'Service'],
  endpointslices: ['discovery.k8s.io/v1', 'EndpointSlice'],
} as const
type Resource = keyof typeof KINDS
const BOOKMARK_EVERY_MS = 30_000

const cache = new Map<Resource, object[]>()
function objects(resource: Resource): object[] {
  const known = cache.get(resource)
  if (known) return known
  const [apiVersion, kind] = KINDS[resource]
  const made = items(resource, size).map(item => ({ kind, apiVersion, ...item }))
  cache.set(resource, made)
  return made
}

function list(resource: Resource, url: URL, response: ServerResponse): void {
  const [apiVersion, kind] = KINDS[resource]
  const all = objects(resource)
  const limit = Number(url.searchParams.get('limit') ?? 0) || all.length
  const from = Number(url.searchParams.get('continue') ?? 0)
  const more = from + limit < all.length
  const metadata = { resourceVersion: '1000', ...(more && { continue: String(from + limit) }) }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items: all.slice(from, from + limit) }))
}

function watch(resource: Resource, url: URL, response: ServerResponse): void {
  const [apiVersion, kind] = KINDS[resource]
  response.setHeader('content-type', 'application/json')
  response.flushHeaders()
  const bookmark = (annotations: object) => {
    const object = { kind, apiVersion, metadata: { resourceVersion: '1000', annotations } }
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  }
  if (url.searchParams.get('sendInitialEvents') === 'true') {
    for (const object of objects(resource)) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    bookmark({ 'k8s.io/initial-events-end': 'true' })
  }
  const timer = setInterval(bookmark, BOOKMARK_EVERY_MS, {})
  response.on('close', () => clearInterval(timer))
}

const server = createServer((request, response) => {
  const url = new URL(request.url!, 'http://localhost')
  const resource = url.pathname.split('/').at(-1) as Resource
  if (url.pathname === '/version') response.end(JSON.stringify({ major: '1', minor: '36', gitVersion: 'v1.36.2' }))
  else if (!(resource in KINDS)) {
    const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(status))
  } else if (url.searchParams.get('watch')) watch(resource, url, response)
  else list(resource, url, response)
})
server.listen(Number(port), '127.0.0.1', () => {
  const at = server.address()
  process.stdout.write(`listening on ${typeof at === 'object' && at ? at.port : port}\n`)
})
