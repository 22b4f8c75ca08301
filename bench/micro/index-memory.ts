/** What the cluster index costs: octets and microseconds per object, resident memory, churn. Run with `--expose-gc`. */
import { Index } from '../../plugins/kubernetes/index/index.ts'
import type { EndpointSlice } from '../../plugins/kubernetes/object/endpointslice.ts'
import type { Kind, SlimObject } from '../../plugins/kubernetes/object/object.ts'
import { address, namespaceOf, namespaces, SERVICES, services, sliceOf, slices } from './index-objects.ts'

const PODS = 150_000
const WIDE_SLICES = 100
const WIDE_ENDPOINTS = 100
const CHANGES = 20_000

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})

function* pods(): Generator<SlimObject> {
  for (let i = 0; i < PODS; i++) {
    yield {
      kind: 'pod',
      namespace: namespaceOf(i),
      name: `service-${i % SERVICES}-5d8f7c9b6d-${i.toString(36)}`,
      ips: [address(128, i)],
    }
  }
}

const warm = new Index() // the compiler's warm-up is no cost of an object
for (const all of [namespaces(), services(), slices(), pods()]) for (const object of all) warm.put(object.kind, object)
collect()
const index = new Index()
const startBytes = process.memoryUsage().rss
for (const [kind, all] of [
  ['namespace', namespaces()],
  ['service', services()],
  ['endpointslice', slices()],
  ['pod', pods()],
] as const) {
  measure(kind, [...all])
}
const rssBytes = process.memoryUsage().rss
console.log(
  `resident +${mib(rssBytes - startBytes)}, heap ${mib(process.memoryUsage().heapUsed)}, slab ${mib(index.slab.touchedBytes)}`,
)

await relist('pod', [...pods()])
churn()
wide()

function measure(kind: Kind, all: readonly SlimObject[]): void {
  const before = index.slab.usedBytes
  const startMs = cpuMs()
  for (const object of all) index.put(kind, object)
  const tookMs = cpuMs() - startMs
  index.slab.reclaim()
  const octets = (index.slab.usedBytes - before) / all.length
  console.log(
    `${kind}: ${all.length}, ${octets.toFixed(0)} octets each, ${((tookMs * 1000) / all.length).toFixed(2)} µs per put`,
  )
}

/** The same objects once more, as after an API server's restart. */
async function relist(kind: Kind, all: readonly SlimObject[]): Promise<void> {
  const startMs = cpuMs()
  const token = index.beginList(kind)
  for (const object of all) index.put(kind, object)
  const sweepMs = cpuMs()
  await index.endList(kind, token)
  const endMs = cpuMs()
  const each = ((sweepMs - startMs) * 1000) / all.length
  console.log(
    `relist of ${all.length} ${kind}s: ${each.toFixed(2)} µs per put, sweep ${(endMs - sweepMs).toFixed(1)} ms, slab ${mib(index.slab.touchedBytes)}`,
  )
}

/** Slices of which one endpoint moved. */
function churn(): void {
  const all = Array.from({ length: CHANGES }, (_, i) => sliceOf(i % SERVICES, 1 + (i % 3)))
  const startMs = cpuMs()
  for (const [i, slice] of all.entries()) {
    index.put('endpointslice', slice)
    if (i % 100 === 0) index.slab.reclaim()
  }
  const each = ((cpuMs() - startMs) * 1000) / CHANGES
  console.log(`slice changes: ${each.toFixed(2)} µs each, slab ${mib(index.slab.touchedBytes)}`)
}

/** One slice of a service with 10,000 endpoints. */
function wide(): void {
  const make = (i: number, last: number): EndpointSlice => ({
    ...sliceOf(0),
    name: `wide-${i}`,
    service: 'wide',
    endpoints: Array.from({ length: WIDE_ENDPOINTS }, (_, j) => ({
      addresses: [address(200, i * WIDE_ENDPOINTS + (j === 0 ? last : j))],
      hostname: `wide-${i * WIDE_ENDPOINTS + j}`,
      podName: '',
    })),
  })
  for (let i = 0; i < WIDE_SLICES; i++) index.put('endpointslice', make(i, 0))
  const all = Array.from({ length: 2000 }, (_, i) => make(i % WIDE_SLICES, i & 1))
  const startMs = cpuMs()
  for (const slice of all) index.put('endpointslice', slice)
  console.log(
    `one slice of ${WIDE_ENDPOINTS} in a service of ${WIDE_SLICES}: ${(((cpuMs() - startMs) * 1000) / all.length).toFixed(1)} µs per put`,
  )
}

/** Time that this process had a processor: others share the machine. */
function cpuMs(): number {
  return process.cpuUsage().user / 1000
}

function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}
