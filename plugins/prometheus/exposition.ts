/**
 * The text that a scrape gets: the families of server/metrics.ts, and what is known of process and runtime, through
 * prom-client. The library is loaded by the first scrape; nothing of it runs between scrapes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Metric, Registry } from 'prom-client'
import { families, type MetricFamily, takeLargest, total } from '../../server/metrics.ts'
import { workSlices } from '../../server/work-slices.ts'

/** One line of the text. */
interface Sample {
  readonly metricName: string
  readonly labels: Record<string, string>
  readonly value: number
}

const REST_TIMES = 10 // as long as composing the text took, nobody composes the next one
const EVENT_LOOP_PRECISION_MS = 1000 // how often the event loop's lag is looked at: each time costs a wake-up

let loading: Promise<Registry> | undefined
let hasRuntime = false

/** Answers a scrape. With `runtime`, the metrics of Node.js are in it from now on. */
export async function expose(request: IncomingMessage, response: ServerResponse, runtime: boolean): Promise<void> {
  loading ??= load()
  const registry = await loading
  if (runtime && !hasRuntime) await addRuntime(registry)
  const text = await nextText(registry)
  response.writeHead(200, { 'Content-Type': registry.contentType, 'Content-Length': Buffer.byteLength(text) })
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** What is being composed, to its end; and what will be, for all who ask until it is begun. */
let composing: Promise<unknown> = Promise.resolve()
let next: Promise<string> | undefined
let restUntilMs = 0

/**
 * The text as it is after the call. Composing it takes a millisecond or more, in which no query is answered: who asks
 * over and over shares the texts, and they take no more than an eleventh of the time.
 */
function nextText(registry: Registry): Promise<string> {
  if (next === undefined) {
    next = compose(registry, composing)
    composing = next.catch(() => undefined)
  }
  return next
}

async function compose(registry: Registry, before: Promise<unknown>): Promise<string> {
  await before
  const restMs = restUntilMs - performance.now()
  if (restMs > 0) await new Promise(resolve => setTimeout(resolve, restMs))
  next = undefined
  const beganAtMs = performance.now()
  try {
    return await metricsText(registry)
  } finally {
    const nowMs = performance.now()
    restUntilMs = nowMs + REST_TIMES * (nowMs - beganAtMs)
  }
}

async function metricsText(registry: Registry): Promise<string> {
  for (const family of families.values()) {
    family.refresh?.()
    if (family.children.size === 0) registry.removeSingleMetric(family.name)
    else if (registry.getSingleMetric(family.name) === undefined) registry.registerMetric(collector(family))
  }
  const texts: string[] = []
  for (const metric of registry.getMetricsAsArray()) {
    const { name } = metric as unknown as { name: string }
    if (workSlices.spent) await workSlices.pause() // some have a thousand series
    // Another scrape may have taken it out meanwhile.
    if (registry.getSingleMetric(name) !== undefined) texts.push(await registry.getSingleMetricAsString(name))
  }
  return `${texts.join('\n\n')}\n`
}

/** A family as a metric of prom-client, whose values are read when it asks for them. */
function collector(family: MetricFamily): Metric {
  const { name, help, kind } = family
  const get = async () => ({ name, help, type: kind, aggregator: 'sum', values: samples(family) })
  return { name, help, type: kind, get } as unknown as Metric
}

/** The samples of a family; those of a histogram are cumulative buckets, sum and count. */
export function samples(family: MetricFamily): Sample[] {
  const { name, labelNames, bounds, isLargest } = family
  return [...family.children.values()].flatMap(child => {
    const labels = Object.fromEntries(labelNames.map((label, i) => [label, child.values[i] ?? '']))
    if (bounds === undefined) return { metricName: name, labels, value: isLargest ? takeLargest(child) : total(child) }
    let count = 0
    const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, i) => {
      count += total(child, i)
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound)
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
    })
    const sum = { metricName: `${name}_sum`, labels, value: total(child, bounds.length + 1) }
    return [...buckets, sum, { metricName: `${name}_count`, labels, value: count }]
  })
}

/** The whole library brings clients of HTTP, compression and clusters with it: 10 ms at one go. Its parts are loaded one a turn. */
const SUBJECTS = [
  () => import('prom-client/lib/metrics/processCpuTotal.js'),
  () => import('prom-client/lib/metrics/processStartTime.js'),
  () => import('prom-client/lib/metrics/osMemoryHeap.js'),
  () => import('prom-client/lib/metrics/processOpenFileDescriptors.js'),
  () => import('prom-client/lib/metrics/processMaxFileDescriptors.js'),
]

async function load(): Promise<Registry> {
  await workSlices.pause()
  const { default: Registry } = await import('prom-client/lib/registry.js')
  const registry = new Registry()
  const { user, system } = process.cpuUsage()
  for (const subject of SUBJECTS) {
    await workSlices.pause()
    const { default: register } = await subject()
    register(registry)
  }
  // The library counts from its own start: what was spent before belongs to the process too.
  add(registry, 'process_cpu_user_seconds_total', user / 1e6)
  add(registry, 'process_cpu_system_seconds_total', system / 1e6)
  add(registry, 'process_cpu_seconds_total', (user + system) / 1e6)
  await workSlices.pause()
  return registry
}

function add(registry: Registry, name: string, value: number): void {
  ;(registry.getSingleMetric(name) as import('prom-client').Counter).inc(value)
}

async function addRuntime(registry: Registry): Promise<void> {
  hasRuntime = true
  const { default: Registry } = await import('prom-client/lib/registry.js')
  const { default: collectDefaultMetrics } = await import('prom-client/lib/defaultMetrics.js')
  const all = new Registry()
  collectDefaultMetrics({ register: all, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS })
  for (const metric of all.getMetricsAsArray()) {
    const { name } = metric as unknown as { name: string }
    if (registry.getSingleMetric(name) === undefined) registry.registerMetric(metric as unknown as Metric)
  }
}
