/** What one cluster query costs from octets to octets, sockets apart: nanoseconds through `serve`. */
import { query } from '../test/harness/message.ts'
import { clusterOf, namespace, pod, service, slice } from '../test/plugins/kubernetes/cluster.ts'
import { putAll } from './in-process.ts'

const NAMESPACES = 20
const SERVICES = 1000
/** Of that many rounds the quickest counts: others share the machine. */
const ROUNDS = 40
const QUERIES = 10_000
const WARM_UP = 200_000

const objects = [...Array(NAMESPACES).keys()].map(i => namespace(`ns-${i}`))
for (let i = 0; i < SERVICES; i++) {
  const at = `svc-${i}.ns-${i % NAMESPACES}`
  const headless = i % 5 === 0
  objects.push(service(at, headless ? [] : [`10.96.${i >> 8}.${i & 255}`], ['http:tcp:80']))
  const endpoints = [0, 1, 2, 3].map(j => `10.244.${i >> 6}.${(i & 63) * 4 + j}`)
  objects.push(slice(`svc-${i}-abcde.ns-${i % NAMESPACES}`, `svc-${i}`, endpoints, ['http:tcp:80']))
  for (const [j, address] of endpoints.entries()) objects.push(pod(`svc-${i}-${j}.ns-${i % NAMESPACES}`, address))
}
const ttl = 'pods verified\nttl 30\nfallthrough in-addr.arpa ip6.arpa'
const { routes } = clusterOf({ body: ttl, objects })

const zone = 'svc.cluster.local'
const at = (i: number) => `svc-${i}.ns-${i % NAMESPACES}`
const clusterIPs = [...Array(SERVICES).keys()].filter(i => i % 5 !== 0)
const headless = [...Array(SERVICES).keys()].filter(i => i % 5 === 0)
const cases: [name: string, messages: Buffer[]][] = [
  ['another zone: REFUSED, the core alone', clusterIPs.map(i => query(`${at(i)}.svc.example.org`))],
  ['A of a service', clusterIPs.map(i => query(`${at(i)}.${zone}`))],
  ['AAAA of a service: NODATA', clusterIPs.map(i => query(`${at(i)}.${zone}`, { type: 'AAAA' }))],
  ['search list miss: NXDOMAIN', clusterIPs.map(i => query(`${at(i)}.${zone}.ns-1.${zone}`))],
  ['unknown service: NXDOMAIN', clusterIPs.map(i => query(`no-${i}.ns-1.${zone}`))],
  ['SRV of a port', clusterIPs.map(i => query(`_http._tcp.${at(i)}.${zone}`, { type: 'SRV' }))],
  ['A of a headless service of 4', headless.map(i => query(`${at(i)}.${zone}`))],
  ['SRV of a headless service of 4', headless.map(i => query(`_http._tcp.${at(i)}.${zone}`, { type: 'SRV' }))],
  ['A of an endpoint', headless.map(i => query(`10-244-${i >> 6}-${(i & 63) * 4}.${at(i)}.${zone}`))],
  ['A of a pod', headless.map(i => query(`10-244-${i >> 6}-${(i & 63) * 4}.ns-${i % NAMESPACES}.pod.cluster.local`))],
  ['PTR of a service', clusterIPs.map(i => query(`${i & 255}.${i >> 8}.96.10.in-addr.arpa`, { type: 'PTR' }))],
  ['PTR of an endpoint', headless.map(i => query(`${(i & 63) * 4}.${i >> 6}.244.10.in-addr.arpa`, { type: 'PTR' }))],
]

const only = process.argv[2]
const chosen = cases.filter(([name]) => only === undefined || name.includes(only))
for (const [, messages] of chosen) putAll(routes, messages, WARM_UP, 0)
for (const [name, messages] of chosen) {
  const heapBytes = process.memoryUsage().heapUsed
  let bestNs = Number.POSITIVE_INFINITY
  let octets = 0
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now()
    octets = putAll(routes, messages, QUERIES, 0)
    bestNs = Math.min(bestNs, ((performance.now() - startMs) * 1e6) / QUERIES)
  }
  const garbage = (process.memoryUsage().heapUsed - heapBytes) / (ROUNDS * QUERIES)
  const figures = `${Math.round(bestNs)} ns, ${Math.round(octets / QUERIES)} octets, heap ${garbage.toFixed(1)} octets per query`
  console.log(`${name.padEnd(40)} ${figures}`)
}
