/**
 * Which sockets a thread has made through C. Node does not know them: if the thread ends without closing them, another one
 * does, for the kernel would go on handing them messages.
 *
 * Memory: 1,024 words of 32 bits, each a descriptor or 0 for none. One thread writes; who reads waits until it has ended.
 */
import { workerData } from 'node:worker_threads'

const PLACES = 1024

export class Descriptors {
  readonly memory: SharedArrayBuffer
  readonly #places: Int32Array

  constructor(memory = new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#places = new Int32Array(memory)
  }

  opened(fd: number): void {
    const free = this.#places.indexOf(0)
    if (free >= 0) this.#places[free] = fd
  }

  closed(fd: number): void {
    const at = this.#places.indexOf(fd)
    if (at >= 0) this.#places[at] = 0
  }

  /** What is open, and from now on nobody's. */
  take(): number[] {
    const open = [...this.#places].filter(fd => fd !== 0)
    this.#places.fill(0)
    return open
  }
}

const given = (workerData as { descriptors?: SharedArrayBuffer } | null)?.descriptors

/** Those of this thread; undefined where nobody looks after them. */
export const ownDescriptors = given === undefined ? undefined : new Descriptors(given)
