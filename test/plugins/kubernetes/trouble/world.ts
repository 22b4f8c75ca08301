/**
 * A cluster whose API server gets into trouble: the fake API server, a source that follows it, a `kubernetes` stage over
 * its index with another server behind it, and a clock that stands still. Time passes from timer to timer, and before
 * each step all that is under way comes to rest, so that hours are played in seconds, and figures are exact.
 */
import * as assert from 'uvu/assert'
import { acquireFeed, type Feed } from '../../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../../plugins/kubernetes/handler.ts'
import { ApiSource } from '../../../../plugins/kubernetes/source/api.ts'
import type { ApiSettings } from '../../../../plugins/kubernetes/source/source.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { empty } from '../../../../server/reply.ts'
import { RCODE } from '../../../../server/wire/codes.ts'
import {
  FakeApiServer,
  type FakeApiServerOptions,
  type FakeObject,
  NAMESPACES,
  SERVICES,
  SLICES,
} from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { type Chain, testSite, wire } from '../../../harness/stage.ts'
import { namespace, service, settingsOf, slice } from '../cluster.ts'

export const RESOURCES = [SERVICES, SLICES, NAMESPACES]
const ZONES = 'cluster.local in-addr.arpa ip6.arpa'
/** What the server behind answers to everything. */
const ELSEWHERE = 'YXDOMAIN'

/** Figures are as exact as this, or as half a percent of the time that is given. */
const STEP_MS = 200

/** What is asked throughout, and what is known of it. */
const KNOWN: [name: string, type: string, is: RegExp][] = [
  ['web.default.svc.cluster.local', 'A', / A 10\.96\.0\.10$/],
  ['db.default.svc.cluster.local', 'A', / A 10\.244\.1\.1$/],
  ['10.0.96.10.in-addr.arpa', 'PTR', / PTR web\.default\.svc\.cluster\.local\.$/],
  ['10-1-1-1.default.pod.cluster.local', 'A', / A 10\.1\.1\.1$/],
  ['nobody.default.svc.cluster.local', 'A', /^NXDOMAIN/],
  ['web.nowhere.svc.cluster.local', 'A', /^NXDOMAIN/],
  ['9.9.168.192.in-addr.arpa', 'PTR', /^YXDOMAIN/],
]

export interface TroubleOptions {
  readonly server?: FakeApiServerOptions
  /** Lines of the Corefile's block. */
  readonly body?: string
  /** Instead of what the Corefile says. */
  readonly settings?: Partial<ApiSettings>
  /** The API server offers no streaming lists. */
  readonly pages?: boolean
  /** A source that finds its way to the API server in another way. */
  readonly makeSource?: (world: TroubleWorld, settings: ApiSettings) => ApiSource
  /** False: the scenario starts the stage itself. */
  readonly start?: boolean
  /** From 0 to 1; 1, the longest waits, if not given. */
  readonly jitter?: () => number
  /** All is at rest if nothing happened for this long, twice, in real time: 1 if not given. */
  readonly restMs?: number
  /** Prints no figures. */
  readonly isQuiet?: boolean
}

let feeds = 0

