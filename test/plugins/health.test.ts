import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Health, plugin } from '../../plugins/health/health.ts'
import { cells, families } from '../../server/metrics.ts'
import type { Control } from '../../server/plugin.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { chainOf, testSite } from '../harness/stage.ts'

const test = suite('health')

function setUp(body: string): { health: Health; control: Control } {
  const control: Control = { ...testSite().control, lameduckMs: 0 }
  const { stages } = chainOf([plugin], body, [], '.', { control })
  return { health: stages[0] as Health, control }
}

test('answers OK at /health from start to stop', async () => {
  const { health } = setUp('health 127.0.0.1:0')
  await health.start()
  const url = `http://127.0.0.1:${health.ports[0]}/health`
  const response = await fetch(url)
  assert.is(`${response.status} ${await response.text()}`, '200 OK')
  health.serving()
  assert.is((await fetch(url)).status, 200)
  await health.stop()
  await fetch(url).then(
    () => assert.unreachable('it answered'),
    () => {},
  )
})

test('several endpoints are all open', async () => {
  const { health } = setUp('health 127.0.0.1:0\nhealth 127.0.0.2:0')
  await health.start()
  assert.is((await fetch(`http://127.0.0.1:${health.ports[0]}/health`)).status, 200)
  assert.is((await fetch(`http://127.0.0.2:${health.ports[1]}/health`)).status, 200)
  await health.stop()
})

test('asks itself and counts how long it took', async () => {
  const family = families.get('coredns_health_request_duration_seconds')!
  const [child] = family.children.values()
  const count = () =>
    cells.subarray(child!.cell, child!.cell + family.bounds!.length + 1).reduce((sum, n) => sum + n, 0)
  const before = count()
  const { health } = setUp('health 127.0.0.1:0')
  await health.start()
  await health.probe()
  assert.is(count() - before, 1)
  await health.stop()
})

test('the longest lameduck of all blocks counts', () => {
  const { control } = setUp('health 127.0.0.1:0 {\nlameduck 5s\n}\nhealth 127.0.0.1:0 {\nlameduck 2s\n}')
  assert.is(control.lameduckMs, 5000)
})

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'an address without a port', body: 'health 127.0.0.1', at: '2:8', says: /^invalid address "127\.0\.0\.1"/ },
  { name: 'two addresses', body: 'health :1 :2', at: '2:11', says: /^surplus argument ":2"/ },
  { name: 'an unknown property', body: 'health {\nlameduk 5s\n}', at: '3:1', says: /did you mean "lameduck"/ },
  { name: 'a lameduck without a unit', body: 'health {\nlameduck 5\n}', at: '3:10', says: /^invalid duration "5"/ },
  {
    name: 'a lameduck without a value',
    body: 'health {\nlameduck\n}',
    at: '3:1',
    says: /^missing argument of "lameduck"/,
  },
]

for (const { name, body, at, says } of BAD) {
  test(`refuses ${name}`, () => {
    const { line, column, message } = corefileFailure(() => setUp(body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
