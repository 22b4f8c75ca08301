/** Deadlines: none too early, none too late, none that was taken back. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { deadlines, forget, Timed, Wheel, wakeAt } from '../../server/wheel.ts'

class Bell extends Timed {
  rangAtMs = -1
  readonly #then: ((bell: Bell) => void) | undefined
  constructor(then?: (bell: Bell) => void) {
    super()
    this.#then = then
  }
  wake(nowMs: number): void {
    this.rangAtMs = nowMs
    this.#then?.(this)
  }
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

test('each rings once, at its time or a little later', async () => {
  const nowMs = performance.now()
  const bells = Array.from({ length: 500 }, () => new Bell())
  bells.forEach((bell, i) => {
    wakeAt(bell, nowMs + (i % 100))
  })
  equal(deadlines(), 500)
  await sleep(300)
  bells.forEach((bell, i) => {
    ok(bell.rangAtMs >= nowMs + (i % 100), `bell ${i} rang too early`)
  })
  equal(deadlines(), 0)
})

test('moved, taken back, set again from within', async () => {
  const rang: string[] = []
  const second = new Bell(() => rang.push('second'))
  const first = new Bell(() => {
    rang.push('first')
    wakeAt(second, performance.now() + 20)
  })
  const never = new Bell(() => rang.push('never'))
  const nowMs = performance.now()
  wakeAt(never, nowMs + 10)
  wakeAt(first, nowMs + 500)
  wakeAt(first, nowMs + 30)
  forget(never)
  forget(never)
  await sleep(250)
  deepEqual(rang, ['first', 'second'])
})

test('one takes back another that is due at the same moment', async () => {
  const rang: string[] = []
  const a: Bell = new Bell(() => {
    rang.push('a')
    forget(b)
  })
  const b: Bell = new Bell(() => {
    rang.push('b')
    forget(a)
  })
  const atMs = performance.now() + 20
  wakeAt(a, atMs)
  wakeAt(b, atMs)
  await sleep(150)
  equal(rang.length, 1)
})

test('a deadline in the past rings at the next turn; one beyond a whole round waits', async () => {
  const past = new Bell()
  const far = new Bell()
  wakeAt(past, performance.now() - 1000)
  wakeAt(far, performance.now() + 60_000)
  await sleep(150)
  ok(past.rangAtMs > 0)
  equal(far.rangAtMs, -1)
  forget(far)
  equal(deadlines(), 0)
})

test('a wheel of its own: finds the nearest that is wanted, also after it has turned', async () => {
  const wheel = new Wheel<Bell>(5)
  const rang: Bell[] = []
  const [past, far, near, nearer] = Array.from({ length: 4 }, () => new Bell(bell => rang.push(bell))) as Bell[]
  const nowMs = performance.now()
  wheel.wakeAt(far!, nowMs + 3000)
  wheel.wakeAt(near!, nowMs + 2000)
  wheel.wakeAt(nearer!, nowMs + 1000)
  wheel.wakeAt(past!, nowMs + 20)
  equal(
    wheel.first(() => true),
    past,
  )
  equal(deadlines(), 0)
  await sleep(200)
  deepEqual(rang, [past])
  equal(wheel.size, 3)
  equal(
    wheel.first(() => true),
    nearer,
  )
  equal(
    wheel.first(bell => bell !== nearer),
    near,
  )
  wheel.wakeAt(near!, nowMs + 4000)
  equal(
    wheel.first(bell => bell !== nearer),
    far,
  )
  equal(
    wheel.first(() => false),
    undefined,
  )
  for (const bell of [far, near, nearer]) wheel.forget(bell!)
  equal(wheel.size, 0)
})

test('of two with one deadline the one put in first comes first', () => {
  const wheel = new Wheel<Bell>(5)
  const [a, b] = [new Bell(), new Bell()]
  const atMs = performance.now() + 1000
  wheel.wakeAt(a, atMs)
  wheel.wakeAt(b, atMs)
  equal(
    wheel.first(() => true),
    a,
  )
  wheel.forget(a)
  wheel.forget(b)
})

test('the nearest one, also while nobody turned the wheel for long', async () => {
  const wheel = new Wheel<Bell>(1)
  const [far, near] = [new Bell(), new Bell()]
  const nowMs = performance.now()
  wheel.wakeAt(far, nowMs + 1400)
  await sleep(500)
  wheel.wakeAt(near, nowMs + 900)
  equal(
    wheel.first(() => true),
    near,
  )
  wheel.forget(near)
  wheel.forget(far)
  equal(
    wheel.first(() => true),
    undefined,
  )
})

test.run()
