/** One run of dnsperf against one server, with what the server used meanwhile. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { usage } from './process.ts'

export interface Target {
  name: string
  address: string
  port: number
  pid: number
}

export interface Run {
  queriesPerS: number
  completed: number
  lost: number
  /** Replies by rcode. */
  rcodes: Map<string, number>
  /** Octets of a reply, on average. */
  replyBytes: number
  cpuUsPerQuery: number
  /** Queries that one core's worth of CPU time answers in a second. */
  queriesPerCoreS: number
  rssBytes: number
}

export interface Load {
  /** Questions, `NAME TYPE` a line; with `binary` whole messages, each behind its length in two octets. */
  file: string
  binary?: boolean
  seconds: number
  /** Queries a second; none: as fast as it goes. */
  pace?: number
  clients?: number
  /** Threads of dnsperf; one if not said. */
  generators?: number
  /** Queries that are open at one time, 500 if not said. */
  outstanding?: number
  /** How often the file is asked at most. */
  passes?: number
  tcp?: boolean
}

/** What dnsperf says at its end. */
export type Told = Pick<Run, 'queriesPerS' | 'completed' | 'lost' | 'rcodes' | 'replyBytes'>

export async function dnsperf(target: Target, load: Load): Promise<Run> {
  const before = usage(target.pid)
  const { stdout } = await promisify(execFile)('dnsperf', argumentsOf(target, load), {
    timeout: (load.seconds + 30) * 1000,
    maxBuffer: 1 << 26,
  })
  const after = usage(target.pid)
  const told = readTold(stdout)
  const cpuS = after.cpuS - before.cpuS
  const { completed } = told
  return {
    ...told,
    cpuUsPerQuery: (cpuS * 1e6) / completed,
    queriesPerCoreS: completed / cpuS,
    rssBytes: after.rssBytes,
  }
}

export function argumentsOf(target: Target, load: Load): string[] {
  const args = ['-s', target.address, '-p', `${target.port}`, '-d', load.file, '-l', `${load.seconds}`]
  args.push('-T', `${load.generators ?? 1}`)
  args.push('-c', `${load.clients ?? 8}`, '-q', `${load.outstanding ?? 500}`, '-t', '2')
  if (load.pace) args.push('-Q', `${load.pace}`)
  if (load.passes) args.push('-n', `${load.passes}`)
  if (load.tcp) args.push('-m', 'tcp')
  if (load.binary) args.push('-B')
  return args
}

/** Reads what dnsperf prints. @throws Error where it says nothing of its queries */
export function readTold(text: string): Told {
  const number = (label: string) => Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(text)?.[1] ?? Number.NaN)
  const completed = number('Queries completed')
  if (Number.isNaN(completed)) throw new Error(`dnsperf tells nothing of its queries: ${text.slice(-500)}`)
  const rcodes = new Map([...text.matchAll(/([A-Z]+) (\d+) \([\d.]+%\)/g)].map(match => [match[1]!, Number(match[2])]))
  return {
    queriesPerS: number('Queries per second'),
    completed,
    lost: number('Queries lost'),
    rcodes,
    replyBytes: Number(/Average packet size:.* response (\d+)/.exec(text)?.[1] ?? Number.NaN),
  }
}
