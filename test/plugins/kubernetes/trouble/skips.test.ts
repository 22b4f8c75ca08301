/**
 * A watch that skips events: what it did not tell is found by a comparison with a list, within ten minutes, counted, and
 * told. Where nothing was skipped a comparison changes nothing and tells nothing, whatever goes on meanwhile.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FakeApiServer, type FakeObject, type FakeRequest, SERVICES } from '../../../harness/fake-api-server.ts'
import { service } from '../cluster.ts'
import { RESOURCES, TroubleWorld } from './world.ts'

const test = suite('trouble: skipped events')
const TEN_MINUTES_MS = 600_000

const drift = (world: TroubleWorld) => ({ ...world.metric('sextant_kubernetes_drift_total') })
const lists = (requests: readonly FakeRequest[], path: string) =>
  requests.filter(({ path: asked, isStreamingList, verb }) => asked === path && (isStreamingList || verb === 'list'))

/** What of a metric came since. */
function since(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const grown = Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, value]) => value > 0))
}

for (const { name, pages, bookmarks } of [
  { name: 'streaming lists', pages: false, bookmarks: true },
  { name: 'lists in pages', pages: true, bookmarks: true },
  { name: 'no bookmarks either', pages: false, bookmarks: false },
]) {
  test(`what was skipped is mended, counted and told: ${name}`, () =>
    TroubleWorld.run(
      async world => {
        const { server } = world
        server.bookmarks = bookmarks
        for (let round = 1; round <= 3; round++) {
          await world.pass(round * 61_000)
          const before = drift(world)
          world.logged.length = 0
          server.skips = true
          world.changeMeanwhile(round)
          server.skips = false
          await world.converges(TEN_MINUTES_MS, round)
          await world.pass(60_000)
          const wanted = { services: 3, endpointslices: 1, namespaces: 1 }
          assert.equal(since(before, drift(world)), wanted)
          const told = world.logged.map(line => line.replace(/http\S+ /, '')).sort()
          assert.equal(told, [
            'warn endpointslices.discovery.k8s.io: a comparison with the API server mended 1 object that no watch had told of',
            'warn namespaces: a comparison with the API server mended 1 object that no watch had told of',
            'warn services: a comparison with the API server mended 3 objects that no watch had told of',
          ])
        }
      },
      { pages },
    ))
}

test('nothing skipped: nothing changes, nothing is told, a list of each resource in 8 to 10 minutes', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const before = drift(world)
    const { index } = world.stage
    index.serial = 7 // any change would set it
    server.requests.length = 0
    await world.pass(6 * TEN_MINUTES_MS)
    assert.is(index.serial, 7)
    assert.equal(since(before, drift(world)), {})
    assert.equal(world.logged, [])
    for (const path of RESOURCES) {
      const count = lists(server.requests, path).length
      assert.ok(count >= 6 && count <= 8, `found ${count} lists within an hour`)
    }
  }))

for (const { name, body, within } of [
  { name: 'compare 0 never compares', body: 'compare 0', within: undefined },
  { name: 'compare 2m finds it in two minutes', body: 'compare 2m', within: 120_000 },
]) {
  test(name, () =>
    TroubleWorld.run(
      async world => {
        const { server } = world
        await world.pass(30_000)
        server.skips = true
        world.changeMeanwhile()
        server.skips = false
        if (within !== undefined) await world.converges(within)
        else {
          await world.pass(3 * TEN_MINUTES_MS)
          assert.is(await world.has('gone', '10.96.0.11'), true)
        }
      },
      { body },
    ),
  )
}

for (const pages of [false, true]) {
  test(`what changes while a comparison is under way is as the watch says, and no drift: ${pages ? 'pages' : 'stream'}`, () =>
    TroubleWorld.run(
      async world => {
        const { server } = world
        for (let i = 0; i < 1200; i++) server.put(SERVICES, service(`s${i}.default`, [`10.97.${i >> 8}.${i & 255}`]))
        const before = drift(world)
        // Each list of services stands still in its middle while the world goes on.
        const gates: (() => void)[] = []
        const gate = () => new Promise<void>(resolve => gates.push(resolve))
        if (pages) server.hold = ({ query }) => (query.has('continue') ? gate() : undefined)
        else server.body = request => (request.isStreamingList ? halves(server, request.path, gate) : undefined)
        for (let round = 1; round <= 3; round++) {
          await world.until('comparing', TEN_MINUTES_MS, () => gates.length > 0)
          // More than is remembered of changes at other times.
          for (let i = 1199; i >= 0; i--) server.put(SERVICES, service(`s${i}.default`, [`10.98.${round}.${i & 255}`]))
          for (let i = 0; i < 10; i++) server.delete(SERVICES, 'default', `s${200 + i}`)
          server.delete(SERVICES, 'default', 's500')
          server.put(SERVICES, service('s500.default', [`10.98.${round}.250`]))
          await world.rest()
          while (gates.length > 0) {
            gates.shift()!()
            await world.rest()
            assert.is(await world.has('s5', `10.98.${round}.5`), true)
            assert.is(await world.has('s1195', `10.98.${round}.171`), true)
            assert.is(await world.has('s500', `10.98.${round}.250`), true)
            assert.is(await world.has('s200', ''), true)
          }
          await world.pass(120_000)
          assert.is(await world.has('s5', `10.98.${round}.5`), true)
          assert.is(await world.has('s600', `10.98.${round}.88`), true)
        }
        assert.equal(since(before, drift(world)), {})
        assert.equal(world.logged, [])
      },
      { pages },
    ))
}

