/**
 * How long one upstream takes to answer: smoothed with its deviation (RFC 6298 §2), and the time within which 95 of 100
 * answers came, lately. From both follow two waits: when a second upstream is asked as well, and when silence is odd.
 */

const MIN_PATIENCE_MS = 200
const MAX_PATIENCE_MS = 800
/** Nobody is asked besides sooner: below, the turn of a busy loop looks like a slow upstream. */
const MIN_HEDGE_MS = 10
const FIRST_BUCKET_MS = 0.25
const BUCKETS_PER_DOUBLING = 4 // a bucket ends 19 % above where it begins
const BUCKETS = 64 // up to 16 s
const HALF_LIFE = 512 // answers, after which those before them count half
const ENOUGH = 20 // answers, before a share of them means anything
const SLOWEST_SHARE = 0.05

export class Latency {
  /** Milliseconds; negative until something is known. */
  smoothedMs = -1
  #deviationMs = 0
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0
  #untilHalved = HALF_LIFE
  #p95Ms = -1

  /** Takes in the time of one answer. */
  observe(ms: number): void {
    if (this.smoothedMs < 0) {
      this.smoothedMs = ms
      this.#deviationMs = ms / 2
    } else {
      this.#deviationMs += (Math.abs(ms - this.smoothedMs) - this.#deviationMs) / 4
      this.smoothedMs += (ms - this.smoothedMs) / 8
    }
    this.#counts[bucketOf(ms)]! += 1
    this.#total++
    if (--this.#untilHalved === 0) this.#halve()
    this.#p95Ms = -1
  }

  /** The time within which 95 of 100 answers came, in milliseconds; negative while too few are known. */
  get p95Ms(): number {
    if (this.#total < ENOUGH) return -1
    if (this.#p95Ms < 0) this.#p95Ms = this.#quantile()
    return this.#p95Ms
  }

  /** How long it may be silent before that is odd, in milliseconds. */
  get patienceMs(): number {
    if (this.smoothedMs < 0) return MAX_PATIENCE_MS
    return Math.min(MAX_PATIENCE_MS, Math.max(MIN_PATIENCE_MS, this.smoothedMs + 4 * this.#deviationMs))
  }

  /** How long a query waits before another upstream is asked as well, in milliseconds. */
  get hedgeMs(): number {
    const { p95Ms } = this
    return p95Ms < 0 ? this.patienceMs : Math.min(this.patienceMs, Math.max(MIN_HEDGE_MS, p95Ms))
  }

  /** Takes over what another one knows. */
  inherit(from: Latency): void {
    this.smoothedMs = from.smoothedMs
    this.#deviationMs = from.#deviationMs
    this.#counts.set(from.#counts)
    this.#total = from.#total
    this.#untilHalved = from.#untilHalved
    this.#p95Ms = -1
  }

  #quantile(): number {
    let slower = 0
    let bucket = BUCKETS - 1
    for (; bucket > 0; bucket--) {
      slower += this.#counts[bucket]!
      if (slower > this.#total * SLOWEST_SHARE) break
    }
    return FIRST_BUCKET_MS * 2 ** ((bucket + 1) / BUCKETS_PER_DOUBLING)
  }

  #halve(): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i]! /= 2
    this.#total /= 2
    this.#untilHalved = HALF_LIFE
  }
}

function bucketOf(ms: number): number {
  if (ms <= FIRST_BUCKET_MS) return 0
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(ms / FIRST_BUCKET_MS) * BUCKETS_PER_DOUBLING))
}
