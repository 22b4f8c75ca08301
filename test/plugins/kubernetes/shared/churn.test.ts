/** Threads that look everything up while the main one changes it: no answer is one that no state of the cluster would give. */
import { setImmediate } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { blink, World } from './world.ts'

const CHURN_MS = 800

for (const sitting of [['service'], ['endpoints'], ['pods', 'service'], ['transfer']]) {
  test(`two threads ask for ${sitting.join(' and ')}`, async () => {
    const world = new World()
    const readers = await Promise.all([world.reader(sitting), world.reader(sitting)])
    const generations = await world.churn(CHURN_MS)
    for (const { answers, faults } of await Promise.all(readers.map(reader => reader.stop()))) {
      assert.equal(faults, [])
      assert.ok(answers > 10, `${answers} answers`)
    }
    assert.ok(generations > 100, `${generations} generations`)
  })
}

test('what is not known is not denied, in other threads too', async () => {
  const world = new World()
  const reader = await world.reader(['synced'])
  const { indexes } = world.server.feed
  for (const endMs = performance.now() + CHURN_MS; performance.now() < endMs; ) {
    indexes.setSynced('service', false)
    world.server.remove(blink)
    await setImmediate()
    world.server.put(blink)
    indexes.setSynced('service', true)
    await setImmediate()
  }
  const { answers, faults } = await reader.stop()
  assert.equal(faults, [])
  assert.ok(answers > 10, `${answers} answers`)
})

test.run()
