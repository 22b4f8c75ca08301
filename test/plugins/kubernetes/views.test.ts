/** How old the view of each resource is: as a metric, and as text, also where feeds are shared, and after a reload. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { acquireFeed } from '../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../plugins/kubernetes/handler.ts'
import type { Store } from '../../../plugins/kubernetes/index/index.ts'
import { KINDS } from '../../../plugins/kubernetes/object/object.ts'
import { ManifestsSource } from '../../../plugins/kubernetes/source/manifests.ts'
import type { Source, View } from '../../../plugins/kubernetes/source/source.ts'
import { cells, families } from '../../../server/metrics.ts'
import { FakeClock } from '../../harness/fake-clock.ts'
import { testSite } from '../../harness/stage.ts'
import { settingsOf } from './cluster.ts'
import { RecordStore } from './source/record-store.ts'

const test = suite('views')
const NEVER = Number.POSITIVE_INFINITY

class FakeSource implements Source {
  readonly ages: Record<string, number>
  constructor(ages: Record<string, number>) {
    this.ages = ages
  }
  async start(store: Store): Promise<void> {
    for (const kind of KINDS) store.setSynced(kind, true)
  }
  async stop(): Promise<void> {}
  views(): View[] {
    return Object.entries(this.ages).map(([resource, ageMs]) => ({ resource, ageMs }))
  }
}

let made = 0
function stageOf(source: Source, key = `views ${made++}`): Kubernetes {
  const feed = acquireFeed(key, { kinds: KINDS, endpointPodNames: false, makeSource: () => source })
  return new Kubernetes(settingsOf('cluster.local', 'startup_timeout 10ms'), testSite(), feed)
}

/** What a scrape shows, in seconds by resource. */
function scrape(): Record<string, number> {
  const family = families.get('sextant_kubernetes_view_age_seconds')!
  family.refresh!()
  return Object.fromEntries([...family.children.values()].map(({ values, cell }) => [values[0]!, cells[cell]!]))
}

for (const { name, ages, is } of [
  { name: 'below ten seconds with a tenth', ages: { services: 420, pods: 9_949 }, is: 'services 0.4 s, pods 9.9 s' },
  { name: 'from there on whole', ages: { services: 9_950, pods: 3_600_499 }, is: 'services 10 s, pods 3600 s' },
  { name: 'never', ages: { services: NEVER }, is: 'services never synced' },
  { name: 'nothing', ages: {}, is: '' },
]) {
  test(`text: ${name}`, async () => {
    const stage = stageOf(new FakeSource(ages))
    assert.is(stage.condition(), '')
    await Promise.resolve()
    await stage.start(undefined)
    assert.is(stage.condition(), is === '' ? '' : `cluster.local: ${is}`)
    await stage.stop()
  })
}

test('metric: from start to end of the feed, one sample however many stages share it', async () => {
  const source = new FakeSource({ services: 1500, pods: NEVER })
  const [one, other] = [stageOf(source, 'shared'), stageOf(source, 'shared')]
  assert.equal(scrape(), {})
  await one.start(undefined)
  await other.start(undefined)
  assert.equal(scrape(), { services: 1.5, pods: NEVER })
  await one.stop()
  source.ages.services = 2500
  assert.equal(scrape(), { services: 2.5, pods: NEVER })
  await other.stop()
  assert.equal(scrape(), {})
})

test('metric: of several clusters the oldest view, and of a reload what is left', async () => {
  const before = stageOf(new FakeSource({ services: 90_000, namespaces: 1000 }))
  const after = stageOf(new FakeSource({ services: 2000, pods: 3000 }))
  await before.start(undefined)
  await after.start(before)
  assert.equal(scrape(), { services: 90, namespaces: 1, pods: 3 })
  await before.stop()
  assert.equal(scrape(), { services: 2, pods: 3 })
  await after.stop()
  assert.equal(scrape(), {})
})

test('a source that cannot work leaves nothing behind', async () => {
  const source = new FakeSource({ services: 0 })
  source.start = async () => {
    throw new Error('no such cluster')
  }
  const stage = stageOf(source)
  await stage.start(undefined).then(
    () => assert.unreachable('it started'),
    () => undefined,
  )
  assert.equal(scrape(), {})
})

test('a folder: since it was last looked at with success', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-views-'))
  const clock = new FakeClock()
  const log = { info() {}, warn() {}, error() {} }
  const settings = { kinds: KINDS, labels: undefined, namespaceLabels: undefined, folder }
  const source = new ManifestsSource(settings, clock, log)
  const age = () => source.views()[0]!.ageMs
  assert.is(age(), NEVER)
  await source.start(new RecordStore())
  assert.is(age(), 0)
  rmSync(folder, { recursive: true })
  const look = async () => {
    clock.advance(30_000)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  for (let i = 1; i <= 3; i++) {
    await look()
    assert.is(age(), i * 30_000)
  }
  mkdirSync(folder)
  while (age() > 0) await look()
  await source.stop()
  rmSync(folder, { recursive: true })
})

test.run()
