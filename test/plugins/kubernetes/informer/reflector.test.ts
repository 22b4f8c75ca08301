/** Scenarios between a source and an API server that is in trouble: what is asked, when, and what is known meanwhile. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FakeApiServer, SERVICES } from '../../../harness/fake-api-server.ts'
import { ApiWorld, service } from '../source/api-world.ts'

const test = suite('reflector')

test('streaming list, then events in order', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.put(SERVICES, service('a'))
    server.put(SERVICES, service('b'))
    await world.start()
    server.put(SERVICES, service('a', '10.96.9.9'))
    server.delete(SERVICES, 'default', 'b')
    await store.until(() => store.log.includes('delete service default/b'))
    assert.equal(world.requests(), ['streaming services'])
    assert.equal(store.log, [
      'begin service',
      'put service default/a',
      'put service default/b',
      'end service',
      'synced service true',
      'put service default/a',
      'delete service default/b',
    ])
    assert.equal(store.get('service', 'default/a').clusterIPs, ['10.96.9.9'])
  }))

test('an API server that refuses streaming lists is listed in pages', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.streamingLists = false
    for (let i = 0; i < 1200; i++) server.put(SERVICES, service(`s${i}`))
    await world.start()
    assert.is(store.names('service').length, 1200)
    await server.until(() => server.watchers(SERVICES) === 1)
    assert.equal(world.requests(), [
      'streaming services',
      'list services',
      'list services continue 1300:500',
      'list services continue 1300:1000',
      'watch services from 1300',
    ])
    assert.equal(world.logged, [])
  }))

for (const status of [400, 403, 422]) {
  test(`a streaming list that is refused with ${status} is a list in pages at once`, () =>
    ApiWorld.run(async world => {
      const { server } = world
      server.put(SERVICES, service('a'))
      server.refuse = ({ isStreamingList }) => (isStreamingList ? { status, reason: 'Invalid' } : undefined)
      await world.start()
      assert.equal(world.requests().slice(0, 2), ['streaming services', 'list services'])
      assert.equal(world.store.names('service'), ['default/a'])
      assert.equal(world.logged, [])
    }))
}

test('a page token that expired leads to one whole list', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.streamingLists = false
    for (let i = 0; i < 600; i++) server.put(SERVICES, service(`s${i}`))
    let expired = false
    server.refuse = ({ query }) => {
      if (query.has('continue') && !expired) {
        expired = true
        server.delete(SERVICES, 'default', 's0')
        server.compact()
      }
      return undefined
    }
    await world.start()
    assert.is(store.names('service').length, 599)
    assert.is(store.names('service').includes('default/s0'), false)
    assert.equal(world.requests().slice(0, 4), [
      'streaming services',
      'list services',
      'list services continue 700:500',
      'list services whole',
    ])
  }))

test('a watch that ends is resumed from the last version at once, nothing is lost', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    await world.start()
    server.put(SERVICES, service('a'))
    await store.until(() => store.names('service').length === 1)
    world.clock.advance(6_000)
    server.endWatches(SERVICES)
    await server.until(() => server.watchers(SERVICES) === 0)
    server.put(SERVICES, service('b'))
    await store.until(() => store.names('service').length === 2)
    assert.equal(world.requests(), ['streaming services', 'watch services from 101'])
    assert.equal(world.logged, [])
  }))

test('a bookmark moves the version, so that no list is needed after the versions before it are gone', () =>
  ApiWorld.run(async world => {
    const { server } = world
    await world.start()
    server.version = 500
    server.bookmark(SERVICES)
    server.put(SERVICES, service('sign')) // an event after it: the bookmark was read
    await world.store.until(() => world.store.names('service').length === 1)
    server.version = 900
    server.bookmark(SERVICES, 900)
    server.compact()
    await cutAfterBookmark(world, 900)
    assert.equal(world.requests(), ['streaming services', 'watch services from 900'])
    assert.is(world.store.log.filter(line => line === 'begin service').length, 1)
  }))

/** Waits until the bookmark must have been read: the watch is ended in order, behind it. */
async function cutAfterBookmark(world: ApiWorld, version: number): Promise<void> {
  const { server } = world
  world.clock.advance(6_000)
  server.endWatches(SERVICES)
  await server.until(() => server.requests.some(({ query }) => query.get('resourceVersion') === String(version)))
}

