/**
 * What `loop` of the main thread and those of the others tell each other: which questions are under way, which of them came
 * back, and which upstreams are to be left alone.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Name } from '../../server/wire/name.ts'

/** What is found of an upstream; FROM is that of its `forward` line. */
export interface Finding {
  readonly address: string
  readonly from: Name
  readonly isLooping: boolean
}

/** What a thread knows from the start. */
export interface Shared {
  readonly names: readonly string[]
  readonly looping: readonly Omit<Finding, 'isLooping'>[]
}

type ToOthers =
  | { readonly kind: 'learn'; readonly name: string }
  | { readonly kind: 'finding'; readonly finding: Finding }
type ToMain =
  | { readonly kind: 'learned' }
  | { readonly kind: 'returned'; readonly name: string; readonly source: string }

/** Questions that a thread remembers: those of ten minutes, of a great many upstreams. */
const MAX_NAMES = 4096
/** How long a thread may take to learn of a question before it is asked all the same. */
const LEARN_MS = 1000

/** The others, as the main thread has them. */
export class Others {
  readonly #ports = new Map<MessagePort, (() => void)[]>()
  readonly #returned: (name: string, source: string) => void

  /** @param returned a question came back to one of them */
  constructor(returned: (name: string, source: string) => void) {
    this.#returned = returned
  }

  get size(): number {
    return this.#ports.size
  }

  add(port: MessagePort, names: readonly string[], looping: Shared['looping']): Shared {
    const learning: (() => void)[] = []
    this.#ports.set(port, learning)
    port.on('message', (told: ToMain) => {
      if (told.kind === 'learned') learning.shift()?.()
      else this.#returned(told.name, told.source)
    })
    port.on('close', () => {
      this.#ports.delete(port)
      for (const learned of learning) learned()
    })
    return { names, looping }
  }

  /** Resolves once all of them know that a question is under way. */
  async learn(name: string): Promise<void> {
    const learned = [...this.#ports].map(
      ([port, learning]) =>
        new Promise<void>(resolve => {
          learning.push(resolve)
          port.postMessage({ kind: 'learn', name } satisfies ToOthers)
        }),
    )
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, LEARN_MS)
    await Promise.race([Promise.all(learned), late.promise])
    clearTimeout(timer)
  }

  tell(finding: Finding): void {
    for (const port of this.#ports.keys()) port.postMessage({ kind: 'finding', finding } satisfies ToOthers)
  }
}

/** The main thread, as one of the others has it. */
export class Inner {
  readonly #port: MessagePort
  readonly #names: Set<string>

  constructor({ names, looping }: Shared, port: MessagePort, apply: (finding: Finding) => void) {
    this.#port = port
    this.#names = new Set(names)
    for (const one of looping) apply({ ...one, isLooping: true })
    port.on('message', (told: ToOthers) => {
      if (told.kind === 'finding') apply(told.finding)
      else this.#learn(told.name)
    })
  }

  /** True if `name` is a question of the main thread's, which is told that it came back. */
  found(name: string, source: () => string): boolean {
    if (!this.#names.has(name)) return false
    this.#port.postMessage({ kind: 'returned', name, source: source() } satisfies ToMain)
    return true
  }

  #learn(name: string): void {
    if (this.#names.size === MAX_NAMES) this.#names.delete(this.#names.values().next().value!)
    this.#names.add(name)
    this.#port.postMessage({ kind: 'learned' } satisfies ToMain)
  }
}
