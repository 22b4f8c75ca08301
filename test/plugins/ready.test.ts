import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../plugins/bind/bind.ts'
import { plugin, type Ready } from '../../plugins/ready/ready.ts'
import type { Plugin } from '../../server/plugin.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { startServer } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('ready')

/** A plugin that is ready in a block when `states` says so for its first key. */
function source(name: string, states: Map<string, boolean>): Plugin {
  return { name, setup: (_, site) => ({ ready: () => states.get(`${name} ${site.keys[0]}`) ?? false }) }
}

interface Scene {
  readonly states: Map<string, boolean>
  get(): Promise<string>
  drain(): void
}

async function withReady(corefile: string, task: (scene: Scene) => Promise<void>): Promise<void> {
  const states = new Map<string, boolean>()
  const plugins = [bind, plugin, source('kubernetes', states), source('erratic', states)]
  const running = await startServer(corefile, plugins)
  const stages = running.server.current!.stages().filter(placed => placed.plugin === 'ready')
  const { port } = stages[0]!.stage as Ready
  try {
    await task({
      states,
      async get() {
        const response = await fetch(`http://127.0.0.1:${port}/ready`)
        return `${response.status} ${await response.text()}`
      },
      drain: () => stages.forEach(({ stage }) => void stage.draining!()),
    })
  } finally {
    await running.stop()
  }
}

const block = (key: string, body: string) => `${key} {\nbind 127.0.0.1\n${body}\n}\n`
const READY = 'ready 127.0.0.1:0'

test('is ready where nobody has anything to wait for', () =>
  withReady(block('.', READY), async ({ get }) => assert.is(await get(), '200 OK')))

test('names those that are not ready, sorted, each once', () =>
  withReady(
    block('a', `${READY}\nkubernetes\nerratic`) + block('b', `${READY}\nkubernetes`),
    async ({ states, get }) => {
      assert.is(await get(), '503 erratic,kubernetes')
      states.set('erratic a', true)
      assert.is(await get(), '503 kubernetes')
    },
  ))

test('of two blocks with the same plugin both count', () =>
  withReady(block('a', `${READY}\nkubernetes`) + block('b', `${READY}\nkubernetes`), async ({ states, get }) => {
    states.set('kubernetes b', true)
    assert.is(await get(), '503 kubernetes')
    states.set('kubernetes a', true)
    assert.is(await get(), '200 OK')
  }))

test('a block without ready does not count', () =>
  withReady(block('a', READY) + block('b', 'kubernetes'), async ({ get }) => assert.is(await get(), '200 OK')))

test('until-ready asks nobody again who was ready once', () =>
  withReady(block('a', `${READY}\nkubernetes`), async ({ states, get }) => {
    states.set('kubernetes a', true)
    assert.is(await get(), '200 OK')
    states.set('kubernetes a', false)
    assert.is(await get(), '200 OK')
  }))

test('monitor continuously goes on asking', () =>
  withReady(block('a', `${READY} {\nmonitor continuously\n}\nkubernetes`), async ({ states, get }) => {
    states.set('kubernetes a', true)
    assert.is(await get(), '200 OK')
    states.set('kubernetes a', false)
    assert.is(await get(), '503 kubernetes')
  }))

test('conditions stand below the verdict, each line once, of the blocks with this address', async () => {
  const told: Plugin = {
    name: 'kubernetes',
    setup: (_, site) => ({
      ready: () => site.keys[0] !== 'b',
      condition: () => (site.keys[0] === 'c' ? 'services 3.0 s' : 'services 0.4 s'),
    }),
  }
  const silent: Plugin = { name: 'erratic', setup: () => ({ ready: () => true, condition: () => '' }) }
  const text = ['a', 'b', 'c'].map(key => block(key, `${READY}\nkubernetes\nerratic`)).join('')
  const running = await startServer(text + block('d', 'kubernetes'), [bind, plugin, told, silent])
  try {
    const { port } = running.server.current!.stages().find(placed => placed.plugin === 'ready')!.stage as Ready
    const response = await fetch(`http://127.0.0.1:${port}/ready`)
    assert.is(response.status, 503)
    assert.is(await response.text(), 'kubernetes\nkubernetes: services 0.4 s\nkubernetes: services 3.0 s')
  } finally {
    await running.stop()
  }
})

test('says no as soon as the server is on its way out', () =>
  withReady(block('.', READY), async ({ get, drain }) => {
    drain()
    assert.is(await get(), '503 Shutting down')
  }))

test('a reload does not make it unready', async () => {
  let isReady = true
  const cluster: Plugin = { name: 'kubernetes', setup: () => ({ ready: () => isReady }) }
  const running = await startServer(block('.', `${READY}\nkubernetes`), [bind, plugin, cluster])
  try {
    const { port } = running.server.current!.stages().find(placed => placed.plugin === 'ready')!.stage as Ready
    const status = async () => (await fetch(`http://127.0.0.1:${port}/ready`)).status
    assert.is(await status(), 200)
    isReady = false // the old stage was ready once, the new one is still to become it
    const slow: Plugin = {
      name: 'kubernetes',
      setup: () => ({
        async start() {
          assert.is(await status(), 200)
          isReady = true
        },
        ready: () => isReady,
      }),
    }
    Object.assign(running.server.options, { plugins: [bind, plugin, slow] })
    assert.is(await running.reload(block('.', `${READY}\nkubernetes\n`)), true)
    assert.is(await status(), 200)
  } finally {
    await running.stop()
  }
})

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'an address without a port', body: 'ready 127.0.0.1', at: '2:7', says: /^invalid address "127\.0\.0\.1"/ },
  { name: 'a second one', body: 'ready :1\nready :2', at: '3:1', says: /once per server block/ },
  {
    name: 'another monitor',
    body: 'ready {\nmonitor always\n}',
    at: '3:9',
    says: /^unknown monitor "always", expected until-ready or continuously/,
  },
  {
    name: 'an unknown property',
    body: 'ready {\nlameduck 5s\n}',
    at: '3:1',
    says: /^unknown property "lameduck", expected monitor/,
  },
]

for (const { name, body, at, says } of BAD) {
  test(`refuses ${name}`, () => {
    const { line, column, message } = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
