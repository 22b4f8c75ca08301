/**
 * A socket watched in a thread that may end at any moment. The handle is Node's own, of a pipe, so that Node closes it
 * however the thread ends. It is given no memory to read into: libuv then says that there is something to read, and reads
 * nothing (uv_read_start: a length of 0 is UV_ENOBUFS). A wake-up costs 0.9 µs, through libuv's poll handle 0.6.
 */
import type { Watch } from './ffi.ts'

/** Node's handle of a pipe, as far as it is used here. */
interface PipeHandle {
  onread: () => void
  open(fd: number): number
  useUserBuffer(memory: Uint8Array): void
  readStart(): number
  readStop(): number
  close(): void
}

interface PipeModule {
  readonly Pipe: new (kind: number) => PipeHandle
  readonly constants: { readonly SOCKET: number }
}

let pipes: PipeModule | null | undefined

/** True where Node offers the handle. It is not a public interface of Node; without it dgram serves. */
export function canWatchStream(): boolean {
  if (pipes === undefined) pipes = load() ?? null
  return pipes !== null
}

function load(): PipeModule | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): PipeModule }
    const module = binding('pipe_wrap')
    return typeof module.Pipe.prototype.useUserBuffer === 'function' ? module : undefined
  } catch {
    return undefined // another version of Node
  }
}

export class StreamWatch implements Watch {
  readonly #handle: PipeHandle
  #isOpen = true

  /** @param fd a descriptor of its own for the socket: it is closed with the handle */
  constructor(fd: number, onReadable: () => void) {
    if (!canWatchStream()) throw new Error('this Node has no pipe to watch a socket with')
    const { Pipe, constants } = pipes!
    this.#handle = new Pipe(constants.SOCKET)
    const opened = this.#handle.open(fd)
    if (opened !== 0) throw new Error(`opening a pipe for descriptor ${fd} returned ${opened}, expected 0`)
    this.#handle.useUserBuffer(new Uint8Array(0))
    this.#handle.onread = onReadable
    this.restart()
  }

  /** An error of the socket is something to read: watching goes on by itself. */
  restart(): void {
    if (this.#isOpen) this.#handle.readStart()
  }

  stop(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#handle.readStop()
    this.#handle.close()
  }
}