for (const how of ['as an event', 'as a status'] as const) {
  test(`410 ${how} lists again: what lives stays, what was deleted goes`, () =>
    ApiWorld.run(async world => {
      const { server, store } = world
      server.put(SERVICES, service('lives'))
      server.put(SERVICES, service('dies'))
      await world.start()
      store.log.length = 0
      server.change(SERVICES, objects => objects.delete('default/dies'))
      server.put(SERVICES, service('sign'))
      await store.until(() => store.names('service').includes('default/sign'))
      world.clock.advance(10_000) // lists stand apart
      server.change(SERVICES, objects => objects.delete('default/sign'))
      server.compact()
      if (how === 'as a status') {
        server.refuse = ({ query }) => (query.has('resourceVersion') ? { status: 410, reason: 'Expired' } : undefined)
      }
      server.cut(SERVICES)
      await world.retry()
      await store.until(() => store.log.includes('end service'))
      assert.equal(store.names('service'), ['default/lives'])
      assert.is(store.log.includes('delete service default/lives'), false)
      assert.equal(world.requests().slice(1), ['watch services from 104', 'streaming services'])
      assert.equal(world.logged, [])
    }))
}

test('410 over and over: lists are 4 s apart', () =>
  ApiWorld.run(async world => {
    const { server } = world
    server.streamingLists = false
    server.refuse = ({ verb, isStreamingList }) =>
      verb === 'watch' && !isStreamingList ? { status: 410, reason: 'Expired' } : undefined
    await world.start()
    const delays: number[] = []
    for (let i = 0; i < 6; i++) delays.push(await world.retry())
    assert.equal(delays, [4000, 4000, 4000, 4000, 4000, 4000])
    assert.is(world.logged.length, 1)
  }))

test('410 over and over, and lists that take long: a tenth of the time goes to them', () =>
  ApiWorld.run(async world => {
    const { server, clock } = world
    server.streamingLists = false
    let listed = () => {}
    server.hold = ({ verb }) => (verb === 'list' ? new Promise(resolve => (listed = resolve)) : undefined)
    server.refuse = ({ verb, isStreamingList }) =>
      verb === 'watch' && !isStreamingList ? { status: 410, reason: 'Expired' } : undefined
    await world.start(['service'], {}, false)
    for (const [i, tookMs, isMs] of [
      [1, 3_000, 4_000], // the first time it is bad luck
      [2, 3_000, 30_000],
      [3, 20_000, 60_000],
    ] as const) {
      await server.until(() => server.requests.filter(({ verb }) => verb === 'list').length === i)
      clock.advance(tookMs)
      listed()
      const delayMs = await clock.waiting(ms => ms === isMs)
      clock.advance(delayMs)
    }
  }))

test('410 after each event: lists are 4 s apart', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    await world.start()
    for (let i = 0; i < 5; i++) {
      server.put(SERVICES, service(`s${i}`))
      await store.until(() => store.names('service').length === i + 1)
      server.compact()
      server.version++
      server.compact()
      server.cut(SERVICES)
      let waitedMs = await world.retry()
      waitedMs += await world.retry()
      assert.is(waitedMs, 4_000)
      await store.until(() => store.log.filter(line => line === 'end service').length === i + 2)
    }
  }))

test('an API server that is not there: retries between 0.6 s and 4 s, one line, and healing by itself', () =>
  ApiWorld.run(async world => {
    const { server, store, clock } = world
    const { port } = server
    await server.close()
    await world.start(['service'], {}, false)
    const delays: number[] = []
    for (let i = 0; i < 6; i++) delays.push(await world.retry())
    assert.equal(delays, [600, 1200, 2400, 3000, 3000, 3000])
    assert.is(world.logged.length, 1)
    assert.match(
      world.logged[0]!,
      /^warn no answer from the API server http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    )
    assert.is(store.synced.size, 0)
    await clock.waiting(ms => ms === 3000)
    world.server = await FakeApiServer.start({}, port)
    world.server.put(SERVICES, service('a'))
    clock.advance(3000)
    await store.until(() => store.synced.has('service'))
    assert.equal(store.names('service'), ['default/a'])
    assert.match(world.logged[1]!, /^info the API server .* answers again$/)
  }))

test('429 and 503 wait as long as Retry-After says, and no less', () =>
  ApiWorld.run(async world => {
    const { server, clock } = world
    const wait = () => clock.waiting(ms => ms % 1000 === 400)
    server.refuse = () => ({ status: 429, reason: 'TooManyRequests', retryAfter: '5' })
    await world.start(['service'], {}, false)
    assert.is(await wait(), 5_400)
    server.refuse = () => ({ status: 503, retryAfter: '90' })
    clock.advance(5_400)
    assert.is(await wait(), 90_400)
    const date = 'Tue, 01 Jan 2030 00:00:00 GMT'
    server.refuse = () => ({ status: 503, retryAfter: 'Tue, 01 Jan 2030 00:02:00 GMT', date })
    clock.advance(90_400)
    assert.is(await wait(), 120_400)
    server.refuse = () => ({ status: 503, retryAfter: '999999999999' })
    clock.advance(120_400)
    assert.is(await wait(), 3_600_400)
  }))

