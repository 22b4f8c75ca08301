/** The time of each query of a run as long as one likes: dnsperf tells all of them, counted here as they come. */
import { spawn } from 'node:child_process'
import type { Load, Target } from './dnsperf.ts'

/** Width of a bucket, in seconds: dnsperf writes microseconds. */
const BUCKET_S = 1e-5
const BUCKETS = 200_000 // 2 s, after which dnsperf gives a query up

/** How many queries took how long, to 0.01 ms. */
export class Times {
  readonly #counts = new Uint32Array(BUCKETS)
  answered = 0
  lost = 0
  longestMs = 0

  /** Takes a line of `dnsperf -v`: `> NOERROR name A 0.000123`, or `> T name A`. */
  take(line: string): void {
    if (line.startsWith('> T ')) this.lost++
    else if (line.startsWith('> ')) {
      const tookS = Number(line.slice(line.lastIndexOf(' ') + 1))
      this.#counts[Math.min(BUCKETS - 1, Math.floor(tookS / BUCKET_S))]! += 1
      this.answered++
      this.longestMs = Math.max(this.longestMs, tookS * 1000)
    }
  }

  percentileMs(share: number): number {
    let left = this.answered * share
    const bucket = this.#counts.findIndex(count => {
      left -= count
      return left < 0
    })
    return bucket < 0 ? Number.NaN : (bucket + 1) * BUCKET_S * 1000
  }

  /** Queries that took longer. */
  over(ms: number): number {
    return this.#counts.subarray(Math.ceil(ms / 1000 / BUCKET_S)).reduce((sum, count) => sum + count, 0)
  }
}

/** Runs dnsperf with `load` and takes the time of every reply. */
export async function queryTimes(target: Target, load: Load): Promise<Times> {
  const args = ['-s', target.address, '-p', `${target.port}`, '-d', load.file, '-l', `${load.seconds}`, '-T', '1', '-v']
  args.push('-c', `${load.clients ?? 4}`, '-q', `${load.outstanding ?? 500}`, '-t', '2')
  if (load.pace) args.push('-Q', `${load.pace}`)
  const child = spawn('dnsperf', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const times = new Times()
  let rest = ''
  for await (const chunk of child.stdout.setEncoding('latin1')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) times.take(line)
  }
  return times
}
