/** Latency of each query of a dnsperf run: it tells all of them, one a line, where it is asked to. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { percentile } from './ask.ts'
import { argumentsOf, type Load, type Target } from './dnsperf.ts'

export interface Latencies {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  readonly answered: number
  readonly lost: number
}

/** Runs dnsperf with `load` and takes the time of every reply. */
export async function latencies(target: Target, load: Load): Promise<Latencies> {
  const args = argumentsOf(target, { clients: 4, ...load })
  const child = spawn('dnsperf', [...args, '-v'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const tookMs: number[] = []
  let lost = 0
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('> T ')) lost++
    else if (line.startsWith('> ')) tookMs.push(Number(line.slice(line.lastIndexOf(' ') + 1)) * 1000)
  }
  const [p50Ms, p99Ms, p999Ms, maxMs] = [0.5, 0.99, 0.999, 1].map(share => percentile(tookMs, share)) as [
    number,
    number,
    number,
    number,
  ]
  return { p50Ms, p99Ms, p999Ms, maxMs, answered: tookMs.length, lost }
}
