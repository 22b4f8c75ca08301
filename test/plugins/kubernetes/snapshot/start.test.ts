/** What a snapshot means for the start, and for a reload: who waits for whom, and what a stage counts as. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mock } from 'node:test'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { acquireFeed } from '../../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../../plugins/kubernetes/handler.ts'
import type { Store } from '../../../../plugins/kubernetes/index/index.ts'
import { KINDS } from '../../../../plugins/kubernetes/object/object.ts'
import type { Source } from '../../../../plugins/kubernetes/source/source.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { CorefileErrors } from '../../../../server/plugin.ts'
import { startServer } from '../../../harness/server.ts'
import { testSite } from '../../../harness/stage.ts'
import { service, settingsOf } from '../cluster.ts'
import { indexOf, newFile, SMALL, write } from './pictures.ts'

/** Long enough that a test fails that waits for it. */
const TIMEOUT = '60s'

class SilentSource implements Source {
  store: Store | undefined
  readonly #began: (store: Store) => void
  constructor(began: (store: Store) => void = () => {}) {
    this.#began = began
  }
  async start(store: Store): Promise<void> {
    this.store = store
    this.#began(store)
  }
  async stop(): Promise<void> {}
  async cluster() {
    return { server: 'https://a/', ca: '' }
  }
}
const bring = (store: Store) => store.put('namespace', { kind: 'namespace', name: 'a' })
const sync = (store: Store) => {
  for (const kind of KINDS) store.setSynced(kind, true)
}

const picture = { server: 'https://a/', ca: '', labels: '', namespaceLabels: '', endpointPodNames: false }
function snapshotOf(objects = SMALL): Promise<string> {
  return write(indexOf(objects), { header: { takenAtMs: Date.now() - 60_000, picture } })
}

let made = 0
interface StageOptions {
  file?: string | undefined
  source?: SilentSource
  key?: string
  timeout?: string
}
function stageOf({ file, source = new SilentSource(), key = `start ${made++}`, timeout = TIMEOUT }: StageOptions) {
  const feed = acquireFeed(key, { kinds: KINDS, endpointPodNames: false, makeSource: () => source })
  const body = `startup_timeout ${timeout}\n${file === undefined ? '' : `snapshot ${file}`}`
  return new Kubernetes(settingsOf('cluster.local', body), testSite(), feed)
}

test('the API server says nothing: the start does not wait for it, and is ready', async () => {
  const stage = stageOf({ file: await snapshotOf() })
  const startMs = performance.now()
  await stage.start(undefined)
  assert.ok(performance.now() - startMs < 10_000)
  assert.is(stage.ready(), true)
  assert.ok(stage.index.services.named('a', 's') !== 0)
  await stage.stop()
})

test('the API server is there in time: nothing is answered from the snapshot', async () => {
  const stage = stageOf({ file: await snapshotOf(), source: new SilentSource(sync) })
  await stage.start(undefined)
  assert.is(stage.ready(), true)
  assert.is(stage.index.services.named('a', 's'), 0)
  await stage.stop()
})

test('objects arrive: the start waits for the rest of them', async () => {
  const source = new SilentSource(bring)
  const stage = stageOf({ file: await snapshotOf(), source })
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  let started = false
  const starting = stage.start(undefined).then(() => {
    started = true
  })
  // It is restored; then half of `startup_timeout` passes at once.
  const turn = () => new Promise(resolve => setImmediate(resolve))
  while (stage.index.services.named('a', 's') === 0) await turn()
  for (let second = 0; second < 30; second++) {
    for (let i = 0; i < 10; i++) await turn()
    mock.timers.tick(1000)
  }
  assert.is(started, false)
  sync(source.store!)
  await starting
  mock.timers.reset()
  assert.is(stage.ready(), true)
  await stage.stop()
})

test('objects arrive, but not all of them: ready after startup_timeout', async () => {
  const stage = stageOf({ file: await snapshotOf(), source: new SilentSource(bring), timeout: '50ms' })
  await stage.start(undefined)
  assert.is(stage.ready(), true)
  await stage.stop()
})

test('a snapshot without pods does not stand for a cluster with them', async () => {
  const index = indexOf(SMALL)
  const sections = (['namespace', 'service', 'endpointslice'] as const).map(kind => ({ name: kind, kind, index }))
  const file = await write(index, { sections, header: { takenAtMs: Date.now(), picture } })
  const source = new SilentSource()
  const stage = stageOf({ file, source, timeout: '50ms' })
  await stage.start(undefined)
  assert.is(stage.ready(), false)
  source.store!.setSynced('pod', true)
  assert.is(stage.ready(), true)
  await stage.stop()
})

