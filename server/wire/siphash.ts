/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short messages, which server cookies are made with (RFC 9018
 * §4.4). Each 64-bit number is two of 32 bits, so that nothing is allocated.
 */

export const HASH_BYTES = 8
export const KEY_BYTES = 16

/** A key as four 32-bit words, low word first. @param key 16 octets */
export function sipKey(key: Uint8Array): Int32Array {
  const view = new DataView(key.buffer, key.byteOffset, KEY_BYTES)
  return Int32Array.from([0, 4, 8, 12], at => view.getInt32(at, true))
}

/** Octets `at` to `end` of a message as a 32-bit number, lowest octet first; four of them at most. */
function word(bytes: Uint8Array, at: number, end: number): number {
  let value = 0
  for (let i = 0; i < 4 && at + i < end; i++) value |= bytes[at + i]! << (8 * i)
  return value
}

/** Writes the 8 octets of the hash of the first `length` octets of `message` to `at` of `into`. */
export function sipHash(key: Int32Array, message: Uint8Array, length: number, into: Uint8Array, at: number): void {
  let l0 = key[0]! ^ 0x70736575
  let h0 = key[1]! ^ 0x736f6d65
  let l1 = key[2]! ^ 0x6e646f6d
  let h1 = key[3]! ^ 0x646f7261
  let l2 = key[0]! ^ 0x6e657261
  let h2 = key[1]! ^ 0x6c796765
  let l3 = key[2]! ^ 0x79746573
  let h3 = key[3]! ^ 0x74656462
  const last = length & ~7 // the block that also has the length
  for (let block = 0; block <= last + 8; block += 8) {
    const isEnd = block > last
    const low = isEnd ? 0 : word(message, block, length)
    const high = isEnd ? 0 : word(message, block + 4, length) | (block === last ? length << 24 : 0)
    if (isEnd) l2 ^= 0xff
    l3 ^= low
    h3 ^= high
    for (let round = isEnd ? 4 : 2; round > 0; round--) {
      l0 = (l0 + l1) | 0
      h0 = (h0 + h1 + (l0 >>> 0 < l1 >>> 0 ? 1 : 0)) | 0 // with the carry
      let held = (h1 << 13) | (l1 >>> 19)
      l1 = ((l1 << 13) | (h1 >>> 19)) ^ l0
      h1 = held ^ h0
      held = h0
      h0 = l0
      l0 = held
      l2 = (l2 + l3) | 0
      h2 = (h2 + h3 + (l2 >>> 0 < l3 >>> 0 ? 1 : 0)) | 0
      held = (h3 << 16) | (l3 >>> 16)
      l3 = ((l3 << 16) | (h3 >>> 16)) ^ l2
      h3 = held ^ h2
      l0 = (l0 + l3) | 0
      h0 = (h0 + h3 + (l0 >>> 0 < l3 >>> 0 ? 1 : 0)) | 0
      held = (h3 << 21) | (l3 >>> 11)
      l3 = ((l3 << 21) | (h3 >>> 11)) ^ l0
      h3 = held ^ h0
      l2 = (l2 + l1) | 0
      h2 = (h2 + h1 + (l2 >>> 0 < l1 >>> 0 ? 1 : 0)) | 0
      held = (h1 << 17) | (l1 >>> 15)
      l1 = ((l1 << 17) | (h1 >>> 15)) ^ l2
      h1 = held ^ h2
      held = h2
      h2 = l2
      l2 = held
    }
    l0 ^= low
    h0 ^= high
  }
  const lowSum = l0 ^ l1 ^ l2 ^ l3
  const highSum = h0 ^ h1 ^ h2 ^ h3
  for (let i = 0; i < 4; i++) {
    into[at + i] = (lowSum >>> (8 * i)) & 255
    into[at + 4 + i] = (highSum >>> (8 * i)) & 255
  }
}
