/** How many descriptors this process may have. A leaf. */
import { readFileSync } from 'node:fs'

/** The limit as it was when the process was asked (RLIMIT_NOFILE, Linux); Infinity where no limit can be read. */
export function maxOpenFiles(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? Infinity : Number(limit)
  } catch {
    return Infinity // another system
  }
}
