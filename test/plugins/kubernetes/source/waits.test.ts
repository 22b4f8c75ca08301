/** What a request waits for before it is sent: each wait has an end, and ends with its signal. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ApiRequest } from '../../../../plugins/kubernetes/informer/resource.ts'
import type { Credentials } from '../../../../plugins/kubernetes/source/credentials.ts'
import { HttpClient } from '../../../../plugins/kubernetes/source/http-client.ts'
import { RateLimit } from '../../../../plugins/kubernetes/source/rate-limit.ts'
import { SERVICES } from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { ApiWorld, service } from './api-world.ts'
import { failure } from './credentials-world.ts'

const test = suite('waits')
const NO_LIMIT = { qps: 0, burst: 0, maxInflight: 0 }
const IDLE_MS = 40_000

const turn = () => new Promise(resolve => setImmediate(resolve))
const request = (signal: AbortSignal): ApiRequest => {
  return { path: SERVICES, query: {}, accept: 'application/json', idleMs: IDLE_MS, signal }
}

/** A login that hangs. */
const HANGING: Credentials = {
  server: new URL('http://user:pass%20word@127.0.0.1:1/prefix/'),
  tls: async () => ({}),
  headers: () => new Promise(() => {}),
  refused() {},
}

function hanging() {
  const clock = new FakeClock()
  const client = new HttpClient({ credentials: HANGING, clock, rateLimit: new RateLimit(clock, NO_LIMIT) })
  const abort = new AbortController()
  return { clock, client, abort, failed: failure(client.get(request(abort.signal))) }
}

test('a login that hangs counts as an answer that does not come, and no text has a password', async () => {
  const { clock, client, failed } = hanging()
  await turn()
  clock.advance(IDLE_MS)
  const error = await failed
  assert.is(client.server, 'http://127.0.0.1:1/prefix')
  assert.is(error.message, 'no answer from the API server http://127.0.0.1:1/prefix')
  assert.is((error.cause as Error).message, 'no credentials after 40 s')
  assert.is(clock.nextMs, Number.POSITIVE_INFINITY)
})

test('a login that hangs does not delay the end', async () => {
  const { abort, clock, failed } = hanging()
  await turn()
  abort.abort()
  await failed
  assert.is(clock.nextMs, Number.POSITIVE_INFINITY)
})

test('who waits for a place among the requests leaves with its signal, and takes none', async () => {
  const limit = new RateLimit(new FakeClock(), { ...NO_LIMIT, maxInflight: 1 })
  const { signal } = new AbortController()
  const first = await limit.take(signal)
  const abort = new AbortController()
  const second = limit.take(abort.signal)
  let isThrough = false
  const third = limit.take(signal).then(answered => {
    isThrough = true
    return answered
  })
  abort.abort()
  const leave = await second
  leave()
  await turn()
  assert.is(isThrough, false)
  first()
  const last = await third
  last()
  const gone = await limit.take(abort.signal)
  gone()
  await limit.take(signal)
})

test('all is known once what a list did not bring is gone; what comes meanwhile is applied then', () =>
  ApiWorld.run(async world => {
    const { server, store } = world
    const endList = store.endList.bind(store)
    let end = () => {}
    store.endList = async (kind, token) => {
      await new Promise<void>(resolve => {
        end = resolve
      })
      return await endList(kind, token)
    }
    server.put(SERVICES, service('a'))
    await world.start(['service'], {}, false)
    await server.until(() => server.watchers(SERVICES) === 1)
    server.put(SERVICES, service('b'))
    server.delete(SERVICES, 'default', 'a')
    for (let i = 0; i < 50; i++) await turn()
    assert.is(store.synced.size, 0)
    assert.equal(store.names('service'), ['default/a'])
    end()
    await store.until(() => store.names('service').join() === 'default/b')
    assert.equal(store.log.slice(2), [
      'end service',
      'synced service true',
      'put service default/b',
      'delete service default/a',
    ])
  }))

test.run()
