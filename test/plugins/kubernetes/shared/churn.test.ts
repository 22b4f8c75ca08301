/** Threads that look everything up while the main one changes it: no answer is one that no state of the cluster would give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { World } from './world.ts'

const CHURN_MS = 1_500

for (const sitting of [['service'], ['endpoints'], ['pods', 'service'], ['transfer']]) {
  test(`two threads ask for ${sitting.join(' and ')}`, async () => {
    const world = new World()
    const readers = await Promise.all([world.reader(sitting), world.reader(sitting)])
    const generations = await world.churn(CHURN_MS)
    for (const { answers, faults } of await Promise.all(readers.map(reader => reader.stop()))) {
      if (process.env.VERBOSE) console.log(answers, generations, world.index.slab.touchedBytes)
      assert.equal(faults, [])
      assert.ok(answers > 10, `${answers} answers`)
    }
    assert.ok(generations > 100, `${generations} generations`)
  })
}

test.run()
