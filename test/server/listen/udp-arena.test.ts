import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sockaddr } from '../../../server/listen/address.ts'
import type { Ffi } from '../../../server/listen/ffi.ts'
import { Arena, BATCH, INFO_IN_KEPT } from '../../../server/listen/udp-arena.ts'

/** The arena believes to lie here: an address that does not fit 32 bits, and whose lower half overflows on the way. */
const BASE = 0x7f00_ffff_f000n
const ffi = { addressOf: () => BASE } as unknown as Ffi
const view = (arena: Arena) => new DataView(arena.bytes.buffer)
const send = (arena: Arena) => Number(arena.sendHeaders - BASE)

const FAMILIES = [
  { family: 4, nameBytes: 16, controlBytes: 32 },
  { family: 6, nameBytes: 28, controlBytes: 40 },
] as const
for (const { family, nameBytes, controlBytes } of FAMILIES) {
  test(`IPv${family}: headers to receive with point into their slots`, () => {
    const arena = new Arena(ffi, family, true)
    for (let i = 0; i < BATCH; i++) {
      const header = Number(arena.receiveHeaders - BASE) + i * 64
      const at = (offset: number) => view(arena).getBigUint64(offset, true)
      assert.is(at(header), BASE + BigInt(arena.nameAt(i)))
      assert.is(view(arena).getUint32(header + 8, true), nameBytes)
      const iovec = Number(at(header + 16) - BASE)
      assert.is(at(iovec), BASE + BigInt(arena.packetAt(i)))
      assert.is(at(iovec + 8), 4096n)
      assert.is(at(header + 24), 1n)
      assert.is(at(header + 32), BASE + BigInt(arena.infoAt(i) - 16))
      assert.is(at(header + 40), BigInt(controlBytes))
    }
  })
}

test('slots do not overlap, and begin in different lines of the cache', () => {
  const arena = new Arena(ffi, 6, true)
  const sets = new Set<number>()
  for (let i = 0; i < BATCH; i++) {
    sets.add((arena.packetAt(i) / 64) & 63)
    if (i > 0) assert.ok(arena.nameAt(i) >= arena.packetAt(i - 1) + 4096)
  }
  assert.is(sets.size, 64)
  assert.ok(arena.packetAt(BATCH - 1) + 4096 <= arena.bytes.length)
})

test('replies are compacted: header 0 sends what slot 5 holds', () => {
  const arena = new Arena(ffi, 4, false)
  arena.reply(0, 5, 77)
  const at = (offset: number) => view(arena).getBigUint64(send(arena) + offset, true)
  assert.is(at(0), BASE + BigInt(arena.nameAt(5)))
  const iovec = Number(at(16) - BASE)
  assert.is(view(arena).getBigUint64(iovec, true), BASE + BigInt(arena.packetAt(5)))
  assert.is(view(arena).getBigUint64(iovec + 8, true), 77n)
  assert.is(at(32), 0n)
  assert.is(at(40), 0n)
  arena.reply(0, 0, 78)
  assert.is(at(0), BASE + BigInt(arena.nameAt(0)))
})

test('what is cut, and who has no port', () => {
  const arena = new Arena(ffi, 4, false)
  view(arena).setUint32(56, 4096, true)
  assert.is(arena.receivedLength(0), 4096)
  view(arena).setUint32(48, 0x20, true)
  assert.is(arena.receivedLength(0), -1)
  assert.not(arena.hasPort(3))
  arena.bytes[arena.nameAt(3) + 3] = 53
  assert.ok(arena.hasPort(3))
})

/** Puts a control message as the kernel writes it into slot 0. */
function receive(arena: Arena, level: number, type: number, data: Uint8Array): void {
  const at = arena.infoAt(0)
  view(arena).setUint32(at - 16, 16 + data.length, true)
  view(arena).setUint32(at - 8, level, true)
  view(arena).setUint32(at - 4, type, true)
  arena.bytes.set(data, at)
}
const info6 = (address: string) => Uint8Array.of(...sockaddr(address, 0)!.subarray(8, 24), 2, 0, 0, 0)
const SOURCES = [
  {
    name: 'IPv4',
    family: 4,
    level: 0,
    type: 8,
    data: Uint8Array.of(2, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1),
    length: 32,
    interface: 0,
  },
  { name: 'IPv6', family: 6, level: 41, type: 50, data: info6('2001:db8::1'), length: 40, interface: 0 },
  {
    name: 'link-local keeps its interface',
    family: 6,
    level: 41,
    type: 50,
    data: info6('fe80::1'),
    length: 40,
    interface: 2,
  },
  {
    name: 'a multicast group is nobody’s address',
    family: 6,
    level: 41,
    type: 50,
    data: info6('ff02::1'),
    length: 0,
    interface: 2,
  },
  { name: 'something else', family: 6, level: 41, type: 51, data: info6('2001:db8::1'), length: 0, interface: 2 },
] as const
for (const row of SOURCES) {
  test(`the reply's source: ${row.name}`, () => {
    const arena = new Arena(ffi, row.family, true)
    receive(arena, row.level, row.type, row.data)
    arena.reply(0, 0, 12)
    assert.is(view(arena).getUint32(send(arena) + 40, true), row.length)
    assert.is(view(arena).getUint32(arena.infoAt(0) + (row.family === 4 ? 0 : 16), true), row.interface)
  })
}

test('what is kept fills another slot as it was', () => {
  const arena = new Arena(ffi, 6, true)
  const name = sockaddr('fe80::9%3', 4711)!
  arena.bytes.set(name, arena.nameAt(0))
  receive(arena, 41, 50, info6('fe80::1'))
  const kept = arena.keep(0)
  assert.equal(kept.subarray(0, INFO_IN_KEPT), name)
  const late = new Arena(ffi, 6, true)
  late.fill(7, kept, Uint8Array.of(9, 8, 7, 6, 5), 1, 3)
  late.reply(0, 7, 3)
  assert.equal(late.bytes.slice(late.packetAt(7), late.packetAt(7) + 3), Uint8Array.of(8, 7, 6))
  assert.equal(late.bytes.slice(late.nameAt(7), late.nameAt(7) + 28), name)
  assert.equal(
    late.bytes.slice(late.infoAt(7) - 16, late.infoAt(7) + 20),
    arena.bytes.slice(arena.infoAt(0) - 16, arena.infoAt(0) + 20),
  )
})

test('headers are ready again after use', () => {
  const arena = new Arena(ffi, 4, true)
  view(arena).setUint32(40, 0, true)
  view(arena).setUint32(104, 0, true)
  arena.rearm(1)
  assert.is(view(arena).getUint32(40, true), 32)
  assert.is(view(arena).getUint32(104, true), 0)
})

test.run()
