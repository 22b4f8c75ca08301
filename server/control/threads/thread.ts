/**
 * One thread beside the main one, as the main one sees it: it is asked and answers; its log lines are written and its
 * counters shown; when it ends, however it does, all that still waits for it fails.
 */
import { Worker } from 'node:worker_threads'
import { Descriptors } from '../../listen/descriptors.ts'
import { loadCalls } from '../../listen/ffi.ts'
import { logFormat, writeLines } from '../../log.ts'
import type { CellsOfThread } from './cells.ts'
import type { Asked, Request, ThreadStart, Told } from './messages.ts'

/** Memory of a thread: queries leave no garbage, and what is large (caches, the index) is no part of the heap. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256, stackSizeMb: 1 }

interface Waiting {
  readonly done: (value: number | undefined) => void
  readonly failed: (cause: Error) => void
}

export class Thread {
  readonly index: number
  /** Resolves with the reason once it has ended. */
  readonly ended: Promise<string>
  /** Resolves once it takes requests. Rejects if it ends before. */
  readonly ready: Promise<void>
  #isOver = false
  readonly #worker: Worker
  readonly #cells: CellsOfThread
  readonly #descriptors = new Descriptors()
  readonly #unwritten = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #here!: () => void

  /** @param file what it runs; @param port of `dns://` keys that name none */
  constructor(index: number, file: string, port: number, cells: CellsOfThread) {
    this.index = index
    this.#cells = cells
    const start: ThreadStart = {
      thread: index,
      port,
      logFormat: logFormat(),
      metrics: cells.forThread(),
      descriptors: this.#descriptors.memory,
      unwritten: this.#unwritten.buffer as SharedArrayBuffer,
    }
    this.#worker = new Worker(file, {
      name: `sextant ${index}`,
      workerData: start,
      execArgv: [],
      resourceLimits: LIMITS,
    })
    this.#worker.on('message', (told: Told) => this.#hear(told))
    let reason = ''
    this.#worker.on('error', (cause: Error) => {
      reason = cause.message
    })
    this.ended = new Promise(resolve => {
      this.#worker.on('exit', code => {
        this.#end(reason === '' ? `exit code ${code}` : reason)
        resolve(reason === '' ? `exit code ${code}` : reason)
      })
    })
    const here = new Promise<void>(resolve => {
      this.#here = resolve
    })
    this.ready = Promise.race([here, this.ended.then(text => Promise.reject(this.#gone(text)))])
    this.ready.catch(() => {}) // who waits for it hears of it
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Asks for something. Rejects if it fails there, or if the thread ends. */
  ask(request: Request): Promise<number | undefined> {
    if (this.#isOver) return Promise.reject(this.#gone('it is over'))
    const id = ++this.#lastId
    const asked: Asked = { id, request }
    this.#worker.postMessage(asked, request.kind === 'prepare' ? request.shares.map(({ port }) => port) : [])
    return new Promise((done, failed) => this.#waiting.set(id, { done, failed }))
  }

  /** Ends it at once, whatever it does. Resolves when it has ended. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
    await this.ended
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case 'here':
        this.#here()
        break
      case 'done':
        this.#take(told.id)?.done(told.value)
        break
      case 'failed':
        this.#take(told.id)?.failed(new Error(told.text))
        break
      case 'lines':
        Atomics.sub(this.#unwritten, 0, told.lines.length)
        writeLines(told.lines)
        break
      case 'registered':
        if (told.isGone) this.#cells.remove(told.made)
        else this.#cells.add(told.made)
        break
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #end(reason: string): void {
    this.#isOver = true
    this.#cells.clearGauges()
    for (const fd of this.#descriptors.take()) loadCalls()?.calls.close(fd)
    for (const { failed } of this.#waiting.values()) failed(this.#gone(reason))
    this.#waiting.clear()
  }

  #gone(reason: string): Error {
    return new Error(`thread ${this.index} has ended (${reason})`)
  }
}
