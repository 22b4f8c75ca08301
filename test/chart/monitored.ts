/**
 * What is monitored, made when a test first asks for it: a Sextant, and a CoreDNS where PATH has one, both behind the same
 * API server and the same upstream, both asked, and a Prometheus that scrapes both and evaluates shortened alerts.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { ApiClient, KubernetesObject } from '../e2e/api-client.ts'
import { WORK_DIR } from '../e2e/netns.ts'
import { namespace, service, slice } from '../e2e/objects.ts'
import type { FakeUpstream } from '../harness/fake-upstream.ts'
import { eventually } from '../harness/time.ts'
import { findCoredns } from '../parity/peers.ts'
import { preload, SIGUSR2_ENDS_A_THREAD } from '../promises/preload.ts'
import { fileOf, programs, ROOT } from './chart.ts'
import { cluster } from './cluster.ts'
import { Load, upstreamOfLoad } from './load.ts'
import { monitoring, type RuleFile, rulesOf, shortened } from './monitoring.ts'
import { NameServer } from './name-server.ts'
import { Prometheus } from './prometheus.ts'
import { Relay } from './relay.ts'

/** Time spans of alerts, in seconds. */
const SPAN_S = 6
/** The age of the view that alerts are to tell of, instead of five minutes. */
const VIEW_AGE_S = 5
const CHANGE_EVERY_MS = 1000
/** Of the servers: ten from here on for each. */
const FIRST_PORT = 10_200

export const coredns = findCoredns(undefined)
/** Names of the servers, which are those of their jobs. */
export const jobs: readonly string[] = coredns ? ['sextant', 'coredns'] : ['sextant']

/** A cache small enough to be full, that refreshes entries and serves stale ones; few that wait; an eager `reload`. */
const EDITS = [
  ['cache 30 {', 'cache 30 {\n       success 1024\n       prefetch 1 1m 90%\n       serve_stale 1h immediate'],
  ['max_concurrent 1000', 'max_concurrent 200'],
  ['reload', 'reload 2s 1s'],
] as const

/** Ends a thread at SIGUSR2, throws where nobody catches at SIGWINCH. */
const BREAKABLE = preload(`${SIGUSR2_ENDS_A_THREAD}
  if (threads.isMainThread) process.on('SIGWINCH', () => setImmediate(() => { throw new Error('a test') }))`)

export interface Monitored {
  readonly startedMs: number
  readonly servers: readonly NameServer[]
  /** A Sextant, not started, that forwards to itself, has two threads and keeps a snapshot; SIGUSR2 and SIGWINCH break it. */
  readonly troubled: NameServer
  readonly loads: readonly Load[]
  readonly upstream: FakeUpstream
  /** Between servers and API server. */
  readonly relay: Relay
  readonly prometheus: Prometheus
  /** Slices that are changed from now on were to be answered so long ago. */
  setLateness(ms: number): void
  /** Asks and changes nothing any more. */
  rest(): void
}

let starting: Promise<Monitored> | undefined

export function monitored(): Promise<Monitored> {
  starting ??= start()
  return starting
}

async function start(): Promise<Monitored> {
  const { api, host, port, kubeconfig: direct } = await cluster()
  const relay = await Relay.to(host, port)
  const kubeconfig = join(WORK_DIR, 'kubeconfig-monitored')
  writeFileSync(kubeconfig, readFileSync(direct, 'utf8').replace(`${host}:${port}`, `127.0.0.1:${relay.port}`))
  const changes = await changing(api)
  const upstream = await upstreamOfLoad()
  const binaries: Record<string, string> = { sextant: join(ROOT, 'bin/sextant'), ...(coredns && { coredns }) }
  const servers = Object.entries(binaries).map(([name, binary], i) => {
    const port = FIRST_PORT + 10 * (i + 1)
    return new NameServer({ name, binary, port, kubeconfig, upstream: upstream.address, edits: EDITS })
  })
  const troubled = new NameServer({
    name: 'troubled',
    binary: binaries.sextant!,
    port: FIRST_PORT,
    kubeconfig,
    upstream: `127.0.0.1:${FIRST_PORT}`,
    edits: [
      ['errors', 'errors\n    multisocket 2'],
      ['ttl 30', 'ttl 30\n       snapshot cluster.snapshot'],
    ],
    environment: BREAKABLE,
  })
  const prometheus = await Prometheus.start({
    binary: programs().prometheus!,
    port: 9090,
    jobs: Object.fromEntries([...servers, troubled].map(({ name, target }) => [name, target])),
    rules: [fileOf(stringify(impatient(rulesOf(await monitoring()))))],
  })
  // Scraped from their first moment on: what happens only at a start is seen.
  await Promise.all(servers.map(server => server.start()))
  const isCalm = async () => {
    equal((await prometheus.query('up == 1')).length, servers.length)
    deepEqual(await prometheus.query('ALERTS'), []) // but for the time before, in which they were absent
  }
  await eventually(10_000, 'all servers being scraped', isCalm, 100)
  const startedMs = Date.now()
  const loads = servers.map(server => new Load(server.port))
  const rest = () => {
    changes.end()
    for (const load of loads) load.stop()
  }
  const { setLateness } = changes
  return { startedMs, servers, troubled, loads, upstream, relay, prometheus, setLateness, rest }
}

function impatient(rules: RuleFile): RuleFile {
  const short = shortened(rules, SPAN_S)
  for (const rule of short.groups.flatMap(group => group.rules)) {
    if (rule.alert === 'SextantViewOld') rule.expr = rule.expr.replace('> 300', `> ${VIEW_AGE_S}`)
  }
  return short
}

/** A namespace, a service and a slice of endpoints that change every second. */
async function changing(api: ApiClient): Promise<{ setLateness(ms: number): void; end(): void }> {
  const headless = { clusterIP: 'None', selector: { app: 'db' } }
  const objects = [namespace('shop'), service('shop', 'web'), slice('shop', 'web', [{ ip: '10.244.3.1' }])]
  for (const object of [...objects, service('shop', 'db', headless)]) await api.create(object)
  let latenessMs = 0
  const version = (n: number): KubernetesObject => {
    const object = slice('shop', 'db', n % 2 ? [{ ip: '10.244.3.2' }] : [{ ip: '10.244.3.2' }, { ip: '10.244.3.3' }])
    const trigger = new Date(Date.now() - latenessMs).toISOString().replace(/\.\d+/, '')
    object.metadata.annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': trigger }
    return object
  }
  await api.create(version(0))
  let n = 0
  const change = async () => {
    const patch = { metadata: { annotations: { version: `${++n}` } } }
    for (const path of ['/api/v1/namespaces/shop', '/api/v1/namespaces/shop/services/db']) {
      await api.call('PATCH', path, patch, 'application/merge-patch+json')
    }
    await api.call('PUT', '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/db-a', version(n))
  }
  const timer = setInterval(
    () => void change().catch(error => console.log(`a change was not taken: ${error}`)),
    CHANGE_EVERY_MS,
  )
  return {
    setLateness(ms) {
      latenessMs = ms
    },
    end: () => clearInterval(timer),
  }
}
