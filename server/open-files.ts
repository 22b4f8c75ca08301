/** How many descriptors this process may have, and how many of them whom. A leaf. */
import { readFileSync } from 'node:fs'

/** So many are for none of those below: Node's own, and those of listeners, endpoints, watches and files. */
const KEPT = 48
/** Nobody is left with less than this. */
const LEAST = 4

/** The share of DNS clients over TCP, at each listener. */
export function filesForClients(): number {
  const limit = maxOpenFiles()
  return Math.max(LEAST, Math.floor(Math.min(limit / 2, limit - KEPT)))
}

/** The share of UDP sockets to upstreams. */
export function filesForUpstreams(): number {
  return Math.max(LEAST, Math.floor((maxOpenFiles() - KEPT) / 4))
}

/** The share of each HTTP endpoint's clients. */
export function filesForEndpoint(): number {
  return Math.max(LEAST, Math.floor(maxOpenFiles() / 16))
}

/** The limit as it was when the process was asked (RLIMIT_NOFILE, Linux); Infinity where no limit can be read. */
function maxOpenFiles(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? Infinity : Number(limit)
  } catch {
    return Infinity // another system
  }
}
