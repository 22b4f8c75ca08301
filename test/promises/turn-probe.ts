/**
 * Loaded into a server before it starts (`--import`): how long the turns of its main thread's event loop are, by the CPU time
 * that they take, which does not count who else has the processor. A handle of libuv's that runs once a turn (uv_prepare) looks
 * at the clock of the thread: half a microsecond. On SIGUSR2 it writes what it found since the last time, as JSON, into the
 * file that SEXTANT_TURNS names.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** What a file has. */
export interface Turns {
  readonly count: number
  readonly longestMs: number
  /** How many took longer than 5 ms. */
  readonly long: number
}

const LONG_MS = 5
const UV_PREPARE = 9 // uv_handle_type
const CLOCK_THREAD_CPUTIME_ID = 3
const POINTER = 'pointer'

const { SEXTANT_TURNS: file } = process.env
/** What only C points to is garbage to V8. */
const held: unknown[] = []

if (file !== undefined && isMainThread) await begin(file)

async function begin(file: string): Promise<void> {
  const { dlopen, getCurrentEventLoop, getRawPointer } = await import('node:ffi')
  const { lib, functions } = dlopen(null, {
    uv_handle_size: { arguments: ['i32'], return: 'u64' },
    uv_prepare_init: { arguments: [POINTER, POINTER], return: 'i32' },
    uv_prepare_start: { arguments: [POINTER, POINTER], return: 'i32' },
    uv_unref: { arguments: [POINTER], return: 'void' },
    clock_gettime: { arguments: ['i32', POINTER], return: 'i32' },
  } as const)
  const handle = new ArrayBuffer(Number(functions.uv_handle_size(UV_PREPARE)))
  const time = new BigInt64Array(2)
  const [handleAt, timeAt] = [getRawPointer(handle), getRawPointer(time.buffer)]
  const usedMs = () => {
    functions.clock_gettime(CLOCK_THREAD_CPUTIME_ID, timeAt)
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6
  }
  let found = { count: 0, longestMs: 0, long: 0 }
  let beforeMs = usedMs()
  const turn = lib.registerCallback({ arguments: [], return: 'void' }, () => {
    const nowMs = usedMs()
    const tookMs = nowMs - beforeMs
    beforeMs = nowMs
    found.count++
    if (tookMs > found.longestMs) found.longestMs = tookMs
    if (tookMs > LONG_MS) found.long++
  })
  functions.uv_prepare_init(getCurrentEventLoop(), handleAt)
  functions.uv_prepare_start(handleAt, turn)
  functions.uv_unref(handleAt)
  held.push(handle, time, lib)
  process.on('SIGUSR2', () => {
    const text = JSON.stringify(found satisfies Turns)
    found = { count: 0, longestMs: 0, long: 0 }
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  })
}
