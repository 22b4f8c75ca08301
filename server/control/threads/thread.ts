/**
 * One thread beside the main one, as the main one sees it: it is asked and answers; its log lines are written and its
 * counters shown; when it ends, however it does, all that still waits for it fails. One that gives no sign of life is ended.
 */
import { Worker } from 'node:worker_threads'
import { Descriptors } from '../../listen/descriptors.ts'
import { loadCalls } from '../../listen/ffi.ts'
import { logFormat, writeLines } from '../../log.ts'
import { cookieRoot } from '../../wire/cookie.ts'
import type { CellsOfThread } from './cells.ts'
import type { Asked, Request, ThreadStart, Told } from './messages.ts'

/** Memory of a thread: queries leave no garbage, and what is large (caches, the index) is no part of the heap. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256, stackSizeMb: 1 }

/** How often it is asked for a sign of life, and how many questions it may leave open: ten seconds. */
const LOOK_MS = 1000
const MAX_UNANSWERED = 10

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
  /** Why it was ended, or the error that it ended with. */
  #reason = ''
  /** Questions since anything was heard of it: turns of our own loop, so that a pause of this thread is none of that one's. */
  #unanswered = 0
  #looking: NodeJS.Timeout | undefined
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
      cookieRoot: cookieRoot(),
    }
    this.#worker = new Worker(file, {
      name: `sextant ${index}`,
      workerData: start,
      execArgv: [],
      resourceLimits: LIMITS,
    })
    this.#worker.on('message', (told: Told) => this.#hear(told))
    this.#worker.on('error', (cause: Error) => {
      this.#reason ||= cause.message
    })
    this.ended = new Promise(resolve => {
      this.#worker.on('exit', code => {
        this.#reason ||= `exit code ${code}`
        this.#end(this.#reason)
        resolve(this.#reason)
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

  #look(): void {
    if (this.#unanswered === MAX_UNANSWERED) {
      this.#reason ||= `no sign of life for ${(MAX_UNANSWERED * LOOK_MS) / 1000} s`
      void this.#worker.terminate()
    } else if (this.#unanswered++ === 0) this.ask({ kind: 'count' }).catch(() => {}) // its end is told elsewhere
  }

  #hear(told: Told): void {
    this.#unanswered = 0
    switch (told.kind) {
      case 'here':
        this.#looking = setInterval(() => this.#look(), LOOK_MS).unref()
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
    clearInterval(this.#looking)
    this.#cells.clearGauges()
    for (const fd of this.#descriptors.take()) loadCalls()?.calls.close(fd)
    for (const { failed } of this.#waiting.values()) failed(this.#gone(reason))
    this.#waiting.clear()
  }

  #gone(reason: string): Error {
    return new Error(`thread ${this.index} has ended (${reason})`)
  }
}
