import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sipHash, sipKey } from '../../../server/wire/siphash.ts'

const counting = (octets: number) => Uint8Array.from({ length: octets }, (_, i) => i)

/** SipHash-2-4 of `message` as SipHash's paper (§2) has it, in 64-bit numbers. */
function reference(key: Uint8Array, message: Uint8Array): string {
  const mask = (1n << 64n) - 1n
  const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (64n - by))) & mask
  const number = (octets: Uint8Array) => octets.reduceRight((sum, octet) => (sum << 8n) | BigInt(octet), 0n)
  const [k0, k1] = [number(key.subarray(0, 8)), number(key.subarray(8))]
  const v = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n]
  const mix = (a: number, b: number, c: number, d: number) => {
    for (const [x, y, by] of [
      [a, b, 13n],
      [c, d, 16n],
    ] as const) {
      v[x] = (v[x]! + v[y]!) & mask
      v[y] = rotate(v[y]!, by) ^ v[x]!
    }
    v[a] = rotate(v[a]!, 32n)
    for (const [x, y, by] of [
      [a, d, 21n],
      [c, b, 17n],
    ] as const) {
      v[x] = (v[x]! + v[y]!) & mask
      v[y] = rotate(v[y]!, by) ^ v[x]!
    }
    v[c] = rotate(v[c]!, 32n)
  }
  const whole = message.length - (message.length % 8)
  for (let at = 0; at <= whole; at += 8) {
    const length = at === whole ? BigInt(message.length & 255) << 56n : 0n
    const block = number(message.subarray(at, at + 8)) | length
    v[3]! ^= block
    for (let i = 0; i < 2; i++) mix(0, 1, 2, 3)
    v[0]! ^= block
  }
  v[2]! ^= 0xffn
  for (let i = 0; i < 4; i++) mix(0, 1, 2, 3)
  const sum = v[0]! ^ v[1]! ^ v[2]! ^ v[3]!
  return Buffer.from(sum.toString(16).padStart(16, '0'), 'hex').reverse().toString('hex')
}

function hash(key: Uint8Array, message: Uint8Array): string {
  const out = new Uint8Array(12).fill(0xee)
  sipHash(sipKey(key), message, message.length, out, 2)
  assert.equal([out[0], out[1], out[10], out[11]], [0xee, 0xee, 0xee, 0xee])
  return Buffer.from(out.subarray(2, 10)).toString('hex')
}

test('the vector of its paper, appendix A', () => {
  assert.is(hash(counting(16), counting(15)), 'e545be4961ca29a1')
})

test('every length up to 64 octets, as 64-bit numbers have it', () => {
  for (let length = 0; length <= 64; length++)
    assert.is(hash(counting(16), counting(length)), reference(counting(16), counting(length)), `${length} octets`)
})

test('all bits set, which carries everywhere', () => {
  const ones = (octets: number) => new Uint8Array(octets).fill(255)
  for (const length of [7, 8, 20, 32]) assert.is(hash(ones(16), ones(length)), reference(ones(16), ones(length)))
})

test('octets behind the message do not count', () => {
  const long = counting(40)
  const out = new Uint8Array(8)
  sipHash(sipKey(counting(16)), long, 20, out, 0)
  assert.is(Buffer.from(out).toString('hex'), hash(counting(16), counting(20)))
})

test.run()
