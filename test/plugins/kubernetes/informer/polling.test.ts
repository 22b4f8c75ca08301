/** An API server that lists but lets nobody watch: what changes is seen by lists now and then. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SERVICES } from '../../../harness/fake-api-server.ts'
import { ApiWorld, service } from '../source/api-world.ts'

const test = suite('polling')

for (const { status, withinMs } of [
  { status: 400, withinMs: 12_000 },
  { status: 403, withinMs: 12_000 },
  { status: 500, withinMs: 60_000 },
]) {
  test(`watches are answered with ${status}: a change is seen, lists are 4 s apart, one line`, () =>
    ApiWorld.run(async world => {
      const { server, store, clock } = world
      server.streamingLists = false
      server.put(SERVICES, service('a'))
      server.refuse = ({ verb, isStreamingList }) =>
        verb === 'watch' && !isStreamingList ? { status, message: 'no watches here' } : undefined
      await world.start()
      server.put(SERVICES, service('b'))
      let waitedMs = 0
      while (store.get('service', 'default/b') === undefined) waitedMs += await world.retry()
      assert.ok(waitedMs <= withinMs, `seen after ${waitedMs} ms`)
      world.requests()
      const fromMs = clock.nowMs()
      while (clock.nowMs() - fromMs < 40_000) await world.retry()
      const lists = world.requests().filter(line => line.startsWith('list')).length
      assert.ok(lists >= 5 && lists <= 10, `${lists} lists in 40 s`)
      assert.is(world.logged.length, 1, world.logged.join('\n'))
      server.refuse = () => undefined
      const watching = server.until(() => server.watchers(SERVICES) === 1)
      await Promise.race([watching, world.retry()]) // the next attempt may be under way
      await watching
      server.put(SERVICES, service('c'))
      await store.until(() => store.get('service', 'default/c') !== undefined)
    }))
}

test('429 with Retry-After is no reason for a list', () =>
  ApiWorld.run(async world => {
    const { server } = world
    await world.start()
    server.refuse = ({ verb }) => (verb === 'watch' ? { status: 429, retryAfter: '1' } : undefined)
    server.cut(SERVICES)
    world.requests()
    for (let i = 0; i < 12; i++) await world.retry()
    assert.equal(
      world.requests().filter(line => !line.startsWith('watch')),
      [],
    )
  }))

test.run()
