/** A fake API server, an ApiSource that follows it, and what the source wrote and logged; time stands still. */
import type { AnyKind } from '../../../../plugins/kubernetes/object/object.ts'
import { ApiSource } from '../../../../plugins/kubernetes/source/api.ts'
import type { ApiSettings, Tuning } from '../../../../plugins/kubernetes/source/source.ts'
import { FakeApiServer, type FakeApiServerOptions, type FakeRequest } from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { RecordStore } from './record-store.ts'

export const NO_SETTINGS: ApiSettings = {
  kinds: ['service'],
  labels: undefined,
  namespaceLabels: undefined,
  endpoint: undefined,
  tls: undefined,
  kubeconfig: undefined,
  qps: 0,
  burst: 0,
  maxInflight: 0,
  compareMs: 600_000,
}

/** What http-client.ts grants a connection: no wait before a retry. */
export const CONNECT_MS = 3_500

export class ApiWorld {
  readonly clock = new FakeClock()
  readonly store = new RecordStore()
  /** `warn …`, `error …`, `info …` */
  readonly logged: string[] = []
  server!: FakeApiServer
  #source: ApiSource | undefined

  /** Runs a scenario and clears up after it. */
  static async run(scenario: (world: ApiWorld) => Promise<void>, options: FakeApiServerOptions = {}): Promise<void> {
    const world = new ApiWorld()
    world.server = await FakeApiServer.start(options)
    try {
      await scenario(world)
    } finally {
      await world.#source?.stop()
      await world.server.close()
    }
  }

  /** Starts the source; resolves once all kinds are synced, or at once with `synced` false. */
  async start(kinds: readonly AnyKind[] = ['service'], over: Partial<ApiSettings> = {}, synced = true): Promise<void> {
    const note = (level: string) => (_plugin: string | undefined, text: string) =>
      void this.logged.push(`${level} ${text}`)
    const log = { info: note('info'), warn: note('warn'), error: note('error') }
    const settings = { ...NO_SETTINGS, kinds, endpoint: this.server.url, ...over }
    this.#source = new ApiSource(settings, { clock: this.clock, jitter: () => 0.5, log })
    await this.#source.start(this.store)
    if (synced) await this.store.until(() => kinds.every(kind => this.store.synced.has(kind)))
  }

  retune(tuning: Tuning): void {
    this.#source?.retune(tuning)
  }

  async stop(): Promise<void> {
    await this.#source?.stop()
  }

  /** Requests since the last call, as `list /api/v1/services`, `streaming …`, `watch … from VERSION`. */
  requests(): string[] {
    return this.server.requests.splice(0).map(requestText)
  }

  /** Resolves once `count` reflectors wait before they retry, and gives the longest of the waiting times. */
  waits(count = 1): Promise<number> {
    return this.clock.waiting(ms => ms >= 300 && ms < 10_000 && ms !== CONNECT_MS, count)
  }

  /** Lets the waiting time of `count` retries pass, and gives it. */
  async retry(count = 1): Promise<number> {
    const delayMs = await this.waits(count)
    this.clock.advance(delayMs)
    return delayMs
  }
}

function requestText({ path, query, verb, isStreamingList }: FakeRequest): string {
  const resource = path.slice(path.lastIndexOf('/') + 1)
  if (isStreamingList) return `streaming ${resource}`
  if (verb === 'watch') return `watch ${resource} from ${query.get('resourceVersion')}`
  const page = query.has('continue') ? ` continue ${query.get('continue')}` : ''
  return `list ${resource}${query.has('limit') ? '' : ' whole'}${page}`
}

export function service(name: string, clusterIP = '10.96.1.1', namespace = 'default') {
  return { metadata: { namespace, name }, spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } }
}
