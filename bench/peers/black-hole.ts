/** An upstream that says nothing: a port that is bound, so that no error comes back, and never read. */
import { sockaddr } from '../../server/listen/address.ts'
import { loadCalls } from '../../server/listen/ffi.ts'
import { freePorts } from '../ports.ts'

const AF_INET = 2
const SOCK_DGRAM = 2

/** Opens one on 127.0.0.1 for as long as the process lives; its port. */
export async function openBlackHole(): Promise<number> {
  const ffi = loadCalls()
  if (ffi === undefined) throw new Error('node:ffi is not to be had, expected Node 26 on Linux')
  const [port] = (await freePorts(1)) as [number]
  const name = sockaddr('127.0.0.1', port)!
  const fd = ffi.calls.socket(AF_INET, SOCK_DGRAM, 0)
  if (ffi.calls.bind(fd, ffi.addressOf(name.buffer as ArrayBuffer), name.length) !== 0) {
    throw new Error(`bind to 127.0.0.1:${port} failed with errno ${ffi.errno()}`)
  }
  return port
}
