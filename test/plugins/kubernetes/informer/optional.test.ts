/** A resource that may be unknown to the API server, as one of a CustomResourceDefinition that is not installed. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Reflector } from '../../../../plugins/kubernetes/informer/reflector.ts'
import type { ApiObject, Resource } from '../../../../plugins/kubernetes/informer/resource.ts'
import { ApiReporter } from '../../../../plugins/kubernetes/source/api-reporter.ts'
import { HttpClient } from '../../../../plugins/kubernetes/source/http-client.ts'
import { endpointCredentials } from '../../../../plugins/kubernetes/source/in-cluster.ts'
import { RateLimit } from '../../../../plugins/kubernetes/source/rate-limit.ts'
import { WorkSlices } from '../../../../server/work-slices.ts'
import { FakeApiServer, type FakeFailure, type FakeRequest, SERVICES } from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { CONNECT_MS, service } from '../source/api-world.ts'

const test = suite('optional resources')
const RESOURCE: Resource = { name: 'imports', group: 'example.net', path: SERVICES, optional: true }

const NOT_FOUND = { status: 404, reason: 'NotFound' }
const notInstalled = ({ path }: FakeRequest) => (path === SERVICES ? NOT_FOUND : undefined)

interface World {
  readonly server: FakeApiServer
  readonly clock: FakeClock
  readonly logged: string[]
  /** Names in the target, undefined before its first list ended. */
  known(): string[] | undefined
  /** Resolves once `known` is as wanted. */
  until(wanted: string[]): Promise<void>
}

/** A reflector of the resource, started on an API server that does not know it. */
async function run(scenario: (world: World) => Promise<void>, resource = RESOURCE): Promise<void> {
  const server = await FakeApiServer.start()
  server.refuse = notInstalled
  const clock = new FakeClock()
  const client = new HttpClient({
    credentials: await endpointCredentials(server.url, undefined, clock),
    clock,
    rateLimit: new RateLimit(clock, { qps: 0, burst: 0, maxInflight: 0 }),
  })
  const names = new Set<string>()
  const listed = new Set<string>()
  let ended = false
  let check = () => {}
  const target = {
    put({ metadata }: ApiObject) {
      names.add(metadata!.name!)
      listed.add(metadata!.name!)
      check()
      return true
    },
    delete({ metadata }: ApiObject) {
      names.delete(metadata!.name!)
      check()
    },
    beginList: () => listed.clear(),
    async endList() {
      for (const name of names) if (!listed.has(name)) names.delete(name)
      ended = true
      check()
      return 0
    },
  }
  const logged: string[] = []
  const note = (level: string) => (_: string | undefined, text: string) => void logged.push(`${level} ${text}`)
  const reporter = new ApiReporter(client.server, { info: note('info'), warn: note('warn'), error: note('error') })
  const slices = new WorkSlices()
  const reflector = new Reflector({
    client,
    resource,
    target,
    clock,
    jitter: () => 0.5,
    slices,
    reporter,
    compareMs: 0,
  })
  const known = () => (ended ? [...names].sort() : undefined)
  const until = (wanted: string[]) =>
    new Promise<void>(resolve => {
      check = () => known()?.join() === wanted.join() && setImmediate(resolve)
      check()
    })
  reflector.start()
  try {
    await scenario({ server, clock, logged, known, until })
  } finally {
    await reflector.stop()
    client.close()
    await server.close()
  }
}

/** Lets the time until the next question pass, and gives it. */
async function askAgain({ clock }: World): Promise<number> {
  const delayMs = await clock.waiting(ms => ms >= 5_000 && ms < 10_000)
  clock.advance(delayMs)
  return delayMs
}

test('not there: listed and empty at once, one line at info, asked again within 10 s', () =>
  run(async world => {
    const { server, logged, until } = world
    await until([])
    for (let i = 0; i < 3; i++) assert.is(await askAgain(world), 7_500)
    await server.until(() => server.requests.filter(({ path }) => path === SERVICES).length === 4)
    assert.equal(logged, [`info the API server ${server.url} does not know imports.example.net: there are none`])
  }))

