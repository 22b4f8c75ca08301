/** Random numbers that are the same in each run: a run that found something finds it again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 up to, not including, `limit`. Xorshift on a Weyl sequence. */
  below(limit: number): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
    return ((x ^ (x >>> 15)) >>> 0) % limit
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  /** True in `share` of a hundred cases. */
  percent(share: number): boolean {
    return this.below(100) < share
  }
}
