/** Memory of replies: used again when it was given back, and never before. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { copyOf, giveBack } from '../../../server/listen/tcp-memory.ts'

const octets = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
const LENGTHS = [1, 28, 8191, 8192, 8193, 16_384, 16_385, 65_537, 131_074, 262_144, 262_145, 300_000]

for (const length of LENGTHS) {
  test(`${length} octets: copies that are held differ, and hold what was copied`, () => {
    const first = copyOf(octets, length)
    const second = copyOf(octets.subarray(1), Math.min(length, octets.length - 1))
    ok(first.equals(octets.subarray(0, length)))
    giveBack(second)
    const third = copyOf(octets.subarray(2), Math.min(length, octets.length - 2))
    ok(first.equals(octets.subarray(0, length)))
    ok(third.equals(octets.subarray(2, 2 + third.length)))
  })
}

test('what is given back is used for the next of its size, once', () => {
  const one = copyOf(octets, 60_000)
  giveBack(one)
  const next = copyOf(octets, 40_000)
  equal(next.buffer, one.buffer)
  ok(copyOf(octets, 40_000).buffer !== one.buffer)
  ok(next.buffer.byteLength <= 2 * 40_000)
})

test('small ones share memory with others, and are never used again', () => {
  const one = copyOf(octets, 100)
  giveBack(one)
  const next = copyOf(octets.subarray(5), 100)
  ok(one.equals(octets.subarray(0, 100)))
  ok(next.equals(octets.subarray(5, 105)))
})

test.run()
