/**
 * The way out: serve on through lameduck while `ready` says no, leave once the clients have found that out, or at once where
 * another process has the same addresses, answer what is in flight, then stop the stages.
 */
import { formatDuration } from '../corefile/values.ts'
import { handOverEndpoints } from '../http-endpoint.ts'
import { info } from '../log.ts'
import { announceDraining, stopStages } from './lifecycle.ts'
import type { Server } from './server.ts'
import { sleep } from './wait.ts'

const QUIET_MS = 1000
const QUIET_LIMIT_MS = 5000
const QUIET_POLL_MS = 50
/** Datagrams that had found our socket, connections that were opening, and the next question on those that are open. */
const HAND_OVER_MS = 250

/** Resolves when nothing is left to do. `hurry` skips the waiting for clients. */
export async function leave(server: Server, hurry: AbortSignal): Promise<void> {
  server.isLeaving = true
  server.watcher?.leave()
  const { current } = server
  if (current === undefined) return
  announceDraining(current)
  server.threads.drain()
  if (current.lameduckMs > 0 && !hurry.aborted) {
    info('health', `Going into lameduck mode for ${formatDuration(current.lameduckMs)}`)
    await sleep(current.lameduckMs, hurry)
  }
  if (server.sockets.haveSuccessor) await handOver(server)
  else await quiet(server, hurry)
  await Promise.all([server.sockets.close(), server.threads.leave()])
  await stopStages(current)
}

/** Lets another process on the same addresses have what comes, and answers what was on its way meanwhile. */
async function handOver({ sockets, threads }: Server): Promise<void> {
  info(undefined, 'Another process has all addresses: handing over')
  sockets.handOver()
  await Promise.all([threads.handOver(), handOverEndpoints()])
  await sleep(HAND_OVER_MS)
}

/** Until no query has come for a second, five seconds at most. */
async function quiet({ sockets, threads }: Server, hurry: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + QUIET_LIMIT_MS
  const countReceived = async () => sockets.received + (await threads.received())
  let received = await countReceived()
  let changedMs = performance.now()
  while (!hurry.aborted && performance.now() < Math.min(deadlineMs, changedMs + QUIET_MS)) {
    await sleep(QUIET_POLL_MS, hurry)
    const now = await countReceived()
    if (now !== received) {
      received = now
      changedMs = performance.now()
    }
  }
}