test('it appears: listed and watched; it vanishes with its objects, and appears again', () =>
  run(async world => {
    const { server, logged, until } = world
    await until([])
    for (const name of ['one', 'two']) {
      server.refuse = () => undefined
      server.put(SERVICES, service(name))
      await askAgain(world)
      await until(name === 'one' ? ['one'] : ['one', 'two'])
      server.put(SERVICES, service('watched'))
      await until(name === 'one' ? ['one', 'watched'] : ['one', 'two', 'watched'])
      server.delete(SERVICES, 'default', 'watched')
      server.refuse = notInstalled
      world.clock.advance(6_000)
      server.endWatches(SERVICES)
      await until([])
    }
    assert.equal(
      logged.map(line => line.replace(/http\S+ /, '')),
      [
        'info the API server does not know imports.example.net: there are none',
        'info the API server knows imports.example.net now',
        'info the API server does not know imports.example.net: there are none',
        'info the API server knows imports.example.net now',
        'info the API server does not know imports.example.net: there are none',
      ],
    )
  }))

test('no permission is told, whether it is there or not; what was known stays', () =>
  run(async world => {
    const { server, clock, logged, until } = world
    await until([])
    server.refuse = () => undefined
    server.put(SERVICES, service('one'))
    await askAgain(world)
    await until(['one'])
    server.refuse = () => ({ status: 403, reason: 'Forbidden' })
    server.cut(SERVICES)
    clock.advance(await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS))
    await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS)
    assert.match(logged.at(-1)!, /^error no permission to watch imports\.example\.net/)
    assert.equal(world.known(), ['one'])
  }))

const toVersion =
  (failure: FakeFailure) =>
  ({ path }: FakeRequest) =>
    path === SERVICES ? NOT_FOUND : failure

for (const { name, refuse, isBelieved } of [
  { name: '404 to everything', refuse: () => NOT_FOUND, isBelieved: false },
  { name: '404, and 502 to what every API server knows', refuse: toVersion({ status: 502 }), isBelieved: false },
  { name: '404, and 401 to that', refuse: toVersion({ status: 401, reason: 'Unauthorized' }), isBelieved: false },
  { name: '404, and a 403 of somebody else to that', refuse: toVersion({ status: 403 }), isBelieved: false },
  {
    name: '404, and no permission for that',
    refuse: toVersion({ status: 403, reason: 'Forbidden' }),
    isBelieved: true,
  },
]) {
  test(`${name}: ${isBelieved ? 'there are none' : 'an ordinary failure, what was known stays'}`, () =>
    run(async world => {
      const { server, clock, logged, until } = world
      await until([])
      server.refuse = () => undefined
      server.put(SERVICES, service('one'))
      await askAgain(world)
      await until(['one'])
      server.refuse = refuse
      clock.advance(6_000)
      server.cut(SERVICES)
      clock.advance(await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS))
      if (isBelieved) return await until([])
      for (let i = 0; i < 3; i++) clock.advance(await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS))
      await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS)
      assert.equal(world.known(), ['one'])
      assert.is(logged.length, 3)
      assert.match(logged[2]!, /^warn cannot watch imports\.example\.net, trying again: the API server answered 404/)
      server.refuse = notInstalled
      clock.advance(await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS))
      await until([])
    }))
}

test('a resource that is not optional waits for it', () =>
  run(
    async ({ server, clock, logged, known }) => {
      clock.advance(await clock.waiting(ms => ms >= 300 && ms < CONNECT_MS))
      await server.until(() => server.requests.length === 3)
      assert.is(known(), undefined)
      assert.match(logged[0]!, /^warn cannot list imports\.example\.net, trying again/)
    },
    { ...RESOURCE, optional: false },
  ))

test.run()
