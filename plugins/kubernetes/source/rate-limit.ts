/**
 * Limits on requests to the API server: a token bucket (`apiserver_qps`, `apiserver_burst`) and a number of requests in
 * flight (`apiserver_max_inflight`; a watch counts until its answer begins, as it stays open for good).
 */
import { type Clock, sleep } from '../informer/clock.ts'

/** client-go's defaults where one of both is given. */
const DEFAULT_QPS = 5
const DEFAULT_BURST = 10

export interface RateLimitSettings {
  /** Requests per second, 0 for the default; no limit if both are 0. */
  readonly qps: number
  readonly burst: number
  /** 0: no limit. */
  readonly maxInflight: number
}

export class RateLimit {
  readonly #clock: Clock
  #qps = Number.POSITIVE_INFINITY
  #burst = Number.POSITIVE_INFINITY
  #maxInflight = Number.POSITIVE_INFINITY
  #tokens = Number.POSITIVE_INFINITY
  #countedAtMs: number
  #inFlight = 0
  readonly #waiting: (() => void)[] = []

  constructor(clock: Clock, settings: RateLimitSettings) {
    this.#clock = clock
    this.#countedAtMs = clock.nowMs()
    this.retune(settings)
    this.#tokens = this.#burst
  }

  /** Other limits from now on, for those who wait too. */
  retune({ qps, burst, maxInflight }: RateLimitSettings): void {
    const limited = qps > 0 || burst > 0
    this.#qps = limited ? qps || DEFAULT_QPS : Number.POSITIVE_INFINITY
    this.#burst = limited ? burst || DEFAULT_BURST : Number.POSITIVE_INFINITY
    this.#maxInflight = maxInflight || Number.POSITIVE_INFINITY
    this.#tokens = Math.min(this.#tokens, this.#burst)
    while (this.#waiting.length > 0 && this.#inFlight < this.#maxInflight) {
      this.#inFlight++
      this.#waiting.shift()!()
    }
  }

  /** Resolves when a request may be sent, or at once if `signal` aborts; the result says that it was answered. */
  async take(signal: AbortSignal): Promise<() => void> {
    await this.#takeToken(signal)
    if (!(await this.#takePlace(signal))) return () => {}
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#inFlight--
    }
  }

  /** False if `signal` aborts before there is a place. */
  #takePlace(signal: AbortSignal): Promise<boolean> | boolean {
    if (signal.aborted) return false
    if (this.#inFlight < this.#maxInflight) {
      this.#inFlight++
      return true
    }
    return new Promise(resolve => {
      const settle = (isTaken: boolean) => {
        signal.removeEventListener('abort', giveUp)
        resolve(isTaken)
      }
      const take = () => settle(true) // the place is handed over, not freed
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        settle(false)
      }
      this.#waiting.push(take)
      signal.addEventListener('abort', giveUp)
    })
  }

  async #takeToken(signal: AbortSignal): Promise<void> {
    if (this.#burst === Number.POSITIVE_INFINITY) return
    const nowMs = this.#clock.nowMs()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#countedAtMs) / 1000) * this.#qps)
    this.#countedAtMs = nowMs
    this.#tokens-- // below zero: a debt that those who wait pay off in order
    if (this.#tokens < 0) await sleep(this.#clock, (-this.#tokens / this.#qps) * 1000, signal)
  }
}
