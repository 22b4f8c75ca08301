/**
 * `reload`: looks from time to time whether the Corefile says something else, and asks for a reload if it does. The
 * reload itself is the control plane's.
 */
import { randomInt } from 'node:crypto'
import { together } from '../../server/corefile/directive.ts'
import type { CorefileError } from '../../server/corefile/error.ts'
import { error, info } from '../../server/log.ts'
import { cells, counter } from '../../server/metrics.ts'
import type { Argument, Directive, Plugin, Site, Stage } from '../../server/plugin.ts'

const DEFAULT_INTERVAL_MS = 30_000
const DEFAULT_JITTER_MS = 15_000
const MIN_INTERVAL_MS = 2000
const MIN_JITTER_MS = 1000
/** What failed is tried again after this many intervals, if it still says the same: what it lacked may be there now. */
const RETRY_INTERVALS = 10

const failed = counter('coredns_reload_failed_total', 'Configurations that could not be taken over.')()

export const plugin: Plugin = { name: 'reload', setup }

function setup(directive: Directive, site: Site): Stage {
  const occurrence = directive.once()
  occurrence.noBlock()
  const [interval, jitter] = occurrence.arguments(0, 2)
  let intervalMs = DEFAULT_INTERVAL_MS
  let jitterMs = DEFAULT_JITTER_MS
  together(
    () => {
      intervalMs = interval?.duration({ minMs: MIN_INTERVAL_MS }, 'interval') ?? intervalMs
    },
    () => {
      jitterMs = jitter?.duration({}, 'jitter') ?? jitterMs
      if (jitterMs > 0 && jitterMs < MIN_JITTER_MS) throw shortJitter(jitter!)
    },
  )
  return new Reload(intervalMs, Math.min(jitterMs, intervalMs / 2), site)
}

function shortJitter(jitter: Argument): CorefileError {
  return jitter.error(`invalid jitter "${jitter.text}", expected 0s or at least 1s`, 'COREFILE_INVALID_DURATION')
}

/** Watches the Corefile. Of several in one configuration only the last one does. */
export class Reload implements Stage {
  readonly isOnce = true
  readonly #intervalMs: number
  readonly #jitterMs: number
  readonly #site: Site
  #timer: NodeJS.Timeout | undefined
  #failure = ''
  #intervalsToRetry = 0

  constructor(intervalMs: number, jitterMs: number, site: Site) {
    this.#intervalMs = intervalMs
    this.#jitterMs = jitterMs
    this.#site = site
  }

  /** How long until the next look: the interval, give or take half the jitter. */
  delayMs(): number {
    const spreadMs = Math.floor(this.#jitterMs)
    return Math.round(this.#intervalMs - this.#jitterMs / 2) + (spreadMs > 0 ? randomInt(spreadMs + 1) : 0)
  }

  serving(): void {
    const { control } = this.#site
    if (this.#site.peers('reload', true).at(-1) !== this) return
    info('reload', `Running configuration SHA512 = ${control.configuration.fingerprint}`)
    this.#schedule()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One look. Asks for a reload where the Corefile says something that was not tried just before. */
  async check(): Promise<void> {
    const { control } = this.#site
    let fingerprint: string
    try {
      fingerprint = await control.fingerprint()
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause)
      if (!this.#isNew(text)) return
      cells[failed]! += 1
      error('reload', `the new Corefile is not taken over:\n${text}`, cause)
      return
    }
    if (fingerprint === control.configuration.fingerprint) this.#failure = ''
    else if (this.#isNew(fingerprint)) await control.reload('the Corefile changed')
  }

  /** Whether this configuration, or this mistake in it, is worth a try. */
  #isNew(failure: string): boolean {
    if (failure === this.#failure && --this.#intervalsToRetry > 0) return false
    this.#failure = failure
    this.#intervalsToRetry = RETRY_INTERVALS
    return true
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#tick(), this.delayMs()).unref()
  }

  async #tick(): Promise<void> {
    const timer = this.#timer
    await this.check()
    if (this.#timer === timer) this.#schedule()
  }
}
