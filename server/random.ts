/** Cheap random numbers for orders that nobody gains from guessing: xorshift32, begun with a number from `crypto`. */
import { randomInt } from 'node:crypto'

let state = randomInt(1, 0x7fffffff)

/** A random number from 0 up to 2^32 - 1. */
export function random(): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state >>> 0
}
