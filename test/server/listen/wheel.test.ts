import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Timed, Wheel } from '../../../server/listen/wheel.ts'
import { soon } from './fixture.ts'

/** An entry whose deadline can be moved. */
class Entry implements Timed {
  wheelSlot = -1
  dueMs: number
  readonly over: Promise<number>
  #resolve!: (nowMs: number) => void

  constructor(inMs: number) {
    this.dueMs = performance.now() + inMs
    this.over = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  expire(nowMs: number): number {
    if (nowMs < this.dueMs) return this.dueMs
    this.#resolve(nowMs)
    return 0
  }
}

test('expires entries after their time and not before', async () => {
  const hold = setTimeout(() => {}, 60_000) // the wheel's timer does not hold the process
  const wheel = new Wheel<Entry>(100, 5)
  const entries = [1, 20, 40, 90, 99].map(inMs => {
    const entry = new Entry(inMs)
    wheel.put(entry, inMs)
    return entry
  })
  for (const entry of entries) assert.ok((await soon(entry.over, 'an entry')) >= entry.dueMs)
  clearTimeout(hold)
})

test('follows a deadline that moved, also beyond the horizon', async () => {
  const hold = setTimeout(() => {}, 60_000)
  const wheel = new Wheel<Entry>(30, 5)
  const entry = new Entry(20)
  wheel.put(entry, 20)
  entry.dueMs += 60
  assert.ok((await soon(entry.over, 'the entry')) >= entry.dueMs)
  clearTimeout(hold)
})

test('forgets what is removed, and finds the nearest', async () => {
  const hold = setTimeout(() => {}, 60_000)
  const wheel = new Wheel<Entry>(1000, 10)
  const [near, far, last] = [new Entry(200), new Entry(500), new Entry(20)]
  wheel.put(far, 500)
  wheel.put(near, 200)
  wheel.put(last, 20)
  wheel.remove(last)
  wheel.remove(last)
  assert.is(last.wheelSlot, -1)
  assert.is(
    wheel.first(() => true),
    near,
  )
  assert.is(
    wheel.first(entry => entry !== near),
    far,
  )
  assert.is(
    wheel.first(() => false),
    undefined,
  )
  wheel.remove(near)
  wheel.remove(far)
  const is = await Promise.race([last.over, new Promise(resolve => setTimeout(() => resolve('silent'), 100))])
  assert.is(is, 'silent')
  clearTimeout(hold)
})

test.run()
