/** When blocks are used again that other threads may read, and where they are told that the memory is. */
import { EventEmitter } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Indexes } from '../../../../plugins/kubernetes/index/indexes.ts'
import { follow, Readers } from '../../../../plugins/kubernetes/index/readers.ts'
import { Slab } from '../../../../plugins/kubernetes/index/slab.ts'

const BYTES = 100

interface Sent {
  readonly of: number
  readonly barrier?: number
  readonly memory?: SharedArrayBuffer
}

/** One end of a channel, of which the test is the other one. */
class Port extends EventEmitter {
  readonly sent: Sent[] = []
  postMessage(message: Sent): void {
    this.sent.push(message)
  }
  unref(): void {}
  /** Answers the barriers that were sent, but for those that it has answered. */
  answer(): void {
    for (const message of this.sent.splice(0)) if (message.barrier !== undefined) this.emit('message', message)
  }
}

function setUp(reservedBytes = 1 << 20) {
  const slab = new Slab(reservedBytes)
  slab.readers = new Readers(slab, 0)
  const join = () => {
    const port = new Port()
    slab.readers!.add(port as unknown as MessagePort)
    return port
  }
  /** True if a block is used again: the next one of its size is in its place. */
  const isFree = (block: number) => {
    const next = slab.allocate(BYTES)
    slab.freeNow(next)
    return next === block
  }
  return { slab, join, isFree }
}

test('a freed block rests until every reader has answered the barrier after it', () => {
  const { slab, join, isFree } = setUp()
  const [a, b] = [join(), join()]
  const block = slab.allocate(BYTES)
  slab.free(block)
  assert.equal([a.sent, b.sent], [[], []]) // this turn is not over
  slab.reclaim()
  assert.equal(a.sent, [{ of: 0, barrier: 1 }])
  assert.equal(b.sent, a.sent)
  a.answer()
  assert.not(isFree(block))
  b.answer()
  assert.ok(isFree(block))
})

test('what is freed while a barrier is on its way waits for the next one, which goes out at once', () => {
  const { slab, join, isFree } = setUp()
  const port = join()
  const [first, second] = [slab.allocate(BYTES), slab.allocate(2 * BYTES)]
  slab.free(first)
  slab.reclaim()
  slab.free(second)
  slab.reclaim()
  assert.is(port.sent.length, 1)
  port.answer()
  assert.ok(isFree(first))
  assert.equal(port.sent, [{ of: 0, barrier: 2 }])
  assert.is.not(slab.allocate(2 * BYTES), second)
  port.answer()
  assert.is(slab.allocate(2 * BYTES), second)
  assert.equal(port.sent, [])
})

test('a reader that goes is not waited for, nor one that comes after the barrier', () => {
  const { slab, join, isFree } = setUp()
  const [stays, goes] = [join(), join()]
  const block = slab.allocate(BYTES)
  slab.free(block)
  slab.reclaim()
  const comes = join()
  stays.answer()
  goes.emit('close')
  assert.ok(isFree(block))
  slab.free(slab.allocate(BYTES))
  slab.reclaim()
  stays.answer()
  assert.not(isFree(block))
  stays.emit('close')
  comes.emit('close')
  assert.ok(isFree(block))
  slab.free(slab.allocate(BYTES))
  slab.reclaim()
  assert.ok(isFree(block)) // nobody reads along
})

test('an answer to another barrier, or one about another slab, counts for nothing', () => {
  const { slab, join, isFree } = setUp()
  const port = join()
  const block = slab.allocate(BYTES)
  slab.free(block)
  slab.reclaim()
  for (const message of [{ of: 1, barrier: 1 }, { of: 0, barrier: 0 }, { staleText: 'x' }])
    port.emit('message', message)
  assert.not(isFree(block))
  port.answer()
  assert.ok(isFree(block))
})

test('growth: readers are told of the new memory; who has not answered, once it has', () => {
  const { slab, join, isFree } = setUp(8192)
  const quick = join()
  const block = slab.allocate(BYTES)
  const slow = join()
  slab.free(block)
  slab.reclaim()
  quick.answer()
  const before = slab.memory
  while (slab.memory === before) slab.allocate(1000)
  assert.equal(
    quick.sent.map(({ memory }) => memory),
    [slab.memory],
  )
  assert.is(slow.sent.length, 1)
  assert.ok(isFree(block)) // nobody knows it in the new memory
  slow.answer()
  assert.equal(
    slow.sent.map(({ memory }) => memory),
    [slab.memory],
  )
  quick.sent.length = slow.sent.length = 0
  slab.free(slab.allocate(BYTES))
  slab.reclaim()
  assert.equal([quick.sent.length, slow.sent.length], [1, 1])
})

test('a reader that does not answer costs the writer no more than what may rest', () => {
  const { slab, join } = setUp(1 << 28)
  const [lively, blocked] = [join(), join()]
  const kept = slab.allocate(1 << 20)
  slab.words[kept >> 2] = 4711
  const moves = new Set<SharedArrayBuffer>()
  let mostBytes = 0
  for (let i = 0; i < 2000; i++) {
    slab.free(slab.allocate(1 << 16))
    slab.reclaim()
    lively.answer()
    moves.add(slab.memory)
    mostBytes = Math.max(mostBytes, slab.usedBytes)
  }
  assert.is(moves.size, 2)
  assert.ok(mostBytes < (1 << 24) + (1 << 21), `${mostBytes} octets`)
  assert.is(slab.words[kept >> 2], 4711)
  // It answers: it is told, and counts again.
  assert.is(blocked.sent.length, 1)
  blocked.answer()
  assert.equal(
    blocked.sent.map(({ memory }) => memory),
    [slab.memory],
  )
  slab.free(slab.allocate(BYTES))
  slab.reclaim()
  assert.is(slab.readers!.isWaiting, true)
})

test('a thread with two ports is not led back by the slower one', () => {
  const { slab, join } = setUp(8192)
  const [writer, late] = [join(), join()]
  const reader = new Slab(64)
  reader.adopt(slab.memory)
  const ends = [new Port(), new Port()]
  for (const end of ends) follow(reader, 0, end as unknown as MessagePort)
  const grow = (before = slab.memory) => {
    while (slab.memory === before) slab.allocate(1000)
  }
  grow()
  grow()
  for (const message of writer.sent) ends[0]!.emit('message', message)
  assert.is(reader.memory, slab.memory)
  ends[1]!.emit('message', late.sent[0])
  assert.is(reader.memory, slab.memory)
})

test('an index of other hashes, or with other indexes, is not joined', () => {
  const port = new Port() as unknown as MessagePort
  const shared = new Indexes({ kinds: ['service'] }).share(port)
  const other = () => new Indexes({ kinds: ['service'] })
  assert.throws(() => other().join({ ...shared, rootHash: shared.rootHash ^ 1 }, port), /of another process/)
  assert.throws(() => other().join({ ...shared, memories: [] }, port), /of another process/)
  other().join(shared, port)
})

test.run()
