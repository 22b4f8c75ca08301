/** Socket options whose value is an int, by setsockopt(2): those that Node does not set. Linux's numbers. A leaf. */
import type { Ffi } from './ffi.ts'

export const SOL_SOCKET = 1
export const SO_SNDBUF = 7
export const SO_REUSEPORT = 15

/** False where the kernel refuses. */
export function setOption(ffi: Ffi, fd: number, level: number, option: number, value: number): boolean {
  const memory = Int32Array.of(value)
  return ffi.calls.setsockopt(fd, level, option, ffi.addressOf(memory.buffer), memory.byteLength) === 0
}
