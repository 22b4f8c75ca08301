/** Latency of each query of a dnsperf run, however long: it tells all of them, one a line, and they are counted as they come. */
import { spawn } from 'node:child_process'
import { argumentsOf, type Load, type Target } from './dnsperf.ts'

/** Width of a bucket, in seconds: dnsperf writes microseconds. */
const BUCKET_S = 1e-5
const BUCKETS = 200_000 // 2 s, after which dnsperf gives a query up

/** How many queries took how long, to 0.01 ms. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS)
  /** Replies by rcode. */
  readonly rcodes = new Map<string, number>()
  answered = 0
  lost = 0
  maxMs = 0

  /** Takes a line of `dnsperf -v`: `> NOERROR name A 0.000123`, or `> T name A`. */
  take(line: string): void {
    if (line.startsWith('> T ')) this.lost++
    else if (line.startsWith('> ')) {
      const rcode = line.slice(2, line.indexOf(' ', 2))
      this.rcodes.set(rcode, (this.rcodes.get(rcode) ?? 0) + 1)
      const tookS = Number(line.slice(line.lastIndexOf(' ') + 1))
      this.#counts[Math.min(BUCKETS - 1, Math.floor(tookS / BUCKET_S))]! += 1
      this.answered++
      this.maxMs = Math.max(this.maxMs, tookS * 1000)
    }
  }

  get p50Ms(): number {
    return this.#percentileMs(0.5)
  }
  get p99Ms(): number {
    return this.#percentileMs(0.99)
  }
  get p999Ms(): number {
    return this.#percentileMs(0.999)
  }

  /** Queries that took longer, of a million that were answered. */
  overOfMillion(ms: number): number {
    const over = this.#counts.subarray(Math.ceil(ms / 1000 / BUCKET_S)).reduce((sum, count) => sum + count, 0)
    return (over / this.answered) * 1e6
  }

  #percentileMs(share: number): number {
    let left = this.answered * share
    const bucket = this.#counts.findIndex(count => {
      left -= count
      return left < 0
    })
    return bucket < 0 ? Number.NaN : Math.min(this.maxMs, (bucket + 1) * BUCKET_S * 1000)
  }
}

/** Runs dnsperf with `load` and takes the time of every reply. */
export async function latencies(target: Target, load: Load): Promise<Latencies> {
  const args = argumentsOf(target, { clients: 4, ...load })
  const child = spawn('dnsperf', [...args, '-v'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const found = new Latencies()
  let rest = ''
  for await (const chunk of child.stdout.setEncoding('latin1')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) found.take(line)
  }
  return found
}
