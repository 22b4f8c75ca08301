/**
 * A connected UDP socket, in the two ways there are: through node:ffi where it works, else node:dgram. Opens, sends and
 * receives; knows nothing of queries.
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { openNative } from './datagram-native.ts'

/** Where a socket is bound, and what it is connected to. Addresses are literals. */
export interface Ends {
  readonly family: 4 | 6
  readonly localAddress: string
  readonly localPort: number
  readonly host: string
  readonly port: number
}

/** What a socket tells. `bytes` are valid during the call only. */
export interface DatagramEvents {
  message(bytes: Uint8Array, at: number, length: number): void
  /** The kernel said why datagrams do not arrive (ICMP, no route). The socket may be of no more use. */
  failed(cause: Error): void
}

export interface Datagrams {
  /** False once it has failed. */
  readonly usable: boolean
  /** Takes the first `length` octets of a message, to be sent when there are many, or at the next `flush`. */
  send(message: Uint8Array, length: number): void
  flush(): void
  close(): void
}

/** Opens a socket; an error with a `code` if that fails. */
export function openDatagrams(ends: Ends, events: DatagramEvents): Datagrams | NodeJS.ErrnoException {
  return openNative(ends, events) ?? openPlain(ends, events)
}

/** Addresses are literals: there is nothing to look up, and bind and connect are done when they return. */
function asIs(address: string, _options: unknown, found: (error: null, address: string, family: number) => void): void {
  found(null, address, isIPv6(address) ? 6 : 4)
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
  socket.unref()
  socket.on('message', message => events.message(message, 0, message.length))
  return {
    usable: true,
    send: (message, length) => socket.send(message.slice(0, length)),
    flush: () => {},
    close: () => {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}
