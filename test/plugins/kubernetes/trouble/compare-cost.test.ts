/** What a comparison of a large cluster costs this server: no query waits for it, and nothing is held twice. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SERVICES } from '../../../harness/fake-api-server.ts'
import { service } from '../cluster.ts'
import { TroubleWorld } from './world.ts'

const test = suite('cost of a comparison')
const SERVICES_COUNT = 30_000
const AT_ONCE = 50

/** A streaming list of that many services, a few at a time. */
async function* manyServices(version: number, sent: () => void): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < SERVICES_COUNT; i += AT_ONCE) {
    const lines = Array.from({ length: AT_ONCE }, (_, j) => {
      const made = service(`many${i + j}.default`, [
        `10.${128 + ((i + j) >> 16)}.${((i + j) >> 8) & 255}.${(i + j) & 255}`,
      ])
      const metadata = { ...(made.metadata as object), resourceVersion: `${i + j + 1}`, padding: 'x'.repeat(1000) }
      return `${JSON.stringify({ type: 'ADDED', object: { ...made, metadata } })}\n`
    })
    yield Buffer.from(lines.join(''))
  }
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  yield Buffer.from(
    `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: `${version}`, annotations } } })}\n`,
  )
  sent()
}

test(`${SERVICES_COUNT} services`, () =>
  TroubleWorld.run(
    async world => {
      const { server, clock } = world
      const { index } = world.stage
      server.version = 100_000
      let lists = 0
      server.body = ({ path, isStreamingList }) =>
        path === SERVICES && isStreamingList ? manyServices(server.version, () => lists++) : undefined
      await world.start()
      await world.rest()
      const { usedBytes, touchedBytes } = index.slab
      assert.ok(usedBytes > 2_000_000)
      const delay = monitorEventLoopDelay({ resolution: 1 })
      const startedAtMs = performance.now()
      let slowestMs = 0
      clock.advance(520_000)
      delay.enable()
      while (lists < 2) {
        const askedAtMs = performance.now()
        assert.match(await world.ask('many29999.default.svc.cluster.local'), / A 10\.128\.117\.47$/)
        slowestMs = Math.max(slowestMs, performance.now() - askedAtMs)
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      delay.disable()
      const tookMs = performance.now() - startedAtMs
      const p99Ms = delay.percentile(99) / 1e6
      console.log(
        `    ${SERVICES_COUNT} objects in ${tookMs.toFixed(0)} ms, the loop stood ${p99Ms.toFixed(1)} ms (99th percentile), ` +
          `a question ${slowestMs.toFixed(1)} ms at most`,
      )
      assert.ok(p99Ms < 100, `the loop stood ${p99Ms} ms`)
      assert.match(await world.ask('many0.default.svc.cluster.local'), / A 10\.128\.0\.0$/)
      assert.is(index.slab.usedBytes, usedBytes)
      assert.ok(index.slab.touchedBytes - touchedBytes < 4096, `${index.slab.touchedBytes - touchedBytes} octets more`)
    },
    { start: false, isQuiet: true },
  ))

test.run()
