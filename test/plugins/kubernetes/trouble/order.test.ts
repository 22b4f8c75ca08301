/** Events that come twice, late or in another order, and clocks that jump: the state is that of a fresh list. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FakeObject, NAMESPACES, SERVICES, SLICES } from '../../../harness/fake-api-server.ts'
import { namespace, service, slice } from '../cluster.ts'
import { TroubleWorld } from './world.ts'

const test = suite('trouble: order and clocks')

function at(version: number, object: FakeObject): FakeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } }
}

test('every event twice, and the last ones again a while later', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const { send } = server
    const sent: [path: string, text: string][] = []
    server.send = (path, text) => {
      sent.push([path, text])
      send.call(server, path, text)
      send.call(server, path, text)
    }
    for (let round = 1; round <= 5; round++) {
      world.changeMeanwhile(round)
      await world.converges(200, round)
      for (const [path, text] of sent) send.call(server, path, text)
      await world.rest()
      await world.converges(200, round)
    }
  }))

test('events in the wrong order: the later version wins', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const base = server.version
    const of = (version: number, ip: string) => at(base + version, service('late.default', [ip]))
    server.event(SERVICES, 'MODIFIED', of(5, '10.96.8.5'))
    server.event(SERVICES, 'MODIFIED', of(3, '10.96.8.3'))
    server.event(SERVICES, 'DELETED', of(4, '10.96.8.3'))
    server.event(SERVICES, 'ADDED', of(2, '10.96.8.2'))
    server.event(SERVICES, 'DELETED', at(base + 9, service('gone.default', ['10.96.0.11'])))
    server.event(SERVICES, 'MODIFIED', at(base + 8, service('gone.default', ['10.96.0.11'])))
    server.event(SERVICES, 'ADDED', at(base + 7, service('between.default', ['10.96.8.7'])))
    await world.rest()
    assert.is(await world.has('late', '10.96.8.5'), true)
    assert.is(await world.has('gone', ''), true)
    assert.is(await world.has('between', '10.96.8.7'), true)
    await world.isKnown()
  }))

test('kinds in any order: a slice before its service, a service before its namespace', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const ask = () => world.ask('first.later.svc.cluster.local')
    server.put(SLICES, slice('first-1.later', 'first', ['10.244.7.7']))
    await world.rest()
    assert.match(await ask(), /^NXDOMAIN/)
    server.put(SERVICES, service('first.later', []))
    await world.rest()
    assert.match(await ask(), /^NXDOMAIN/)
    server.put(NAMESPACES, namespace('later'))
    await world.rest()
    assert.match(await ask(), / A 10\.244\.7\.7$/)
    server.delete(NAMESPACES, '', 'later')
    await world.rest()
    assert.match(await ask(), /^NXDOMAIN/)
    await world.isKnown()
  }))

const HOUR_MS = 3_600_000
const TEN_YEARS_MS = 87_600 * HOUR_MS

for (const { name, jumpMs } of [
  { name: 'an hour on', jumpMs: HOUR_MS },
  { name: 'an hour back', jumpMs: -HOUR_MS },
  { name: 'ten years on', jumpMs: TEN_YEARS_MS },
  { name: 'ten years back', jumpMs: -TEN_YEARS_MS },
]) {
  test(`the clock jumps ${name}: answers, watches, retries and serials go on`, async () => {
    const { now } = Date
    try {
      await TroubleWorld.run(async world => {
        const { server } = world
        const serial = () => world.stage.index.serial
        const sum = () => world.sum('coredns_kubernetes_dns_programming_duration_seconds', 'headless_with_selector')
        await world.pass(60_000)
        const before = serial()
        const sumBefore = sum()
        Date.now = () => now() + jumpMs
        await world.isKnown()
        world.changeMeanwhile()
        server.put(SLICES, {
          ...slice('db-1.default', 'db', ['10.244.1.1'], [':tcp:1']),
          metadata: {
            namespace: 'default',
            name: 'db-1',
            labels: { 'kubernetes.io/service-name': 'db' },
            annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(now()).toISOString() },
          },
        })
        await world.converges(200)
        assert.ok(serial() >= before, `serial ${serial()} after ${before}`)
        const tookS = sum() - sumBefore
        assert.ok(tookS >= 0 && tookS <= 86_400, `found a programming duration of ${tookS} s`)
        server.cut()
        world.changeMeanwhile(2)
        await world.converges(5_000, 2)
        const between = serial()
        Date.now = now
        world.changeMeanwhile(3)
        await world.converges(200, 3)
        assert.ok(serial() >= between, `serial ${serial()} after ${between}`)
        await world.pass(60_000)
        assert.equal(world.logged, [])
      })
    } finally {
      Date.now = now
    }
  })
}

test.run()
