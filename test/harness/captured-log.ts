/** Log lines for tests: what server/log.ts writes to standard output, taken at the system call. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { flush } from '../../server/log.ts'

/** Runs a task and gives the lines that were logged meanwhile. The test runner must be silent during it. */
export async function capturedLog(task: () => unknown): Promise<string[]> {
  flush()
  const { writeSync } = fs
  let text = ''
  fs.writeSync = ((_: number, octets: Uint8Array | string) => {
    text += typeof octets === 'string' ? octets : Buffer.from(octets).toString()
    return octets.length
  }) as typeof fs.writeSync
  syncBuiltinESMExports()
  try {
    await task()
  } finally {
    flush()
    fs.writeSync = writeSync
    syncBuiltinESMExports()
  }
  return text.split('\n').slice(0, -1)
}
