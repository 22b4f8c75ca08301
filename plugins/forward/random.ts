/**
 * Numbers that must not be guessed: message ids, source ports, the order of upstreams. Drawn from `crypto` in blocks, so
 * that one costs a few nanoseconds.
 */
import { randomFillSync } from 'node:crypto'

const block = new Uint16Array(4096)
let used = block.length

/** 0 to 65,535. */
export function random16(): number {
  if (used === block.length) {
    randomFillSync(block)
    used = 0
  }
  const value = block[used]!
  block[used++] = 0 // a number that was given out is not kept
  return value
}

/** 0 up to but not including `limit`, which is at most 65,536; without bias. */
export function randomBelow(limit: number): number {
  const fair = 0x1_0000 - (0x1_0000 % limit)
  let value = random16()
  while (value >= fair) value = random16()
  return value % limit
}
