/**
 * The one file that touches node:ffi: the calls of libc and libuv that batched UDP is made of, memory as C sees it, a
 * socket watched through libuv's own poll handle, and the calls that give memory back. Its API is experimental and may
 * change; whatever else offers these few things can take its place here.
 */
import { endianness } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { ownDescriptors } from './descriptors.ts'
import { canWatchStream, StreamWatch } from './stream-watch.ts'

const I32 = 'i32'
const U32 = 'u32'
const U64 = 'u64'
const POINTER = 'pointer'

const SIGNATURES = {
  socket: { arguments: [I32, I32, I32], return: I32 },
  bind: { arguments: [I32, POINTER, U32], return: I32 },
  connect: { arguments: [I32, POINTER, U32], return: I32 },
  close: { arguments: [I32], return: I32 },
  dup: { arguments: [I32], return: I32 },
  usleep: { arguments: [U32], return: I32 },
  getsockname: { arguments: [I32, POINTER, POINTER], return: I32 },
  setsockopt: { arguments: [I32, I32, I32, POINTER, U32], return: I32 },
  getsockopt: { arguments: [I32, I32, I32, POINTER, POINTER], return: I32 },
  recvmmsg: { arguments: [I32, POINTER, U32, I32, POINTER], return: I32 },
  sendmmsg: { arguments: [I32, POINTER, U32, I32], return: I32 },
  __errno_location: { arguments: [], return: POINTER },
  uv_handle_size: { arguments: [I32], return: U64 },
  uv_poll_init: { arguments: [POINTER, POINTER, I32], return: I32 },
  uv_poll_start: { arguments: [POINTER, I32, POINTER], return: I32 },
  uv_poll_stop: { arguments: [POINTER], return: I32 },
  uv_close: { arguments: [POINTER, POINTER], return: 'void' },
} as const

const UV_POLL = 8 // uv_handle_type
const UV_READABLE = 1

type Module = typeof import('node:ffi')
type Opened = ReturnType<typeof open>

/** What batched sockets are made of. */
export class Ffi {
  readonly #module: Module
  readonly #lib: Opened['lib']
  readonly #errnoAt: bigint
  /** The C functions. Numbers and bigint addresses only: nothing is converted on the way. */
  readonly calls: Opened['functions']

  constructor(module: Module, opened: Opened) {
    this.#module = module
    this.#lib = opened.lib
    this.calls = opened.functions
    this.#errnoAt = this.calls.__errno_location()
  }

  /** Where the memory lies. Whoever hands it to C keeps a reference to `memory` for as long as C may use it. */
  addressOf(memory: ArrayBuffer): bigint {
    return this.#module.getRawPointer(memory)
  }

  /** As socket(2). A thread that ends without closing it leaves that to the others: see descriptors.ts. */
  socket(family: number, type: number): number {
    const fd = this.calls.socket(family, type, 0)
    if (fd >= 0) ownDescriptors?.opened(fd)
    return fd
  }

  close(fd: number): void {
    ownDescriptors?.closed(fd)
    this.calls.close(fd)
  }

  /** Why the last call returned -1. Ask at once. */
  errno(): number {
    return this.#module.getInt32(this.#errnoAt)
  }

  /**
   * Calls `onReadable` whenever the descriptor has something to read; it must not throw. Node runs neither microtasks
   * nor process.nextTick after it: who makes promises there asks for a turn of the loop (setImmediate). After an error
   * of the socket, which its next call tells, libuv watches no more until `restart`.
   * @throws Error where the system has nothing left to watch with
   */
  watch(fd: number, onReadable: () => void): Watch {
    if (isMainThread) return new PollWatch(this, this.#lib, this.#module.getCurrentEventLoop(), fd, onReadable)
    const twin = this.calls.dup(fd)
    if (twin < 0) throw new Error(`dup: ${getSystemErrorName(-this.errno())}`)
    return new StreamWatch(twin, onReadable)
  }
}

/** What only C points to is garbage to V8: handles live here until libuv has let go of them. */
const held = new Set<PollWatch>()

/** A descriptor that is watched. It keeps the process alive, as sockets do. */
export interface Watch {
  /** Watches on after an error of the socket. */
  restart(): void
  /** No more calls; the descriptor may be closed at once. */
  stop(): void
}

/**
 * A poll handle of libuv, which calls us through C. In the main thread alone: one that ended with the handle open, at any
 * point of its code, would take the process with it.
 */
class PollWatch implements Watch {
  readonly #ffi: Ffi
  readonly #lib: Opened['lib']
  readonly #memory: ArrayBuffer
  readonly #handle: bigint
  readonly #callback: bigint
  #isOpen = true

