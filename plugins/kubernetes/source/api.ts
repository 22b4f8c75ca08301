/**
 * Objects from an API server: finds the way to it, then one reflector per kind keeps the index current. What an operator
 * should know is told once per change.
 */
import { createHash } from 'node:crypto'
import * as serverLog from '../../../server/log.ts'
import { workSlices } from '../../../server/work-slices.ts'
import type { Store } from '../index/store.ts'
import { cryptoJitter, type Jitter } from '../informer/backoff.ts'
import { type Clock, monotonicClock } from '../informer/clock.ts'
import { Reflector } from '../informer/reflector.ts'
import type { ApiObject, Resource, Target } from '../informer/resource.ts'
import { IMPORT_LABEL } from '../object/endpointslice.ts'
import type { AnyKind } from '../object/object.ts'
import { SHAPES } from '../object/shapes.ts'
import { trim } from '../object/trim.ts'
import { ApiReporter, type SourceLog } from './api-reporter.ts'
import type { Credentials } from './credentials.ts'
import { HttpClient } from './http-client.ts'
import { endpointCredentials, inClusterCredentials } from './in-cluster.ts'
import { kubeconfigCredentials } from './kubeconfig.ts'
import { RateLimit } from './rate-limit.ts'
import type { ApiSettings, ClusterIdentity, Source, Tuning, View } from './source.ts'

export interface ApiSourceOptions {
  readonly clock?: Clock
  readonly jitter?: Jitter
  readonly log?: SourceLog
  /** Instead of what the settings say. */
  readonly credentials?: () => Promise<Credentials>
}

export class ApiSource implements Source {
  readonly #settings: ApiSettings
  readonly #clock: Clock
  readonly #jitter: Jitter
  readonly #log: SourceLog
  readonly #makeCredentials: () => Promise<Credentials>
  #credentials: Credentials | undefined
  #client: HttpClient | undefined
  #reflectors: Reflector[] = []
  #rateLimit: RateLimit | undefined

  constructor(settings: ApiSettings, options: ApiSourceOptions = {}) {
    this.#settings = settings
    this.#clock = options.clock ?? monotonicClock
    this.#jitter = options.jitter ?? cryptoJitter
    this.#log = options.log ?? serverLog
    this.#makeCredentials = options.credentials ?? (() => credentialsOf(settings, this.#clock))
  }

  async start(store: Store): Promise<void> {
    const settings = this.#settings
    const clock = this.#clock
    const credentials = await this.#makeCredentials()
    this.#credentials = credentials
    const rateLimit = new RateLimit(clock, settings)
    this.#rateLimit = rateLimit
    const client = new HttpClient({ credentials, clock, rateLimit })
    this.#client = client
    const reporter = new ApiReporter(client.server, this.#log)
    this.#reflectors = settings.kinds.map(
      kind =>
        new Reflector({
          client,
          resource: resourceOf(kind, settings),
          target: new StoreTarget(store, kind),
          clock,
          jitter: this.#jitter,
          slices: workSlices,
          reporter,
          compareMs: settings.compareMs,
        }),
    )
    for (const reflector of this.#reflectors) reflector.start()
  }

  retune(tuning: Tuning): void {
    this.#rateLimit?.retune(tuning)
    for (const reflector of this.#reflectors) reflector.retune(tuning.compareMs)
  }

  async cluster(): Promise<ClusterIdentity> {
    const { server, tls } = this.#credentials!
    const { ca } = await tls()
    return {
      server: server.origin + server.pathname, // a password in it belongs nowhere else
      ca: ca === undefined ? '' : createHash('sha256').update(ca).digest('hex'),
    }
  }

  views(): readonly View[] {
    return this.#settings.kinds.map((kind, i) => ({
      resource: kind === 'importedslice' ? 'imported endpointslices' : resourceOf(kind, this.#settings).name,
      ageMs: this.#reflectors[i]?.ageMs ?? Number.POSITIVE_INFINITY,
    }))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map(reflector => reflector.stop()))
    this.#client?.close()
    this.#credentials?.close?.()
  }
}

/** As CoreDNS: `kubeconfig`, else `endpoint`, else the pod's own service account. */
function credentialsOf({ kubeconfig, endpoint, tls }: ApiSettings, clock: Clock): Promise<Credentials> {
  if (kubeconfig) return kubeconfigCredentials(kubeconfig, clock)
  return endpoint === undefined ? inClusterCredentials(clock) : endpointCredentials(endpoint, tls, clock)
}

const ENDPOINT_SLICES = {
  name: 'endpointslices',
  group: 'discovery.k8s.io',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
} as const
const ENDED_PODS = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown'

/** What is asked of the API server for a kind. */
export function resourceOf(kind: AnyKind, settings: ApiSettings): Resource {
  const shape = SHAPES[kind]
  return { ...selectionOf(kind, settings), ...(shape && { shape }) }
}

function selectionOf(kind: AnyKind, { labels, namespaceLabels }: ApiSettings): Resource {
  const labelled = labels && { labelSelector: labels.text }
  switch (kind) {
    case 'service':
      return { name: 'services', group: '', path: '/api/v1/services', ...labelled }
    case 'endpointslice':
      return { ...ENDPOINT_SLICES, ...labelled }
    case 'importedslice':
      return { ...ENDPOINT_SLICES, labelSelector: labels ? `${labels.text},${IMPORT_LABEL}` : IMPORT_LABEL }
    case 'serviceimport': {
      const group = 'multicluster.x-k8s.io'
      return { name: 'serviceimports', group, path: `/apis/${group}/v1alpha1/serviceimports`, optional: true }
    }
    case 'pod':
      return { name: 'pods', group: '', path: '/api/v1/pods', fieldSelector: ENDED_PODS, ...labelled }
    case 'namespace':
      return {
        name: 'namespaces',
        group: '',
        path: '/api/v1/namespaces',
        ...(namespaceLabels && { labelSelector: namespaceLabels.text }),
      }
  }
}

/** Objects of one kind into the index. */
class StoreTarget implements Target {
  readonly #store: Store
  readonly #kind: AnyKind
  #token = 0

  constructor(store: Store, kind: AnyKind) {
    this.#store = store
    this.#kind = kind
  }

  put(object: ApiObject): boolean {
    const slim = trim(this.#kind, object)
    if (typeof slim !== 'string') return this.#store.put(this.#kind, slim)
    const { namespace, name } = object?.metadata ?? {}
    serverLog.debug('kubernetes', `${this.#kind} "${namespace}/${name}" is not served: ${slim}`)
    return false
  }

  delete({ metadata }: ApiObject): void {
    this.#store.delete(this.#kind, this.#kind === 'namespace' ? '' : (metadata?.namespace ?? ''), metadata?.name ?? '')
  }

  beginList(): void {
    this.#token = this.#store.beginList(this.#kind)
  }

  async endList(): Promise<number> {
    const token = this.#token
    const dropped = await this.#store.endList(this.#kind, token)
    if (token === this.#token) this.#store.setSynced(this.#kind, true)
    return dropped
  }
}
