/** Connected UDP sockets made through node:dgram, where node:ffi cannot be had. Each datagram is sent at once. */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { DatagramEvents, Datagrams, Ends } from './datagram.ts'

/** Addresses are literals: there is nothing to look up, and bind and connect are done when they return. */
function asIs(address: string, _options: unknown, found: (error: null, address: string, family: number) => void): void {
  found(null, address, isIPv6(address) ? 6 : 4)
}

function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}

/** Opens one through node:dgram. */
export function openPlain(ends: Ends, events: DatagramEvents): Datagrams | NodeJS.ErrnoException {
  const socket = createSocket({ type: ends.family === 6 ? 'udp6' : 'udp4', lookup: asIs as never })
  let isOpen = false
  const failures: Error[] = []
  socket.on('error', cause => {
    if (isOpen) events.failed(cause)
    else failures.push(cause)
  })
  socket.bind({ port: ends.localPort, address: ends.localAddress, exclusive: true })
  if (failures.length === 0) socket.connect(ends.port, ends.host)
  if (failures[0] !== undefined) {
    socket.close()
    return failures[0]
  }
  isOpen = true
  const connected = isConnected(socket)
  socket.unref()
  socket.on('message', message => events.message(message, 0, message.length))
  return {
    usable: connected,
    // Where there is no way to the upstream, its error comes a moment later; until then a send would throw.
    send: (message, length) => connected && socket.send(message.slice(0, length)),
    flush: () => {},
    close: () => {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}
