/** Ports of 127.0.0.1 for the servers of a run. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

// Below are well-known ones, above those that sockets of clients and of forwarders get.
const FIRST = 10_000
const LAST = 32_767

/** Ports that nobody had a moment ago, over UDP and over TCP. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if ((await isFreeTcp(port)) && (await isFreeUdp(port))) found.add(port)
  }
  return [...found]
}

function isFreeTcp(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function isFreeUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise(resolve => {
    socket.once('error', () => socket.close(() => resolve(false)))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}
