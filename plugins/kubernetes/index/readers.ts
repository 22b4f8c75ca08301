/**
 * Other threads that read a slab, and what they are told through their ports: where its memory is, and when the turn they
 * are in has to end.
 *
 *   writer ── barrier n ──► reader     what rests was freed before
 *   writer ◄── barrier n ── reader     from a turn of its own: nothing in it points into the slab any more
 *   writer ─── memory ────► reader     the slab has moved: it is read there from now on
 *
 * Freed blocks are used again once all readers have answered the barrier that came after. One barrier is on its way at a
 * time, and what is freed meanwhile waits for the next one, so that it costs two messages per reader however much changes.
 * A reader that does not answer for long is left behind: the slab moves, what was freed is used again in the new memory,
 * and the old one, which does not change any more, stays with the reader until it answers. Then it is told.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Slab } from './slab.ts'

/** `of` tells the slabs apart that share a port. */
interface Message {
  readonly of: number
  readonly barrier?: number
  readonly memory?: SharedArrayBuffer
}

interface Reader {
  readonly port: MessagePort
  /** The barrier is not answered. */
  isAwaited: boolean
  /** It reads memory that is not the slab's any more. */
  isBehind: boolean
}

export class Readers {
  readonly #slab: Slab
  readonly #of: number
  readonly #readers = new Set<Reader>()
  #barrier = 0
  #awaited = 0

  constructor(slab: Slab, of: number) {
    this.#slab = slab
    this.#of = of
  }

  /** A thread is about to read the memory as it is now; it counts until the port closes. */
  add(port: MessagePort): void {
    const reader: Reader = { port, isAwaited: false, isBehind: false }
    this.#readers.add(reader)
    port.on('message', ({ of, barrier }: Message) => {
      if (of === this.#of && barrier !== undefined) this.#hear(reader, barrier)
    })
    port.on('close', () => this.#leave(reader))
    port.unref()
  }

  get count(): number {
    return this.#readers.size
  }

  /** Somebody has not answered yet. */
  get isWaiting(): boolean {
    return this.#awaited > 0
  }

  /** Sends a barrier if none is on its way: `release` of the slab is called for what has been freed before this turn. */
  pass(): void {
    if (this.isWaiting || !this.#slab.retire()) return
    this.#barrier++
    for (const reader of this.#readers) {
      if (reader.isBehind) continue
      reader.isAwaited = true
      this.#awaited++
      reader.port.postMessage({ of: this.#of, barrier: this.#barrier } satisfies Message)
    }
    if (!this.isWaiting) this.#slab.release()
  }

  /** The slab has other memory: whoever points into the old one keeps that until its turn has ended. */
  move(): void {
    this.#awaited = 0
    for (const reader of this.#readers) {
      reader.isBehind ||= reader.isAwaited
      reader.isAwaited = false
      if (!reader.isBehind) this.#tell(reader)
    }
  }

  /** It counts from now on, whenever it hears of it. */
  #tell({ port }: Reader): void {
    port.postMessage({ of: this.#of, memory: this.#slab.memory } satisfies Message)
  }

  #hear(reader: Reader, barrier: number): void {
    if (reader.isBehind) {
      reader.isBehind = false
      this.#tell(reader)
    } else if (barrier === this.#barrier) this.#answered(reader)
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader)
    this.#answered(reader)
    if (this.#readers.size === 0) this.#slab.reclaim()
  }

  #answered(reader: Reader): void {
    if (!reader.isAwaited) return
    reader.isAwaited = false
    if (--this.#awaited > 0) return
    this.#slab.release()
    this.pass()
  }
}

/** In the other thread: answers what a writer's `Readers` sends, until the port closes. */
export function follow(slab: Slab, of: number, port: MessagePort): void {
  port.on('message', (message: Message) => {
    if (message.of !== of) return
    if (message.memory !== undefined) slab.follow(message.memory)
    if (message.barrier !== undefined) port.postMessage(message)
  })
  port.unref()
}