test('a deletion that was on its way while the list was made is none that was lost', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const before = drift(world)
    server.bookmarks = false
    await world.pass(30_000)
    server.skips = true
    const version = server.delete(SERVICES, 'default', 'gone')
    server.skips = false
    server.requests.length = 0
    await world.until('compared', TEN_MINUTES_MS, () => lists(server.requests, SERVICES).length > 0)
    await world.pass(30_000)
    assert.is(await world.has('gone', ''), false)
    server.event(SERVICES, 'DELETED', {
      metadata: { namespace: 'default', name: 'gone', resourceVersion: `${version}` },
    })
    await world.until('told', 1_000, () => world.has('gone', ''))
    await world.pass(120_000)
    assert.equal(since(before, drift(world)), {})
  }))

test('no bookmarks: a comparison moves the version on, so that the next watch needs no list', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    server.bookmarks = false
    await world.pass(30_000)
    server.version += 1000
    server.requests.length = 0
    await world.until('compared', TEN_MINUTES_MS, () => lists(server.requests, SERVICES).length > 0)
    await world.pass(90_000)
    server.compact()
    server.requests.length = 0
    server.cut()
    world.changeMeanwhile()
    await world.converges()
    assert.equal(lists(server.requests, SERVICES), [])
  }))

test('etcd restored behind our back: a comparison finds older versions, and all is listed', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    server.bookmarks = false
    await world.pass(30_000)
    server.skips = true
    server.delete(SERVICES, 'default', 'gone')
    server.version = 60
    server.put(SERVICES, service('change.default', ['10.96.3.1']))
    server.skips = false
    await world.until(
      'mended',
      TEN_MINUTES_MS,
      async () => (await world.has('gone', '')) && (await world.has('change', '10.96.3.1')),
    )
    await world.pass(10_000)
    server.put(SERVICES, service('next.default', ['10.96.5.5']))
    await world.until('watched', 5_000, () => world.has('next', '10.96.5.5'))
  }))

test('a comparison that fails harms nothing; the third in a row is told', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    await world.pass(400_000)
    server.refuse = ({ verb, isStreamingList }) => (isStreamingList || verb === 'list' ? { status: 500 } : undefined)
    await world.pass(600_000)
    assert.equal(
      world.logged.map(line => line.replace(/^(\w+ .*?), .*/, '$1')).sort(),
      ['endpointslices.discovery.k8s.io', 'namespaces', 'services'].map(name => `warn cannot compare ${name}`),
    )
    server.put(SERVICES, service('next.default', ['10.96.5.5']))
    await world.until('seen', 200, () => world.has('next', '10.96.5.5'))
    server.skips = true
    world.changeMeanwhile()
    server.skips = false
    server.refuse = () => undefined
    await world.converges(130_000)
    assert.ok(world.logged.includes('info services can be compared again'))
  }))

test('the API server away when a comparison is due: made up for, nothing lost', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    server.skips = true
    world.changeMeanwhile()
    server.skips = false
    await world.pass(400_000)
    server.refuse = () => ({ status: 503 })
    server.cut()
    await world.pass(300_000)
    server.refuse = () => undefined
    await world.converges(90_000)
  }))

/** A streaming list whose second half comes once the gate opens. */
async function* halves(server: FakeApiServer, path: string, gate: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const { version } = server
  const objects = server.objects(path)
  const text = (some: FakeObject[]) => some.map(object => `${JSON.stringify({ type: 'ADDED', object })}\n`).join('')
  const half = objects.length >> 1
  yield Buffer.from(text(objects.slice(0, half)))
  await gate()
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  const end = { type: 'BOOKMARK', object: { metadata: { resourceVersion: `${version}`, annotations } } }
  yield Buffer.from(`${text(objects.slice(half))}${JSON.stringify(end)}\n`)
}

test.run()
