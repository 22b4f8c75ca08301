/** Threads that look up in blocks that were freed, in memory that was replaced, that are blocked, and that come and go. */
import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { World } from './world.ts'

const CHURN_MS = 800

test('what an answer points at stays until the turn ends', async () => {
  const world = new World()
  const readers = await Promise.all([world.reader(['endpoints'], true), world.reader(['service'], true)])
  const generations = await world.churn(CHURN_MS)
  for (const { answers, faults } of await Promise.all(readers.map(reader => reader.stop()))) {
    assert.equal(faults, [])
    assert.ok(answers > 10, `${answers} answers`)
  }
  assert.ok(generations > 100, `${generations} generations`)
})

test('readers come, go and die: what rested for them is used again', async () => {
  const world = new World()
  await world.churn(50)
  let isOver = false
  const churning = (async () => {
    while (!isOver) await world.churn(20)
  })()
  const faults: string[] = []
  for (let round = 0; round < 4; round++) {
    const [goes, dies] = await Promise.all([world.reader(['endpoints']), world.reader(['service'])])
    await setTimeout(100)
    await dies.worker.terminate()
    faults.push(...(await goes.stop()).faults)
  }
  isOver = true
  await churning
  assert.equal(faults, [])
  const { slab } = world.index
  await until(() => slab.readers!.count === 0)
  slab.reclaim()
  const { usedBytes } = slab
  await world.churn(200)
  slab.reclaim() // what the last turn freed rests until the next one
  // The crowd may be there now and not have been before: 64 KiB at most.
  assert.ok(slab.usedBytes < usedBytes * 2 + 65_536, `${usedBytes}, then ${slab.usedBytes}`)
})

test('a thread that is blocked holds up nobody, and goes on with what there is then', async () => {
  const world = new World()
  const [blocked, other] = await Promise.all([world.reader(['service']), world.reader(['endpoints'])])
  await blocked.block(world.told, () => world.churn(CHURN_MS / 2))
  await world.churn(CHURN_MS / 4)
  for (const { answers, faults } of await Promise.all([blocked.stop(), other.stop()])) {
    assert.equal(faults, [])
    assert.ok(answers > 10, `${answers} answers`)
  }
})

test('memory that is full is replaced under readers: what they answer until they hear of it was so', async () => {
  const world = new World()
  const { slab } = world.index
  const small = new SharedArrayBuffer(slab.touchedBytes + 65_536)
  new Uint8Array(small).set(slab.bytes.subarray(0, slab.touchedBytes))
  slab.adopt(small)
  const readers = await Promise.all([world.reader(['endpoints']), world.reader(['service', 'transfer'])])
  world.isTelling = false // what is put while the news is on its way is not seen
  await world.churn(CHURN_MS)
  for (let i = 0; i < 2; i++) {
    slab.free(slab.allocate(100))
    slab.reclaim()
    await until(() => !slab.readers!.isWaiting)
    await setTimeout(100)
  }
  world.isTelling = true
  world.step()
  await setTimeout(200)
  const verdicts = await Promise.all(readers.map(reader => reader.stop()))
  assert.ok(slab.memory.byteLength > small.byteLength)
  for (const { answers, faults } of verdicts) {
    assert.equal(faults, [])
    assert.ok(answers > 10, `${answers} answers`)
  }
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setTimeout(5)
}

test.run()
