/**
 * `health`: GET /health says that the process runs, also during lameduck; and how long SIGTERM goes on serving. Once a
 * second it asks itself, so that a loop that is kept busy shows in the metrics before the kubelet sees it.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { together } from '../../server/corefile/directive.ts'
import { type HttpAddress, type HttpEndpoint, openHttpEndpoint, respond } from '../../server/http-endpoint.ts'
import { warn } from '../../server/log.ts'
import { cells, counter, histogram, SLIM_TIME_BOUNDS } from '../../server/metrics.ts'
import type { Directive, Occurrence, Plugin, Property, Site, Stage } from '../../server/plugin.ts'

const DEFAULT_PORT = 8080
const PROBE_MS = 1000
const PROBE_TIMEOUT_MS = 3000
const SLOW_MS = 1000
/** By hand: the HTTP client of Node would cost 2 MB for one request a second. */
const REQUEST = 'GET /health HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n'
const OK = /^HTTP\/1\.1 200 /

const duration = histogram(
  'coredns_health_request_duration_seconds',
  'Time that a request to the own health endpoint took.',
  SLIM_TIME_BOUNDS,
)()
const failures = counter('coredns_health_request_failures_total', 'Requests to the own health endpoint that failed.')()

export const plugin: Plugin = { name: 'health', setup }

function setup(directive: Directive, site: Site): Stage {
  const addresses = directive.map(occurrence => parse(occurrence, site))
  return new Health(addresses)
}

function parse(occurrence: Occurrence, site: Site): HttpAddress {
  let address: HttpAddress = { host: '', port: DEFAULT_PORT }
  const lameduck = (property: Property) => {
    const lameduckMs = property.argument().duration()
    site.control.lameduckMs = Math.max(site.control.lameduckMs, lameduckMs)
  }
  together(
    () => {
      address = occurrence.optionalArgument()?.hostPort() ?? address
    },
    () => occurrence.each({ lameduck }),
  )
  return address
}

/** The health endpoints of one server block. */
export class Health implements Stage {
  readonly isOnce = true
  readonly #addresses: readonly HttpAddress[]
  readonly #endpoints: HttpEndpoint[] = []
  #timer: NodeJS.Timeout | undefined
  #isProbing = false

  constructor(addresses: readonly HttpAddress[]) {
    this.#addresses = addresses
  }

  /** The ports that are open, in the order of the Corefile. */
  get ports(): readonly number[] {
    return this.#endpoints.map(({ port }) => port)
  }

  async start(): Promise<void> {
    try {
      for (const address of this.#addresses) {
        this.#endpoints.push(await openHttpEndpoint(address, '/health', (_, response) => respond(response, 200, 'OK')))
      }
    } catch (cause) {
      await this.stop()
      throw cause
    }
  }

  serving(): void {
    for (const endpoint of this.#endpoints) endpoint.activate()
    this.#timer = setInterval(() => this.probe(), PROBE_MS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const endpoint of this.#endpoints.splice(0)) await endpoint.close()
  }

  /** One request to the first of the endpoints, as the kubelet makes it. */
  async probe(): Promise<void> {
    const [port] = this.ports
    if (port === undefined || this.#isProbing) return
    this.#isProbing = true
    const startedAtMs = performance.now()
    const socket = connect(port, this.#addresses[0]!.host || 'localhost')
    try {
      socket.write(REQUEST)
      const [head] = await once(socket, 'data', { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
      if (!OK.test(head.toString('latin1'))) throw new Error('expected status 200')
      this.#probed(performance.now() - startedAtMs)
    } catch {
      if (this.ports.includes(port)) cells[failures]! += 1 // else it was stopped meanwhile
    } finally {
      this.#isProbing = false
      socket.destroy()
    }
  }

  #probed(tookMs: number): void {
    duration.observe(tookMs / 1000)
    if (tookMs > SLOW_MS) warn('health', `the own health request took ${Math.round(tookMs)} ms`)
  }
}
