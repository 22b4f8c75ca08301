/** What becomes of index and source when the plugin starts, and when a configuration replaces another. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { acquireFeed } from '../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../plugins/kubernetes/handler.ts'
import type { Store } from '../../../plugins/kubernetes/index/index.ts'
import { KINDS } from '../../../plugins/kubernetes/object/object.ts'
import type { Source } from '../../../plugins/kubernetes/source/source.ts'
import { testSite } from '../../harness/stage.ts'
import { settingsOf } from './cluster.ts'

/** A source that does what the test says, and tells what was done with it. */
class FakeSource implements Source {
  readonly events: string[] = []
  store: Store | undefined
  readonly #syncs: boolean
  readonly #fails: boolean
  constructor({ syncs = true, fails = false } = {}) {
    this.#syncs = syncs
    this.#fails = fails
  }
  async start(store: Store): Promise<void> {
    this.events.push('start')
    if (this.#fails) throw new Error('no such cluster', { cause: new Error('no such file') })
    this.store = store
    for (const kind of KINDS) if (this.#syncs) store.setSynced(kind, true)
  }
  async stop(): Promise<void> {
    this.events.push('stop')
  }
}

let made = 0
function stageOf(key: string, source: Source, timeout = '10ms'): Kubernetes {
  const feed = acquireFeed(key, { kinds: KINDS, endpointPodNames: false, makeSource: () => source })
  return new Kubernetes(settingsOf('cluster.local', `startup_timeout ${timeout}`), testSite(), feed)
}

test('a reload that leaves the source alone takes it over, index and all', async () => {
  const key = `reload ${made++}`
  const source = new FakeSource()
  const before = stageOf(key, source)
  await before.start(undefined)
  const after = stageOf(key, new FakeSource({ fails: true }))
  await after.start(before)
  assert.is(after.index, before.index)
  await before.stop()
  assert.is(after.ready(), true)
  assert.equal(source.events, ['start'])
  await after.stop()
  assert.equal(source.events, ['start', 'stop'])
})

test('a reload that changes the source starts the new one before the old one ends', async () => {
  const [one, other] = [new FakeSource(), new FakeSource()]
  const before = stageOf(`reload ${made++}`, one)
  await before.start(undefined)
  const after = stageOf(`reload ${made++}`, other)
  await after.start(before)
  assert.is(after.ready(), true)
  assert.equal([one.events, other.events], [['start'], ['start']])
  await before.stop()
  assert.equal(one.events, ['start', 'stop'])
  await after.stop()
})

test('a new source that does not sync does not replace one that has', async () => {
  const before = stageOf(`reload ${made++}`, new FakeSource())
  await before.start(undefined)
  const other = new FakeSource({ syncs: false })
  const after = stageOf(`reload ${made++}`, other)
  await after.start(before).then(
    () => assert.unreachable('started'),
    error => assert.match(error.message, /not synced after 10 ms, expected the cluster to be known/),
  )
  assert.equal(other.events, ['start', 'stop'])
  assert.is(before.ready(), true)
  await before.stop()
})

test('a new source that is bringing objects is waited for beyond startup_timeout', async () => {
  const before = stageOf(`reload ${made++}`, new FakeSource())
  await before.start(undefined)
  const other = new FakeSource({ syncs: false })
  const after = stageOf(`reload ${made++}`, other)
  const starting = after.start(before)
  await new Promise(resolve => setImmediate(resolve))
  other.store!.put('namespace', { kind: 'namespace', name: 'default' })
  await new Promise(resolve => setTimeout(resolve, 50)) // startup_timeout is 10 ms
  for (const kind of KINDS) other.store!.setSynced(kind, true)
  await starting
  assert.is(after.ready(), true)
  await before.stop()
  await after.stop()
})

test('the first start goes on unsynced after startup_timeout', async () => {
  const source = new FakeSource({ syncs: false })
  const stage = stageOf(`start ${made++}`, source)
  await stage.start(undefined)
  assert.is(stage.ready(), false)
  for (const kind of KINDS) source.store!.setSynced(kind, true)
  assert.is(stage.ready(), true)
  await stage.stop()
})

test('the start waits for the sync', async () => {
  const source = new FakeSource({ syncs: false })
  const stage = stageOf(`start ${made++}`, source, '1m')
  const starting = stage.start(undefined)
  await Promise.resolve()
  for (const kind of KINDS) source.store!.setSynced(kind, true)
  await starting
  assert.is(stage.ready(), true)
  await stage.stop()
})

test('a source that can never work fails the start, and is tried anew the next time', async () => {
  const key = `start ${made++}`
  const source = new FakeSource({ fails: true })
  const stage = stageOf(key, source)
  await stage.start(undefined).then(
    () => assert.unreachable('started'),
    error => assert.match(error.message, /^Corefile:2:1: kubernetes: no such cluster: no such file\n/),
  )
  await stage.stop()
  assert.equal(source.events, ['start', 'stop'])
  const next = stageOf(key, new FakeSource())
  await next.start(undefined)
  assert.is(next.ready(), true)
  await next.stop()
})

test.run()
