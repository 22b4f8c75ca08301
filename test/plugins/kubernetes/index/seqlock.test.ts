/** What a reader takes for one moment is one: the lock, and what is changed while it is odd. */
import { MessageChannel } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Seqlock } from '../../../../plugins/kubernetes/index/seqlock.ts'
import { serve, takeQuery } from '../../../../server/serve.ts'
import type { Peer } from '../../../../server/wire/query.ts'
import { query, replyText } from '../../../harness/message.ts'
import { judges } from '../shared/judges.ts'
import { blink, World } from '../shared/world.ts'

test('a look is over once something has changed, or has begun to', () => {
  const [writer, reader] = [new Seqlock(), new Seqlock()]
  reader.join(writer.shared)
  const seen = reader.now()
  assert.not(reader.isOver(seen))
  writer.change()
  assert.ok(reader.isOver(seen))
  writer.change() // several stores are one change
  writer.changed()
  assert.ok(reader.isOver(seen))
  const next = reader.now()
  assert.is.not(next, seen)
  assert.not(reader.isOver(next))
  writer.changed() // nothing has
  assert.is(reader.now(), next)
})

test('nothing changes beside the one that writes', () => {
  const writer = new Seqlock()
  const seen = writer.now()
  writer.change()
  assert.not(writer.isOver(seen))
  assert.is(writer.now(), seen)
})

test('where no moment is quiet, a look counts after a while', () => {
  const [writer, reader] = [new Seqlock(), new Seqlock()]
  reader.join(writer.shared)
  const startMs = performance.now()
  let looks = 0
  let seen: number
  do {
    seen = reader.now()
    looks++
    writer.change()
    writer.changed()
  } while (reader.isOver(seen))
  assert.ok(looks > 16)
  assert.ok(performance.now() - startMs < 5_000)
})

const peer: Peer = {
  address: '10.7.0.1',
  port: 40_000,
  family: 4,
  localAddress: '192.0.2.1',
  keep: () => peer,
  send: () => {},
}

/** A world, and all that a reader in this thread is answered. */
function setUp() {
  const world = new World()
  const reader = new World({ objects: [] }).server
  const { port1, port2 } = new MessageChannel()
  reader.stage.join(world.server.stage.share(port1), port2)
  const sync = ['service', 'endpoints', 'pods', 'synced'].flatMap(name => judges[name]!)
  const messages = [...sync, { name: 'cluster.local', type: 'SOA' }].map(({ name, type }) => query(name, { type }))
  const q = takeQuery()
  q.bytes = new Uint8Array(4096)
  q.capacity = q.bytes.length
  q.peer = peer
  const answers = () =>
    messages.map(message => {
      q.bytes.set(message)
      q.start = 0
      q.length = message.length
      return replyText(q.bytes.slice(0, serve(reader.routes, q)))
    })
  return { world, answers, end: () => port1.close() }
}

test('nothing that readers see has changed as a change begins, all has as it ends, and nothing does in between', () => {
  const { world, answers, end } = setUp()
  const { lock } = world.server.feed.indexes
  let known = answers()
  let isOpen = false
  let changes = 0
  const change = lock.change.bind(lock)
  const changed = lock.changed.bind(lock)
  lock.change = () => {
    if (!isOpen) assert.equal(answers(), known)
    isOpen = true
    change()
  }
  lock.changed = () => {
    changed()
    if (!isOpen) return
    isOpen = false
    known = answers()
    changes++
  }
  for (let i = 0; i < 25; i++) {
    world.step()
    assert.not(isOpen)
    assert.equal(answers(), known)
    world.index.setSynced('service', i % 2 === 1)
    world.server.remove(blink)
    assert.equal(answers(), known)
    world.server.put(blink)
    assert.equal(answers(), known)
  }
  assert.ok(changes > 200, `${changes} changes`)
  end()
})

test.run()
