import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/debug/debug.ts'
import { isDebug, setDebug } from '../../server/log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { startServer } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('debug')

test('marks its block', () => {
  const debug = { enabled: false }
  chainOf([plugin], 'debug', [], '.', { debug })
  assert.is(debug.enabled, true)
})

test('debug lines are on while a block of the running configuration asks for them', async () => {
  const running = await startServer('a {\nbind 127.0.0.1\n}\nb {\nbind 127.0.0.1\ndebug\n}')
  try {
    assert.is(isDebug(), true)
    assert.is(await running.reload('a {\nbind 127.0.0.1\n}'), true)
    assert.is(isDebug(), false)
  } finally {
    setDebug(false)
    await running.stop()
  }
})

const BAD: { name: string; body: string; at: string }[] = [
  { name: 'an argument', body: 'debug all', at: '2:7' },
  { name: 'a block', body: 'debug {\nlevel\n}', at: '3:1' },
]

for (const { name, body, at } of BAD) {
  test(`refuses ${name}`, () => {
    const { line, column } = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${line}:${column}`, at)
  })
}

test.run()