export class TroubleWorld {
  readonly clock = new FakeClock()
  /** `warn …`, `error …`, `info …` */
  readonly logged: string[] = []
  server!: FakeApiServer
  stage!: Kubernetes
  feed!: Feed
  readonly jitter: () => number
  readonly #restMs: number
  #chain!: Omit<Chain, 'stages'>
  #isStarted = false
  /** How long it took, by what. */
  readonly #took = new Map<string, string[]>()
  #log = {
    info: (_: string | undefined, text: string) => void this.logged.push(`info ${text}`),
    warn: (_: string | undefined, text: string) => void this.logged.push(`warn ${text}`),
    error: (_: string | undefined, text: string) => void this.logged.push(`error ${text}`),
  }

  private constructor(jitter: () => number, restMs: number) {
    this.jitter = jitter
    this.#restMs = restMs
  }

  static async run(
    scenario: (world: TroubleWorld) => Promise<void>,
    {
      server,
      body = '',
      settings,
      pages = false,
      makeSource,
      start = true,
      jitter = () => 1,
      restMs = 1,
      isQuiet = false,
    }: TroubleOptions = {},
  ): Promise<void> {
    const world = new TroubleWorld(jitter, restMs)
    world.server = await FakeApiServer.start({ clock: world.clock, ...server })
    world.server.streamingLists = !pages
    world.#fill()
    world.#set(body, settings, makeSource)
    try {
      if (start) {
        await world.start()
        await world.isKnown()
      }
      await scenario(world)
    } finally {
      if (!isQuiet) for (const [what, times] of world.#took) console.log(`    ${what}: after ${times}`)
      if (world.#isStarted) await world.stage.stop()
      await world.server.close().catch(() => {})
    }
  }

  /** What the source is made with. */
  get sourceOptions() {
    return { clock: this.clock, jitter: this.jitter, log: this.#log }
  }

  async start(): Promise<void> {
    this.#isStarted = true
    await this.stage.start(undefined)
  }

  ask(name: string, type = 'A'): Promise<string> {
    return this.#chain.ask(name, { type })
  }

  send(message: Uint8Array): Promise<Uint8Array> {
    return this.#chain.send(message)
  }

  /** Everything that is known is answered, and denied, as it was. */
  async isKnown(): Promise<void> {
    for (const [name, type, is] of KNOWN) assert.match(await this.ask(name, type), is)
    assert.is(this.stage.ready(), true)
  }

  /** True if a service is answered with this address; empty: does not exist. */
  async has(name: string, address: string): Promise<boolean> {
    const reply = await this.ask(`${name}.default.svc.cluster.local`)
    return address === '' ? reply.startsWith('NXDOMAIN') : reply.endsWith(` A ${address}`)
  }

  /** Resolves once all that is under way has come to rest. */
  async rest(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet++) {
      const before = this.#activity()
      await new Promise(resolve => setTimeout(resolve, this.#restMs))
      if (this.#activity() !== before) quiet = -1
    }
  }

  /** Lets time pass, as if nothing happened but what the clock brings; all the while everything known is answered. */
  async pass(ms: number, isKnown = true): Promise<void> {
    const untilMs = this.clock.nowMs() + ms
    await this.rest()
    for (let asked = 0; this.clock.nowMs() < untilMs; asked++) {
      this.clock.advance(Math.min(this.clock.nextMs, untilMs - this.clock.nowMs()))
      await this.rest()
      if (isKnown && asked % 16 === 0) await this.isKnown()
    }
    if (isKnown) await this.isKnown()
  }

  /** Lets time pass until `met`, and gives it in milliseconds; fails after `withinMs`. */
  async until(what: string, withinMs: number, met: () => Promise<boolean> | boolean): Promise<number> {
    const fromMs = this.clock.nowMs()
    await this.rest()
    for (;;) {
      const tookMs = this.clock.nowMs() - fromMs
      if (await met()) {
        this.#took.set(what, [...(this.#took.get(what) ?? []), `${(tookMs / 1000).toFixed(1)} s`])
        return tookMs
      }
      const stepMs = Math.min(this.clock.nextMs, withinMs - tookMs, Math.max(STEP_MS, withinMs / 200))
      assert.ok(
        stepMs > 0 || this.clock.nextMs <= 0,
        `${what}: not within ${withinMs / 1000} s\n${this.logged.join('\n')}`,
      )
      this.clock.advance(stepMs)
      await this.rest()
    }
  }

  /** Lets time pass until the source has asked once more. */
  async untilAsked(): Promise<void> {
    const asked = this.server.requests.length
    while (this.server.requests.length === asked) await this.pass(this.clock.nextMs, false)
  }

  /** While nobody looks: one service comes, one goes, one changes. */
  changeMeanwhile(round = 1): void {
    const { server } = this
    if (round > 1) server.delete(SERVICES, 'default', `come${round - 1}`)
    else server.delete(SERVICES, 'default', 'gone')
    server.put(SERVICES, service(`come${round}.default`, ['10.96.2.1']))
    server.put(SERVICES, service('change.default', [`10.96.3.${round}`]))
    server.put(SLICES, slice('late-1.default', 'late', [`10.244.9.${round}`]))
    server.put(NAMESPACES, namespace(`new${round}`))
  }

  /** Lets time pass until all that `changeMeanwhile` did is seen; gives it in milliseconds. */
  async converges(withinMs = 5_000, round = 1): Promise<number> {
    const before = round > 1 ? `come${round - 1}` : 'gone'
    const tookMs = await this.until('converged', withinMs, async () => {
      const seen = await Promise.all([
        this.has(`come${round}`, '10.96.2.1'),
        this.has(before, ''),
        this.has('change', `10.96.3.${round}`),
        this.has('late', `10.244.9.${round}`),
        this.ask(`10-1-1-1.new${round}.pod.cluster.local`).then(reply => reply.startsWith('NOERROR')),
      ])
      return seen.every(Boolean)
    })
    await this.isKnown()
    return tookMs
  }

  /** Samples of a metric by resource. */
  metric(name: string): Record<string, number> {
    const family = families.get(name)
    family?.refresh?.()
    return Object.fromEntries(
      [...(family?.children.values() ?? [])].map(({ values, cell }) => [values[0]!, cells[cell]!]),
    )
  }

  /** The sum of a histogram. */
  sum(name: string, label: string): number {
    const { bounds, children } = families.get(name)!
    return cells[children.get(label)!.cell + bounds!.length + 1]!
  }

  #activity(): string {
    const { clock, server, feed } = this
    // Octets that are under way show in nothing but what they change.
    const changes = `${feed.indexes.cluster.changes} ${feed.indexes.clusterSet?.changes}`
    return `${clock.changes} ${server.requests.length} ${server.connections} ${server.unsentBytes} ${changes}`
  }

  #fill(): void {
    const objects: [path: string, object: FakeObject][] = [
      [NAMESPACES, namespace('default')],
      [SERVICES, service('web.default', ['10.96.0.10'])],
      [SERVICES, service('db.default', [])],
      [SERVICES, service('late.default', [])],
      [SERVICES, service('gone.default', ['10.96.0.11'])],
      [SERVICES, service('change.default', ['10.96.0.12'])],
      [SLICES, slice('db-1.default', 'db', ['10.244.1.1'])],
      [SLICES, slice('late-1.default', 'late', ['10.244.9.99'])],
    ]
    for (const [path, object] of objects) this.server.put(path, object)
  }

  #set(body: string, over: TroubleOptions['settings'], makeSource: TroubleOptions['makeSource']): void {
    const lines = ['pods insecure', 'fallthrough in-addr.arpa ip6.arpa', body]
    if (makeSource === undefined) lines.push(`endpoint ${this.server.url}`)
    const settings = settingsOf(ZONES, lines.join('\n'))
    const api = { ...(settings.source as { api: ApiSettings }).api, ...over }
    this.feed = acquireFeed(`trouble ${feeds++}`, {
      kinds: api.kinds,
      endpointPodNames: false,
      makeSource: () => makeSource?.(this, api) ?? new ApiSource(api, this.sourceOptions),
    })
    this.stage = new Kubernetes(settings, testSite(), this.feed)
    this.stage.link()
    this.#chain = wire([this.stage, { handle: q => empty(q, RCODE[ELSEWHERE]) }])
  }
}