  constructor(ffi: Ffi, lib: Opened['lib'], loop: bigint, fd: number, onReadable: () => void) {
    this.#ffi = ffi
    this.#lib = lib
    this.#memory = new ArrayBuffer(Number(ffi.calls.uv_handle_size(UV_POLL)))
    this.#handle = ffi.addressOf(this.#memory)
    // uv_poll_cb has three arguments. None is asked for, so that none is made: both ABIs let a callee ignore them.
    this.#callback = lib.registerCallback({ arguments: [], return: 'void' }, onReadable)
    held.add(this)
    const initialized = ffi.calls.uv_poll_init(loop, this.#handle, fd)
    if (initialized !== 0) {
      this.#release()
      throw new Error(`uv_poll_init returned ${initialized}, expected 0`)
    }
    this.restart()
  }

  restart(): void {
    if (this.#isOpen) this.#ffi.calls.uv_poll_start(this.#handle, UV_READABLE, this.#callback)
  }

  stop(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#ffi.calls.uv_poll_stop(this.#handle)
    this.#ffi.calls.uv_close(this.#handle, 0n)
    setImmediate(() => setImmediate(() => this.#release())) // behind libuv's closing phase
  }

  #release(): void {
    this.#lib.unregisterCallback(this.#callback)
    held.delete(this)
  }

  /** Octets of the handle; also keeps the field in use, which is what keeps the memory. */
  get sizeBytes(): number {
    return this.#memory.byteLength
  }
}

function open(module: Module) {
  return module.dlopen(null, SIGNATURES)
}

let loaded: Ffi | null | undefined

/** What batched sockets are made of, or undefined where they cannot be had or are not wanted: SEXTANT_UDP=dgram. */
export function loadFfi(): Ffi | undefined {
  return process.env.SEXTANT_UDP === 'dgram' || !(isMainThread || canWatchStream()) ? undefined : loadCalls()
}

/** The C functions, or undefined where they cannot be had: another system, no permission. */
export function loadCalls(): Ffi | undefined {
  if (loaded === undefined) loaded = load() ?? null
  return loaded ?? undefined
}

function load(): Ffi | undefined {
  const isKnownLayout = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')
  if (!isKnownLayout || endianness() !== 'LE') return undefined
  return withModule(module => new Ffi(module, open(module)))
}

type Memory = NonNullable<ReturnType<typeof loadMemoryCalls>>

/** What glibc and Linux offer to give memory back, or undefined where they are not there. */
export interface MemoryCalls {
  /** Gives pages of the C heap back that nothing lies on. */
  readonly trim: Memory['functions']['malloc_trim']
  /** Takes the address and the octets of a mapping, and one of Linux's advices. */
  readonly advise: Memory['functions']['madvise']
}

export function loadMemory(): MemoryCalls | undefined {
  const loaded = process.platform === 'linux' ? loadMemoryCalls() : undefined
  return loaded && { trim: loaded.functions.malloc_trim, advise: loaded.functions.madvise }
}

function loadMemoryCalls() {
  return withModule(module =>
    module.dlopen(null, {
      malloc_trim: { arguments: [U64], return: I32 },
      madvise: { arguments: [U64, U64, I32], return: I32 },
    } as const),
  )
}

/** Undefined if the module is not there, refused by the permission model, or without a symbol that was asked for. */
function withModule<T>(use: (module: Module) => T): T | undefined {
  const { emitWarning } = process
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === 'ExperimentalWarning' && String(warning).startsWith('FFI')) return
    Reflect.apply(emitWarning, process, [warning, ...rest])
  }) as typeof process.emitWarning
  try {
    const module = process.getBuiltinModule('node:ffi') as Module | undefined
    return module === undefined ? undefined : use(module)
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}
