/** Options of TCP sockets that Node does not set; without `node:ffi` the kernel's own ways hold. */
import type { Server, Socket } from 'node:net'
import { type Ffi, loadCalls, loadFfi } from './ffi.ts'
import { SO_SNDBUF, SOL_SOCKET, setOption } from './socket-options.ts'

/**
 * What the kernel keeps of replies that a client does not read, half of it for its own book-keeping. By itself it takes
 * megabytes for each, which count as ours where memory is limited.
 */
const SEND_BUFFER_BYTES = 1 << 18
const IPPROTO_TCP = 6
const TCP_CORK = 3

/** For all connections that a server will accept. */
export function limitSendBuffer(server: Server): void {
  setOptionOf(server, loadFfi(), SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES / 2) // the kernel doubles it
}

/** Sends what is written from now on in full segments, the rest with the end of the connection, or 200 ms later. */
export function holdUntilEnd(socket: Socket): void {
  setOptionOf(socket, loadCalls(), IPPROTO_TCP, TCP_CORK, 1)
}

function setOptionOf(of: object, ffi: Ffi | undefined, level: number, option: number, value: number): void {
  const { fd } = (of as { _handle?: { fd?: number } | null })._handle ?? {}
  if (ffi !== undefined && fd !== undefined && fd >= 0) setOption(ffi, fd, level, option, value)
}
