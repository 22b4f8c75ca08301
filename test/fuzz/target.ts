/**
 * What a parser is to the fuzzer. Each module of targets/ exports one; it is imported after instrument.ts did its work, so
 * that what it imports is counted.
 */

/** One input in the corpus. */
export interface Seed {
  readonly label: string
  readonly octets: Uint8Array
}

/** How much work an input may cause: steps ≤ `base` + `perOctet` × octets. */
export interface Bound {
  readonly base: number
  readonly perOctet: number
}

/** What one input came to. */
export interface Outcome {
  /** What tells one kind of behaviour from another. Few different ones. */
  readonly kind: string
  /** Octets that its work may grow with, if these are more than its own: what was read or written because of it. */
  readonly octets?: number
}

export interface Target {
  readonly name: string
  /** Its inputs are text: the corpus shows them as such. */
  readonly isText: boolean
  readonly bound: Bound
  /** Longest input. */
  readonly maxBytes: number
  /** Pieces of its format. */
  readonly words: readonly Uint8Array[]
  /** Inputs to begin with, besides those in the corpus. */
  readonly seeds: readonly Seed[]
  /** Whatever has to be there before. */
  begin?(): Promise<void> | void
  end?(): Promise<void> | void
  /** Puts one input to the parser. @throws Broken, or whatever the parser throws, which is a failure as well */
  run(octets: Uint8Array): Outcome | Promise<Outcome>
  /**
   * After `run` was called so many times: what is still open is waited for. `octets`: those that its work may grow with.
   */
  readonly settleEvery?: number
  settle?(): Promise<{ readonly inputs: number; readonly octets: number }>
}

/** A promise that does not hold. */
export class Broken extends Error {
  override readonly name = 'Broken'
  /** What broke it, where that is not the input that was put last. */
  readonly input: Uint8Array | undefined

  constructor(what: string, input?: Uint8Array) {
    super(what)
    this.input = input
  }
}

/** Fails with `what` unless it holds. */
export function hold(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what)
}

export const textSeed = (label: string, text: string): Seed => ({ label, octets: Buffer.from(text) })
export const textWords = (...words: string[]): Uint8Array[] => words.map(word => Buffer.from(word))
export const hexWords = (...words: string[]): Uint8Array[] => words.map(word => Buffer.from(word, 'hex'))