test('500 over and over: from 0.6 s to 3 s, and at the next list one page at a time is what is asked for', () =>
  ApiWorld.run(async world => {
    const { server } = world
    server.refuse = () => ({ status: 500 })
    await world.start(['service'], {}, false)
    const delays: number[] = []
    for (let i = 0; i < 7; i++) delays.push(await world.retry())
    assert.equal(delays, [600, 1200, 2400, 3000, 3000, 3000, 3000])
  }))

test('a list in pages that fails goes on where it broke off', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.streamingLists = false
    for (let i = 0; i < 1600; i++) server.put(SERVICES, service(`s${i}`))
    let refused = 0
    server.refuse = ({ query }) => {
      const page = query.get('continue')
      return (page === '1700:1000' || page === '1700:1500') && refused++ % 3 < 2 ? { status: 500 } : undefined
    }
    await world.start(['service'], {}, false)
    for (let i = 0; i < 4; i++) await world.retry()
    await store.until(() => store.synced.has('service'))
    assert.is(store.names('service').length, 1600)
    assert.is(store.log.filter(line => line === 'begin service').length, 2, 'the streaming list, and one in pages')
    assert.equal(
      world.requests().filter(text => text === 'list services' || text.endsWith(':500')),
      ['list services', 'list services continue 1700:500'],
    )
  }))

test('a silent watch is replaced within 45 s, and what happened meanwhile is caught up', () =>
  ApiWorld.run(async world => {
    const { server, store, clock } = world
    await world.start()
    await clock.waiting(ms => ms === 40_000)
    server.change(SERVICES, objects => objects.set('default/late', service('late')))
    clock.advance(40_000)
    await server.until(() => server.watchers(SERVICES) === 0)
    server.put(SERVICES, service('late'))
    await world.retry()
    await store.until(() => store.names('service').includes('default/late'))
    const watch = server.requests.at(-1)!
    assert.is(watch.query.get('timeoutSeconds'), '36') // a quiet one ends in order, with a bookmark, before it would be cut
    assert.is(server.requests[0]!.query.get('timeoutSeconds'), '450')
  }))

test('a streaming list that stalls is given up for pages', () =>
  ApiWorld.run(async world => {
    const { server, store, clock } = world
    server.put(SERVICES, service('a'))
    server.silent = true
    await world.start(['service'], {}, false)
    await server.until(() => server.requests.length === 1)
    await clock.waiting(ms => ms === 40_000)
    clock.advance(40_000)
    server.silent = false
    await clock.waiting(ms => ms === 600)
    clock.advance(600)
    await store.until(() => store.synced.has('service'))
    assert.equal(world.requests().slice(0, 2), ['streaming services', 'list services'])
  }))

test('duplicate, stale and reordered events end in the same state', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.put(SERVICES, service('old'))
    await world.start()
    const at = (name: string, version: number, ip = '10.96.0.5') => {
      const { metadata, spec } = service(name, ip)
      return { metadata: { ...metadata, resourceVersion: String(version) }, spec }
    }
    server.event(SERVICES, 'ADDED', at('a', 110))
    server.event(SERVICES, 'MODIFIED', at('a', 115, '10.96.0.7'))
    server.event(SERVICES, 'ADDED', at('a', 110)) // duplicate
    server.event(SERVICES, 'ADDED', at('b', 112)) // late, but news
    server.event(SERVICES, 'DELETED', at('b', 120))
    server.event(SERVICES, 'MODIFIED', at('b', 118)) // stale: it is deleted
    server.event(SERVICES, 'DELETED', at('a', 113)) // stale: it was changed after that
    server.event(SERVICES, 'MODIFIED', at('old', 99, '10.96.0.9')) // older than the list
    server.event(SERVICES, 'ADDED', at('sign', 130))
    await store.until(() => store.names('service').includes('default/sign'))
    assert.equal(store.names('service'), ['default/a', 'default/old', 'default/sign'])
    assert.equal(store.get('service', 'default/a').clusterIPs, ['10.96.0.7'])
    assert.equal(store.get('service', 'default/old').clusterIPs, ['10.96.1.1'])
  }))

test('versions that go back (a restored etcd) lead to a list', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.put(SERVICES, service('gone'))
    server.put(SERVICES, service('stays'))
    await world.start()
    server.change(SERVICES, objects => objects.delete('default/gone'))
    server.version = 50
    server.bookmark(SERVICES)
    await world.retry()
    await store.until(() => store.log.filter(line => line === 'end service').length === 2)
    assert.equal(store.names('service'), ['default/stays'])
    server.put(SERVICES, service('next'))
    await store.until(() => store.names('service').length === 2)
  }))

test('stop ends everything, also in the middle of waiting', () =>
  ApiWorld.run(async world => {
    const { server } = world
    await world.start(['service', 'namespace'])
    await world.stop()
    await server.until(() => server.connections === 0)
    assert.is(server.watchers(SERVICES), 0)
  }))

test.run()
