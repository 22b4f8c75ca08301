import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { build } from '../../../server/control/build.ts'
import type { Generation } from '../../../server/control/generation.ts'
import { announceServing, startStages, stopStages } from '../../../server/control/lifecycle.ts'
import { parseCorefile } from '../../../server/corefile/corefile.ts'
import type { Plugin, Stage } from '../../../server/plugin.ts'
import { capturedLog } from '../../harness/captured-log.ts'
import { originOf } from '../../harness/server.ts'

const test = suite('lifecycle')

/** Two plugins in two blocks; `over` changes the stage of `plugin key`. */
function generationOf(events: string[], over: Record<string, Partial<Stage>> = {}): Generation {
  const pluginOf = (name: string): Plugin => ({
    name,
    setup(_, site) {
      const id = `${name} ${site.keys[0]}`
      return {
        start: () => void events.push(`start ${id}`),
        serving: () => void events.push(`serving ${id}`),
        stop: () => void events.push(`stop ${id}`),
        ...over[id],
      }
    },
  })
  const corefile = 'a {\ncache\nforward\n}\nb {\ncache\nforward\n}'
  const texts = { files: new Map(), folders: new Map() }
  const parsed = { ...parseCorefile(corefile, 'Corefile'), origin: originOf('Corefile', '/'), text: corefile, texts }
  return build(parsed, { plugins: [pluginOf('cache'), pluginOf('forward')], port: 53, reload: async () => false })
}

test('stages start plugin by plugin, and stop in reverse', async () => {
  const events: string[] = []
  const generation = generationOf(events)
  await startStages(generation)
  assert.equal(events.splice(0), ['start cache a', 'start cache b', 'start forward a', 'start forward b'])
  await stopStages(generation)
  assert.equal(events, ['stop forward b', 'stop forward a', 'stop cache b', 'stop cache a'])
})

test('the stages of one plugin start together, the next plugin waits for them', async () => {
  const events: string[] = []
  const begun = { a: Promise.withResolvers<void>(), b: Promise.withResolvers<void>() }
  // Each ends when the other one has begun.
  const meet = (own: 'a' | 'b', other: 'a' | 'b') => () => {
    begun[own].resolve()
    return begun[other].promise
  }
  const generation = generationOf(events, {
    'cache a': { start: meet('a', 'b') },
    'cache b': { start: meet('b', 'a') },
  })
  await startStages(generation)
  assert.equal(events, ['start forward a', 'start forward b'])
})

test('where one stage cannot start, those that have are stopped, and no other begins', async () => {
  const events: string[] = []
  const generation = generationOf(events, { 'cache b': { start: () => Promise.reject(new Error('no port')) } })
  try {
    await startStages(generation)
    assert.unreachable('it started')
  } catch (error) {
    assert.is((error as Error).message, 'no port')
  }
  assert.equal(events, ['start cache a', 'stop cache a'])
})

test('a stage that throws while it starts, serves or stops does not keep the others from it', async () => {
  const events: string[] = []
  const broken = () => {
    throw new Error('broken')
  }
  const generation = generationOf(events, {
    'cache b': { serving: broken, stop: () => Promise.reject(new Error('broken')) },
  })
  const lines = await capturedLog(async () => {
    announceServing(generation)
    await stopStages(generation)
  })
  assert.equal(events, [
    'serving cache a',
    'serving forward a',
    'serving forward b',
    'stop forward b',
    'stop forward a',
    'stop cache a',
  ])
  assert.equal(lines, [
    '[ERROR] plugin/cache: exception while serving: broken',
    '[ERROR] plugin/cache: failed to stop: broken',
  ])
})

test('a stage that does not stop is given up after five seconds', async () => {
  const events: string[] = []
  const generation = generationOf(events, { 'forward b': { stop: () => new Promise(() => {}) } })
  const lines = await capturedLog(() => stopStages(generation))
  assert.equal(lines, ['[ERROR] plugin/forward: failed to stop: not stopped after 5 s'])
  assert.equal(events, ['stop forward a', 'stop cache b', 'stop cache a'])
})

test.run()
