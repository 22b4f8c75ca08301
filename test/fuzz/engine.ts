/**
 * Puts mutated inputs to one target, and judges: nothing is thrown, the promises of the target hold, the work is linear in
 * the octets, memory does not grow. An input that shows a new behaviour is kept and mutated on: one that reaches a place in
 * the code that none had reached, comes to another kind of outcome, or takes twice the steps for its octets.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadMemory } from '../../server/listen/ffi.ts'
import { Random } from '../parity/random.ts'
import { counted } from './instrument.ts'
import { Mutator } from './mutate.ts'
import type { Broken, Outcome, Seed, Target } from './target.ts'

const MAX_FAILURES = 10
const MAX_POPULATION = 4096
const MINIMIZING_RUNS = 2000
/**
 * What a target may hold on to more after the last of its inputs than after the first fifth of them: in the heap and beside
 * it, and as the kernel counts it, with what the allocator keeps back.
 */
const MAX_HELD_BYTES = 32 << 20
const MAX_RSS_BYTES = 96 << 20

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export interface Options {
  readonly inputs: number
  readonly seconds: number
  readonly seed: number
  /** Kept inputs are made as short as they can be without losing what was new. */
  readonly minimize: boolean
}

export interface Failure extends Seed {
  readonly what: string
}

export interface Report {
  readonly inputs: number
  readonly seconds: number
  readonly failures: readonly Failure[]
  /** Inputs that showed something new. */
  readonly kept: readonly Seed[]
  /** Most steps of one input, and the largest part of its bound that any of them took. */
  readonly mostSteps: number
  readonly mostOfBound: number
  /** How both grew. */
  readonly heldBytes: number
  readonly rssBytes: number
}

export async function fuzz(target: Target, corpus: readonly Seed[], options: Options): Promise<Report> {
  await target.begin?.()
  const run = new Run(target, options)
  try {
    for (const { octets } of [...target.seeds, ...corpus]) await run.put(octets, true)
    await run.mutateOn()
  } finally {
    try {
      await target.end?.()
    } catch (error) {
      run.fail(new Uint8Array(0), error)
    }
  }
  return run.report()
}

class Run {
  readonly #target: Target
  readonly #options: Options
  readonly #random: Random
  readonly #mutator: Mutator
  readonly #population: Uint8Array[] = []
  readonly #kept: Uint8Array[] = []
  readonly #kinds = new Set<string>()
  readonly #failures = new Map<string, Failure>()
  readonly #startedAtMs = performance.now()
  #inputs = 0
  #mostSteps = 0
  #mostOfBound = 0
  #sinceSettled = 0
  #stepsAtSettled = 0
  #warm: Memory | undefined

  constructor(target: Target, options: Options) {
    this.#target = target
    this.#options = options
    this.#random = new Random(options.seed)
    this.#mutator = new Mutator(this.#random, target.words, target.maxBytes)
  }

