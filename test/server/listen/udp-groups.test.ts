/** How replies are grouped into messages of segments: what holds for any batch, and how few messages it takes. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sockaddr } from '../../../server/listen/address.ts'
import type { Ffi } from '../../../server/listen/ffi.ts'
import { Arena, BATCH } from '../../../server/listen/udp-arena.ts'
import { Groups } from '../../../server/listen/udp-groups.ts'

const MAX_SEGMENTS = 64

interface Reply {
  readonly port: number
  readonly octets: number
}

/** Forms groups of replies; each group as the kernel would read it: places of its replies in `replies`, in order. */
function grouped(family: 4 | 6, replies: readonly Reply[]): number[][] {
  const memories: ArrayBuffer[] = []
  const ffi = { addressOf: (memory: ArrayBuffer) => BigInt(memories.push(memory)) << 32n } as unknown as Ffi
  const arena = new Arena(ffi, family, false)
  const groups = new Groups(ffi, arena)
  const address = family === 4 ? '192.0.2.1' : '2001:db8::1'
  replies.forEach(({ port, octets }, i) => {
    arena.bytes.set(sockaddr(address, port)!, arena.nameAt(i))
    arena.reply(i, i, octets)
  })
  const count = groups.form(replies.length)
  if (count === replies.length) return replies.map((_, i) => [i])
  const at = (place: bigint) => new DataView(memories[Number(place >> 32n) - 1]!, Number(place & 0xffffffffn))
  const slotOf = (place: bigint) => replies.findIndex((_, i) => arena.packetAt(i) === Number(place & 0xffffffffn))
  return Array.from({ length: count }, (_, group) => {
    const header = at(groups.headersFrom(group))
    const vectors = header.getBigUint64(16, true)
    const slots = Array.from({ length: header.getUint32(24, true) }, (_, i) => {
      const vector = at(vectors + BigInt(i * 16))
      const slot = slotOf(vector.getBigUint64(0, true))
      assert.is(vector.getUint32(8, true), replies[slot]!.octets)
      return slot
    })
    assert.is(groups.sizeOf(group), slots.length)
    const name = at(header.getBigUint64(0, true))
    assert.is(name.getUint16(2), replies[slots[0]!]!.port, 'goes to whom it is for')
    if (slots.length > 1) {
      const control = at(header.getBigUint64(32, true))
      assert.is(control.getUint16(16, true), replies[slots[0]!]!.octets)
    }
    return slots
  })
}

const reply = fc.record({
  port: fc.integer({ min: 1, max: 4 }),
  octets: fc.oneof(fc.integer({ min: 50, max: 58 }), fc.constantFrom(1232, 1233, 4000)),
})
for (const family of [4, 6] as const) {
  test(`IPv${family}: each reply once, one client, one length but for a shorter last one`, () => {
    fc.assert(
      fc.property(fc.array(reply, { minLength: 1, maxLength: BATCH }), replies => {
        const groups = grouped(family, replies)
        assert.equal(
          groups.flat().sort((a, b) => a - b),
          replies.map((_, i) => i),
        )
        for (const group of groups) {
          const members = group.map(i => replies[i]!)
          const [{ port, octets }] = members as [Reply]
          assert.ok(members.every(member => member.port === port))
          assert.ok(members.slice(0, -1).every(member => member.octets === octets))
          assert.ok(members.at(-1)!.octets <= octets)
          assert.ok(group.length === 1 || (octets <= 1232 && group.length <= MAX_SEGMENTS))
        }
      }),
    )
  })
}

const messages = (lengths: readonly number[]) =>
  grouped(
    4,
    lengths.map(octets => ({ port: 1, octets })),
  ).length
for (const { name, lengths, expected } of [
  { name: 'A and AAAA', lengths: [64, 102], expected: 1 },
  { name: 'AAAA and A', lengths: [102, 64], expected: 1 },
  { name: 'all of one length', lengths: Array(8).fill(64), expected: 1 },
  { name: 'eight lengths', lengths: [1, 2, 3, 4, 5, 6, 7, 8].map(n => 50 + n), expected: 4 },
  { name: 'what was last becomes one of several', lengths: [102, 64, 64], expected: 2 },
  { name: 'more than the kernel cuts', lengths: Array(65).fill(64), expected: 2 },
  { name: 'too long to be cut', lengths: [1233, 1233], expected: 2 },
  { name: 'more octets than a datagram has', lengths: Array(60).fill(1232), expected: 2 },
]) {
  test(`${name}: ${expected} messages for ${lengths.length} replies`, () => {
    assert.is(messages(lengths), expected)
  })
}

test.run()
