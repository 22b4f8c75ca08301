/** What processes use: CPU time and resident memory of a whole process tree, read from /proc (Linux). */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux port that Node runs on

export interface Usage {
  /**
   * User and system time of the process, its descendants and their threads, in seconds. By the scheduler's count, in
   * nanoseconds, of those threads that are alive; where the kernel keeps none, in hundredths of a second.
   */
  cpuS: number
  rssBytes: number
}

function tree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(fields(Number(entry))?.[1])
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const found = [pid]
  for (const at of found) found.push(...(children.get(at) ?? []))
  return found
}

/** The fields of /proc/PID/stat behind the command's name. */
function fields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined // it ended meanwhile
  }
}

export function usage(pid: number): Usage {
  let cpuS = 0
  let rssBytes = 0
  for (const one of tree(pid)) {
    const stat = fields(one)
    if (!stat) continue
    cpuS += scheduledS(one) ?? (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND
    rssBytes += Number(stat[21]) * 4096
  }
  return { cpuS, rssBytes }
}

/** Seconds that the threads of a process had a processor, undefined where the kernel does not count them. */
function scheduledS(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    let ns = 0
    for (const thread of threads)
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    return ns / 1e9
  } catch {
    return undefined
  }
}

/** The most that the process had resident at once, since it began or since `resetPeak`. */
export function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
