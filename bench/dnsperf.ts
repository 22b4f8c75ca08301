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
  cpuUsPerQuery: number
  /** Queries that one core's worth of CPU time answers in a second. */
  queriesPerCoreS: number
  rssBytes: number
}

export interface Load {
  file: string
  seconds: number
  /** Queries a second; none: as fast as it goes. */
  pace?: number
  clients?: number
  /** Queries that are open at one time, 500 if not said. */
  outstanding?: number
  /** How often the file is asked at most. */
  passes?: number
  tcp?: boolean
}

export async function dnsperf(target: Target, load: Load): Promise<Run> {
  const args = ['-s', target.address, '-p', `${target.port}`, '-d', load.file, '-l', `${load.seconds}`, '-T', '1']
  args.push('-c', `${load.clients ?? 8}`, '-q', `${load.outstanding ?? 500}`, '-t', '2')
  if (load.pace) args.push('-Q', `${load.pace}`)
  if (load.passes) args.push('-n', `${load.passes}`)
  if (load.tcp) args.push('-m', 'tcp')
  const before = usage(target.pid)
  const { stdout } = await promisify(execFile)('dnsperf', args, {
    timeout: (load.seconds + 30) * 1000,
    maxBuffer: 1 << 26,
  })
  const after = usage(target.pid)
  const number = (label: string) => Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN)
  const completed = number('Queries completed')
  const cpuS = after.cpuS - before.cpuS
  const rcodes = new Map(
    [...stdout.matchAll(/([A-Z]+) (\d+) \([\d.]+%\)/g)].map(match => [match[1]!, Number(match[2])]),
  )
  return {
    queriesPerS: number('Queries per second'),
    completed,
    lost: number('Queries lost'),
    rcodes,
    cpuUsPerQuery: (cpuS * 1e6) / completed,
    queriesPerCoreS: completed / cpuS,
    rssBytes: after.rssBytes,
  }
}
