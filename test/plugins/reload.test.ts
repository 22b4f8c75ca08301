import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin, type Reload } from '../../plugins/reload/reload.ts'
import { cells, counter } from '../../server/metrics.ts'
import type { Control } from '../../server/plugin.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { startServer } from '../harness/server.ts'
import { chainOf, testSite } from '../harness/stage.ts'

const test = suite('reload')
const failed = counter('coredns_reload_failed_total', 'Configurations that could not be taken over.')()

interface Scene {
  readonly reload: Reload
  /** Reasons of the reloads that were asked for. */
  readonly asked: string[]
  /** What the Corefile says now; an Error is a mistake in it. */
  now: string | Error
}

function setUp(body = 'reload 2s'): Scene {
  const scene = { asked: [] as string[], now: 'running' as string | Error }
  const control: Control = {
    ...testSite().control,
    configuration: { file: 'Corefile', files: ['Corefile'], fingerprint: 'running' },
    async reload(reason) {
      scene.asked.push(reason)
      return false
    },
    async fingerprint() {
      if (scene.now instanceof Error) throw scene.now
      return scene.now
    },
  }
  const { stages } = chainOf([plugin], body, [], '.', { control })
  return Object.assign(scene, { reload: stages[0] as Reload })
}

test('asks for nothing while the Corefile says the same', async () => {
  const scene = setUp()
  await scene.reload.check()
  assert.equal(scene.asked, [])
})

test('asks for a reload when it says something else', async () => {
  const scene = setUp()
  scene.now = 'changed'
  await scene.reload.check()
  assert.equal(scene.asked, ['the Corefile changed'])
})

test('what failed is tried again when it changes, and now and then', async () => {
  const scene = setUp()
  scene.now = 'bad'
  for (let i = 0; i < 10; i++) await scene.reload.check()
  assert.is(scene.asked.length, 1)
  await scene.reload.check()
  assert.is(scene.asked.length, 2)
  scene.now = 'other'
  await scene.reload.check()
  assert.is(scene.asked.length, 3)
  scene.now = 'running'
  await scene.reload.check()
  scene.now = 'other'
  await scene.reload.check()
  assert.is(scene.asked.length, 4)
})

test('a Corefile that does not parse is named and counted once', async () => {
  const scene = setUp()
  scene.now = new Error('Corefile:1:1: no')
  const before = cells[failed]!
  const lines = await capturedLog(async () => {
    await scene.reload.check()
    await scene.reload.check()
  })
  assert.equal(lines, ['[ERROR] plugin/reload: the new Corefile is not taken over:', 'Corefile:1:1: no'])
  assert.is(cells[failed]! - before, 1)
  assert.equal(scene.asked, [])
})

const DELAYS: { name: string; body: string; minMs: number; maxMs: number }[] = [
  { name: 'the default', body: 'reload', minMs: 22_500, maxMs: 37_500 },
  { name: 'an interval and no jitter', body: 'reload 2s 0s', minMs: 2000, maxMs: 2000 },
  { name: 'a jitter', body: 'reload 10s 2s', minMs: 9000, maxMs: 11_000 },
  { name: 'a jitter over half the interval', body: 'reload 4s 60s', minMs: 3000, maxMs: 5000 },
]

for (const { name, body, minMs, maxMs } of DELAYS) {
  test(`looks again after ${name}`, () => {
    const { reload } = setUp(body)
    const delays = Array.from({ length: 200 }, () => reload.delayMs())
    for (const delayMs of delays) assert.ok(delayMs >= minMs && delayMs <= maxMs, `${delayMs}`)
    if (minMs !== maxMs) assert.ok(new Set(delays).size > 10)
  })
}

const WORLD: { name: string; before: string; after: string; reloads: boolean }[] = [
  {
    name: 'another line',
    before: '. {\nbind 127.0.0.1\n}',
    after: '\n# text\n. {\n\n  bind   127.0.0.1\n}',
    reloads: false,
  },
  { name: 'quotes', before: '. {\nbind 127.0.0.1\n}', after: '. {\nbind "127.0.0.1"\n}', reloads: false },
  { name: 'an argument', before: '. {\nbind 127.0.0.1\n}', after: '. {\nbind 127.0.0.2\n}', reloads: true },
  { name: 'a key', before: 'a {\nbind 127.0.0.1\n}', after: 'b {\nbind 127.0.0.1\n}', reloads: true },
]

for (const { name, before, after, reloads } of WORLD) {
  test(`${name} ${reloads ? 'is a change' : 'is none'}`, async () => {
    const running = await startServer(`${before}\n`)
    try {
      const { fingerprint } = running.server.current!.configuration
      assert.is(await running.reload(`${after}\n`), true)
      assert.is(running.server.current!.configuration.fingerprint !== fingerprint, reloads)
    } finally {
      await running.stop()
    }
  })
}

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'an interval below 2s', body: 'reload 1s', at: '2:8', says: /^invalid interval "1s", expected at least 2s/ },
  { name: 'an interval without a unit', body: 'reload 30', at: '2:8', says: /^invalid interval "30"/ },
  {
    name: 'a jitter below 1s',
    body: 'reload 10s 10ms',
    at: '2:12',
    says: /^invalid jitter "10ms", expected 0s or at least 1s/,
  },
  { name: 'three arguments', body: 'reload 10s 2s 3s', at: '2:15', says: /^surplus argument "3s"/ },
  { name: 'a second one', body: 'reload\nreload', at: '3:1', says: /once per server block/ },
  { name: 'a block', body: 'reload {\njitter 2s\n}', at: '3:1', says: /takes no block/ },
]

for (const { name, body, at, says } of BAD) {
  test(`refuses ${name}`, () => {
    const { line, column, message } = corefileFailure(() => setUp(body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