test('a snapshot of another cluster is as good as none', async () => {
  const file = await write(indexOf(SMALL), { header: { takenAtMs: Date.now(), picture: { ...picture, ca: 'ab' } } })
  const stage = stageOf({ file, timeout: '50ms' })
  await stage.start(undefined)
  assert.is(stage.ready(), false)
  assert.is(stage.index.services.named('a', 's'), 0)
  await stage.stop()
})

test('reload: what is known now is not replaced by what was known once', async () => {
  const before = stageOf({ source: new SilentSource(sync) })
  await before.start(undefined)
  const after = stageOf({ file: await snapshotOf(), timeout: '50ms' })
  await after.start(before).then(
    () => assert.unreachable('started'),
    error => assert.match(error.message, /not synced after 50 ms/),
  )
  assert.is(before.ready(), true)
  await before.stop()
})

test('reload: one snapshot may replace another while the API server is away', async () => {
  const before = stageOf({ file: await snapshotOf() })
  await before.start(undefined)
  const after = stageOf({ file: await snapshotOf() })
  await after.start(before)
  await before.stop()
  assert.is(after.ready(), true)
  await after.stop()
})

test('reload: a snapshot comes, another takes its place, and goes; the index stays', async () => {
  const source = new SilentSource(sync)
  const key = `start ${made++}`
  const [one, two] = [newFile(), newFile()]
  let before = stageOf({ key, source })
  await before.start(undefined)
  const { index } = before
  for (const file of [one, two, undefined]) {
    const after = stageOf({ key, source, file })
    await after.start(before)
    await before.stop()
    assert.is(after.index, index)
    assert.is(after.ready(), true)
    if (file !== undefined) await until(() => existsSync(file))
    before = after
  }
  rmSync(one)
  await before.stop()
  assert.equal([existsSync(one), existsSync(two)], [false, true])
})

test('reload: a snapshot comes while the API server is away, and helps at once', async () => {
  const source = new SilentSource()
  const key = `start ${made++}`
  const before = stageOf({ key, source, timeout: '50ms' })
  await before.start(undefined)
  assert.is(before.ready(), false)
  const after = stageOf({ key, source, file: await snapshotOf() })
  await after.start(before)
  await before.stop()
  assert.is(after.ready(), true)
  await after.stop()
})

test('two blocks with one source share a snapshot', async () => {
  const source = new SilentSource(sync)
  const key = `start ${made++}`
  const file = newFile()
  const stages = [stageOf({ key, source, file }), stageOf({ key, source, file })]
  await Promise.all(stages.map(stage => stage.start(undefined)))
  await stages[0]!.stop()
  await until(() => existsSync(file))
  await stages[1]!.stop()
})

test('two blocks with two sources and one file: an error at the second one', async () => {
  const block = (zone: string, api: number) =>
    `${zone}:0 {\nbind 127.0.0.1\nkubernetes ${zone} {\nendpoint http://127.0.0.1:${api}\nsnapshot here\n}\n}\n`
  const error = await startServer(`${block('a.test', 1)}${block('b.test', 2)}`).then(
    running => running.stop().then(() => assert.unreachable('started')),
    error => error,
  )
  assert.instance(error, CorefileErrors)
  const [{ line, column, message }, ...more] = error.errors
  assert.equal([line, column, more.length], [12, 10, 0])
  assert.match(message, /^snapshot ".*here" is that of other objects in .*Corefile:5, expected a file of its own$/)
})

test('metrics: whether answers come from it, and how old it is', async () => {
  const file = await snapshotOf([...SMALL, service('t.a', ['10.0.0.2'])])
  const source = new SilentSource()
  const stage = stageOf({ file, source })
  const value = (name: string) => {
    const family = families.get(`sextant_kubernetes_snapshot_${name}`)!
    family.refresh?.()
    const child = family.children.get(file)
    return child && cells[child.cell]
  }
  await stage.start(undefined)
  assert.is(value('in_use'), 1)
  assert.ok(value('age_seconds')! >= 60)
  sync(source.store!)
  assert.is(value('in_use'), 0)
  await until(() => value('writes_total') === 1)
  assert.ok(value('age_seconds')! < 30)
  await stage.stop()
  assert.is(value('age_seconds'), undefined)
  assert.is(value('write_failures_total'), 0)
  assert.ok(readFileSync(file).length > 0)
})

async function until(met: () => boolean): Promise<void> {
  for (const startMs = performance.now(); !met(); ) {
    assert.ok(performance.now() - startMs < 10_000, 'not within 10 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test.run()
