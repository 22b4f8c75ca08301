/** Datagrams that leave together, played by a fake kernel: what is one message of segments, and what becomes of refusals. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { GROUP, Outbox } from '../../../../plugins/forward/transport/outbox.ts'
import type { Ffi } from '../../../../server/listen/ffi.ts'

const BASE = 0x7f00_ffff_f000n
const EPERM = 1
const EINTR = 4
const EIO = 5
const EAGAIN = 11

/** A kernel that answers `results` to sendmmsg, then takes all; `taken` are the messages, each with its segments. */
class FakeKernel {
  readonly results: number[] = []
  readonly taken: string[] = []
  segments = true
  #errno = 0
  #memory = new DataView(new ArrayBuffer(0))

  readonly ffi = {
    addressOf: (memory: ArrayBuffer) => {
      this.#memory = new DataView(memory)
      return BASE
    },
    errno: () => this.#errno,
    calls: { sendmmsg: (_: number, headers: bigint, count: number) => this.#send(Number(headers - BASE), count) },
  } as unknown as Ffi

  #send(headers: number, count: number): number {
    const result = this.results.shift() ?? count
    for (let i = 0; i < result; i++) {
      const header = headers + i * 64
      if (!this.segments && this.#memory.getUint32(header + 40, true) > 0) return i > 0 ? i : this.#fail(EIO)
      this.taken.push(this.#read(header))
    }
    return result >= 0 ? result : this.#fail(-result)
  }

  #fail(errno: number): number {
    this.#errno = errno
    return -1
  }

  #pointer(at: number): number {
    return Number(this.#memory.getBigUint64(at, true) - BASE)
  }

  #read(header: number): string {
    const vectors = this.#memory.getUint32(header + 24, true)
    const found: string[] = []
    for (let i = 0; i < vectors; i++) {
      const vector = this.#pointer(header + 16) + i * 16
      const length = this.#memory.getUint32(vector + 8, true)
      found.push(Buffer.from(this.#memory.buffer as ArrayBuffer, this.#pointer(vector), length).toString())
      if (vectors > 1) equal(this.#memory.getUint16(this.#pointer(header + 32) + 16, true), length)
    }
    equal(this.#memory.getUint32(header + 40, true), vectors > 1 ? 24 : 0)
    return found.join('+')
  }
}

function filled(kernel: FakeKernel, ...texts: string[]): Outbox {
  const outbox = new Outbox(kernel.ffi)
  for (const text of texts) outbox.add(Buffer.from(text), text.length)
  return outbox
}

test('what has one length is one message; the order within it stays', () => {
  const kernel = new FakeKernel()
  const outbox = filled(kernel, 'aaa', 'b', 'ccc', 'dd', 'e', 'fff')
  equal(outbox.send(3), 0)
  deepEqual(kernel.taken, ['b+e', 'dd', 'aaa+ccc+fff'])
  outbox.add(Buffer.from('again'), 5)
  equal(outbox.send(3), 0)
  equal(kernel.taken.at(-1), 'again')
})

test('it is full with as many as leave together, and takes the longest query', () => {
  const kernel = new FakeKernel()
  const outbox = new Outbox(kernel.ffi)
  for (let i = 0; i < GROUP; i++) {
    ok(!outbox.isFull)
    outbox.add(Buffer.alloc(600, 65 + i), 512)
  }
  ok(outbox.isFull)
  equal(outbox.send(3), 0)
  equal(kernel.taken.join().length, 512 * GROUP + GROUP - 1)
})

test('a send that was interrupted, or took a part, goes on', () => {
  const kernel = new FakeKernel()
  kernel.results.push(-EINTR, 1, -EINTR, 1)
  equal(filled(kernel, 'a', 'bb', 'ccc').send(3), 0)
  deepEqual(kernel.taken, ['a', 'bb', 'ccc'])
})

test('a full buffer loses the rest; another error is told, and the next send begins anew', () => {
  const kernel = new FakeKernel()
  kernel.results.push(1, -EAGAIN)
  const outbox = filled(kernel, 'a', 'bb', 'ccc')
  equal(outbox.send(3), 0)
  deepEqual(kernel.taken, ['a'])
  kernel.results.push(-EPERM)
  outbox.add(Buffer.from('d'), 1)
  equal(outbox.send(3), EPERM)
  outbox.add(Buffer.from('e'), 1)
  equal(outbox.send(3), 0)
  deepEqual(kernel.taken, ['a', 'e'])
})

test('a kernel that takes no segments gets them one by one from then on', () => {
  const kernel = new FakeKernel()
  kernel.segments = false
  equal(filled(kernel, 'a', 'bb', 'cc', 'd').send(3), 0)
  deepEqual(kernel.taken, ['a', 'd', 'bb', 'cc'])
})

test.run()
