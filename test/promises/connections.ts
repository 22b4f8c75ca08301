/** Many TCP connections to the server, from several addresses, and what became of each. */
import { connect, type Socket } from 'node:net'
import { delay } from '../harness/time.ts'
import type { Subject } from './subject.ts'

/** Clients are 127.0.1.1 and the next ones: one address has not enough ports for all. */
const ADDRESSES = 8
/** So many are opened between two turns of the loop. */
const AT_ONCE = 50

export interface Flooder {
  readonly socket: Socket
  openedMs: number
  /** 0 while it is open. */
  closedMs: number
}

/** Opens `count` connections, and calls `begin` with each one that is open. */
export async function openMany(
  { address, port }: Subject,
  count: number,
  begin: (flooder: Flooder) => void = () => {},
): Promise<Flooder[]> {
  const flooders: Flooder[] = []
  let open = 0
  for (let i = 0; i < count; i++) {
    const localAddress = `127.0.1.${1 + (i % ADDRESSES)}`
    const socket = connect({ port, host: address, localAddress, noDelay: true, allowHalfOpen: false })
    const flooder: Flooder = { socket, openedMs: 0, closedMs: 0 }
    socket.once('connect', () => {
      open++
      flooder.openedMs = performance.now()
      begin(flooder)
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      flooder.closedMs = performance.now()
    })
    flooders.push(flooder)
    if (i % AT_ONCE === 0) await new Promise(resolve => setImmediate(resolve))
  }
  for (const endMs = performance.now() + 10_000; open < count && performance.now() < endMs; ) await delay(10)
  return flooders
}

/** Resolves when all are closed; false where one is open after `ms`. */
export async function allClosed(flooders: readonly Flooder[], ms: number): Promise<boolean> {
  for (const endMs = performance.now() + ms; performance.now() < endMs; await delay(10)) {
    if (flooders.every(({ closedMs }) => closedMs > 0)) return true
  }
  return false
}

/** How long they were open, ms: the one that was so for the shortest time, the middle one, and the one for the longest. */
export function timesOpenMs(flooders: readonly Flooder[]): { shortestMs: number; middleMs: number; longestMs: number } {
  const sorted = flooders.map(({ openedMs, closedMs }) => closedMs - openedMs).sort((a, b) => a - b)
  return { shortestMs: sorted[0]!, middleMs: sorted[sorted.length >> 1]!, longestMs: sorted.at(-1)! }
}

export function end(flooders: readonly Flooder[]): void {
  for (const { socket } of flooders) socket.destroy()
}
