/** Streams that end in the middle, or are no JSON: nothing half is applied, and what was known stays. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SERVICES } from '../../../harness/fake-api-server.ts'
import { ApiWorld, service } from '../source/api-world.ts'

const test = suite('broken streams')

test('a watch cut in the middle of an object applies none of it', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    await world.start()
    server.send(SERVICES, JSON.stringify({ type: 'ADDED', object: service('half') }).slice(0, -10))
    server.endWatches(SERVICES)
    await world.retry()
    server.put(SERVICES, service('whole'))
    await store.until(() => store.names('service').length > 0)
    assert.equal(store.names('service'), ['default/whole'])
  }))

test('a list cut in the middle keeps everything that was known', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    server.put(SERVICES, service('a'))
    server.put(SERVICES, service('b'))
    await world.start()
    world.clock.advance(10_000) // lists stand apart
    server.compact()
    server.version++
    server.compact()
    const event = JSON.stringify({
      type: 'ADDED',
      object: { metadata: { namespace: 'default', name: 'c', resourceVersion: '1' } },
    })
    let cuts = 0
    server.body = ({ isStreamingList }) =>
      isStreamingList && cuts++ === 0
        ? (async function* () {
            yield Buffer.from(`${event}\n${event.slice(0, 20)}`)
            await store.until(() => store.names('service').includes('default/c'))
            server.cut()
          })()
        : undefined
    server.cut(SERVICES)
    await world.retry()
    await server.until(() => cuts === 1)
    await store.until(() => store.names('service').includes('default/c'))
    assert.equal(store.names('service'), ['default/a', 'default/b', 'default/c'])
    await world.retry()
    await store.until(() => store.names('service').length === 2)
    assert.equal(store.names('service'), ['default/a', 'default/b'])
  }))

test('bad JSON is resumed from the last version; three times in a row lists again', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    await world.start()
    for (let i = 0; i < 3; i++) {
      await server.until(() => server.watchers(SERVICES) === 1)
      server.send(SERVICES, '{"type":"ADDED","object":{"metadata":x}}\n')
      await server.until(() => server.watchers(SERVICES) === 0)
      await world.retry()
    }
    await store.until(() => store.log.filter(line => line === 'end service').length === 2)
    assert.equal(world.requests(), [
      'streaming services',
      'watch services from 100',
      'watch services from 100',
      'streaming services',
    ])
    assert.match(world.logged.join(), /warn cannot watch services, trying again: found text that is no JSON/)
  }))

test('an answer that is no JSON at all is reported with its words and retried', () =>
  ApiWorld.run(async world => {
    const { server } = world
    server.body = () =>
      (async function* () {
        yield Buffer.from('<html>proxy</html>')
      })()
    await world.start(['service'], {}, false)
    await world.retry()
    assert.match(world.logged[0]!, /^warn cannot list services, trying again: found "<" between objects, expected "\{"/)
  }))

test.run()
