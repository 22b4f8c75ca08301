/** How many descriptors this process may have, and how many of them whom. A leaf. */
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** So many are for none of those below: Node's own, and those of listeners, endpoints, watches and files. */
const KEPT = 48
/** Each thread beside the main one has so many of its own. */
const OF_THREAD = 9
/** Nobody is left with less than this. */
const LEAST = 4

/** Who shares what is for DNS clients over streams, in this thread; others have the same. */
let sharers = 0

/** So many more share it, or fewer: a listener, and one for those whose handshake is not done. */
export function shareFiles(more: number): void {
  sharers += more
}

/** What each of them may have, together with its counterparts in other `threads`. */
export function filesForClients(threads = 1): number {
  const limit = maxOpenFiles()
  const left = limit - KEPT - (threads - 1) * OF_THREAD
  return Math.max(LEAST, Math.floor(Math.min(limit / 2, left) / Math.max(1, sharers)))
}

/** UDP sockets to upstreams, in this one of `threads`. Beside the main one each takes a second descriptor, to be watched. */
export function socketsForUpstreams(threads: number): number {
  const share = Math.max(LEAST, Math.floor((maxOpenFiles() - KEPT) / 4))
  return share / threads / (isMainThread ? 1 : 2)
}

/** The share of each HTTP endpoint's clients. */
export function filesForEndpoint(): number {
  return Math.max(LEAST, Math.floor(maxOpenFiles() / 16))
}

let limit = 0

/** RLIMIT_NOFILE as it was at first (Linux); Infinity where no limit can be read. */
function maxOpenFiles(): number {
  limit ||= readLimit()
  return limit
}

function readLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return found === undefined ? Infinity : Number(found)
  } catch {
    return Infinity // another system
  }
}