  async mutateOn(): Promise<void> {
    const { inputs, seconds } = this.#options
    const untilMs = this.#startedAtMs + seconds * 1000
    const warmAt = inputs / 5
    while (this.#inputs < inputs && this.#failures.size < MAX_FAILURES) {
      if ((this.#inputs & 255) === 0 && performance.now() > untilMs) break
      if (this.#warm === undefined && (this.#inputs >= warmAt || performance.now() > untilMs - seconds * 800))
        this.#warm = memory()
      const input = this.#mutator.mutate(this.#pick(), this.#random.one(this.#population))
      const put = this.put(input, false)
      if (put !== undefined) await put
    }
    await this.#settle()
  }

  /** Half the time one of those that were new last. */
  #pick(): Uint8Array {
    const { length } = this.#population
    const among = this.#random.percent(50) ? Math.min(64, length) : length
    return this.#population[length - 1 - this.#random.below(among)]!
  }

  /** Runs one input. A promise only where the target waits. */
  put(input: Uint8Array, isSeed: boolean): Promise<void> | undefined {
    this.#inputs++
    const { places, steps } = counted
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = this.#target.run(input)
    } catch (error) {
      return this.#failed(input, error)
    }
    if (outcome instanceof Promise) {
      return outcome.then(
        found => this.#judge(input, found, steps, places, isSeed),
        error => this.#failed(input, error),
      )
    }
    return this.#judge(input, outcome, steps, places, isSeed)
  }

  #judge(input: Uint8Array, outcome: Outcome, steps: number, places: number, isSeed: boolean) {
    const used = counted.steps - steps
    const { bound, settleEvery } = this.#target
    const octets = Math.max(input.length, outcome.octets ?? 0)
    if (used > this.#mostSteps) this.#mostSteps = used
    const part = used / (bound.base + bound.perOctet * octets)
    if (part > this.#mostOfBound) this.#mostOfBound = part
    if (part > 1) {
      return this.#failed(input, new Error(`${used} steps for ${octets} octets: not linear`))
    }
    const kind = `${outcome.kind} ${Math.round(2 * Math.log2(1 + used / (16 + octets)))}`
    if (isSeed) this.#population.push(input)
    const isNew = counted.places > places || !this.#kinds.has(kind)
    if (isNew && this.#kinds.size < MAX_POPULATION) this.#kinds.add(kind)
    if (settleEvery !== undefined && ++this.#sinceSettled >= settleEvery) return this.#settle()
    if (isNew && !isSeed) return this.#keep(input, kind, counted.places > places)
    return undefined
  }

  #keep(input: Uint8Array, kind: string, isPlace: boolean): Promise<void> | undefined {
    if (this.#population.length < MAX_POPULATION) this.#population.push(input)
    else this.#population[this.#random.below(MAX_POPULATION)] = input
    if (isPlace && this.#kept.length < MAX_POPULATION) this.#kept.push(input)
    if (!isPlace || !this.#options.minimize) return undefined
    const at = this.#kept.length - 1
    return this.#shortest(input, async shorter => (await this.#kindOf(shorter)) === kind).then(shorter => {
      this.#kept[at] = shorter
    })
  }

  async #kindOf(input: Uint8Array): Promise<string> {
    const { steps } = counted
    const { kind, octets = 0 } = await this.#target.run(input)
    return `${kind} ${Math.round(2 * Math.log2(1 + (counted.steps - steps) / (16 + Math.max(input.length, octets))))}`
  }

  async #settle(): Promise<void> {
    if (this.#target.settle === undefined) return
    this.#sinceSettled = 0
    try {
      const { inputs, octets } = await this.#target.settle()
      const used = counted.steps - this.#stepsAtSettled
      const { base, perOctet } = this.#target.bound
      if (used > (inputs + 1) * base + octets * perOctet)
        this.fail(new Uint8Array(0), new Error(`${used} steps for ${inputs} inputs of ${octets} octets: not linear`))
    } catch (error) {
      this.fail((error as Broken).input ?? new Uint8Array(0), error)
    }
    this.#stepsAtSettled = counted.steps
  }

  async #failed(input: Uint8Array, error: unknown): Promise<void> {
    if (this.#failures.has(whatOf(error))) return
    const what = whatOf(error)
    const isSame = async (shorter: Uint8Array) => {
      const { steps } = counted
      try {
        const { octets = 0 } = await this.#target.run(shorter)
        const { base, perOctet } = this.#target.bound
        const isLinear = counted.steps - steps <= base + perOctet * Math.max(octets, shorter.length)
        return !isLinear && what.endsWith('not linear')
      } catch (again) {
        return whatOf(again) === what
      }
    }
    this.fail(await this.#shortest(input, isSame), error)
  }

  fail(input: Uint8Array, error: unknown): void {
    const what = whatOf(error)
    if (this.#failures.has(what)) return
    this.#failures.set(what, { label: `seed-${this.#options.seed}`, octets: input, what })
  }

  /** Without the spans that it does not take. */
  async #shortest(input: Uint8Array, isSame: (shorter: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
    let shortest = input
    let runs = 0
    for (let span = shortest.length >> 1; span > 0; span >>= 1) {
      for (let at = 0; at + span <= shortest.length && runs < MINIMIZING_RUNS; runs++) {
        const shorter = Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + span)])
        if (await isSame(shorter)) shortest = shorter
        else at += span
      }
    }
    return shortest
  }

  report(): Report {
    const { held, rss } = memory()
    const heldBytes = held - (this.#warm?.held ?? held)
    const rssBytes = rss - (this.#warm?.rss ?? rss)
    if (heldBytes > MAX_HELD_BYTES || rssBytes > MAX_RSS_BYTES)
      this.fail(new Uint8Array(0), new Error(`memory grew by ${heldBytes} octets, resident by ${rssBytes}`))
    return {
      inputs: this.#inputs,
      seconds: (performance.now() - this.#startedAtMs) / 1000,
      failures: [...this.#failures.values()],
      kept: this.#kept.map((octets, i) => ({ label: `kept-${i}`, octets })),
      mostSteps: this.#mostSteps,
      mostOfBound: this.#mostOfBound,
      heldBytes,
      rssBytes,
    }
  }
}

interface Memory {
  readonly held: number
  readonly rss: number
}

/** Octets, once what can be collected is, and the allocator has given back what is free: the server has it do so, too. */
function memory(): Memory {
  collect()
  collect()
  loadMemory()?.trim(0n)
  const { heapUsed, external, rss } = process.memoryUsage()
  return { held: heapUsed + external, rss }
}

/** The same failure has the same text: its numbers left out, with the place where it was thrown. */
function whatOf(error: unknown): string {
  if (!(error instanceof Error)) return `something else was thrown: ${String(error)}`
  const place = /^\s+at .*?((?:server|plugins|targets)\/[^)]*)/m.exec(error.stack ?? '')?.[1] ?? ''
  const text = `${error.name}: ${error.message.replaceAll(/\d+|"[^"]*"|'[^']*'/g, '…').slice(0, 120)}`
  return `${text} ${place}`.trim()
}
