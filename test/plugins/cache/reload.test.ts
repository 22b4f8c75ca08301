/** What a reload keeps, and what it gives back. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Stage } from '../../../server/plugin.ts'
import { address, cached, pass, stopTheClock } from './backend.ts'

stopTheClock()

/** The chain of a configuration that takes the place of another one. */
async function reloaded(old: { stages: Stage[] }, body: string, respond = address(300)) {
  const next = cached(body, respond)
  next.stages[0]!.start!(old.stages[0])
  await old.stages[0]!.stop!()
  return next
}

for (const { name, from = 'cache 60', to, isKept } of [
  { name: 'the same settings', to: 'cache 60', isKept: true },
  {
    name: 'settings written in another order',
    from: 'cache {\nkeepttl\nservfail 5s\n}',
    to: 'cache {\nservfail 5000ms\nkeepttl\n}',
    isKept: true,
  },
  { name: 'another TTL', to: 'cache 61', isKept: false },
  { name: 'another capacity', to: 'cache 60 {\nsuccess 5000\n}', isKept: false },
  { name: 'serve_stale added', to: 'cache 60 {\nserve_stale\n}', isKept: false },
]) {
  test(`content ${isKept ? 'survives' : 'goes with'} a reload: ${name}`, async () => {
    const old = cached(from, address(300))
    await old.ask('x')
    pass(10)
    const next = await reloaded(old, to)
    const reply = await next.ask('x')
    assert.is(next.backend.asked, isKept ? 0 : 1)
    if (isKept) assert.is(reply, (await old.ask('x')).replace(' aa', ''))
    await next.stages[0]!.stop!()
  })
}

test('hits are counted on over a reload, and a refresh that it interrupts arrives', async () => {
  const body = 'cache {\nprefetch 3 1h 10%\n}'
  const old = cached(body, address(100))
  for (let i = 0; i < 3; i++) await old.ask('x')
  pass(95)
  const pending = Promise.withResolvers<void>()
  old.backend.respond = async q => {
    await pending.promise
    return address(70)(q)
  }
  assert.match(await old.ask('x'), / 5 IN A/)
  assert.is(old.backend.asked, 2)
  const next = await reloaded(old, body)
  assert.match(await next.ask('x'), / 5 IN A/)
  assert.is(next.backend.asked, 0, 'it is being asked already')
  pending.resolve()
  await new Promise(resolve => setImmediate(resolve))
  assert.match(await next.ask('x'), / 70 IN A/)
  pass(65)
  await next.ask('x')
  assert.is(next.backend.asked, 1)
  await next.stages[0]!.stop!()
})

test('memory of a cache that is left behind comes back', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  /** What was made in a turn stays to its end. */
  const heldBytes = async () => {
    for (let i = 0; i < 6; i++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      collect()
    }
    return process.memoryUsage().arrayBuffers
  }
  const entries = 20_000
  let chain = cached(`cache {\nsuccess ${entries}\n}`, address(300))
  chain.stages[0]!.start!(undefined)
  await chain.ask('x') // the query before this one is of another test
  const emptyBytes = await heldBytes()
  for (let i = 0; i < entries; i++) await chain.ask(`name${i}.shop.example.org`)
  const fullBytes = await heldBytes()
  const each = (fullBytes - emptyBytes) / entries
  assert.ok(each > 100 && each < 160, `${each} octets for each of two cells`)
  chain = await reloaded(chain, 'cache')
  await chain.ask('x')
  const leftBytes = await heldBytes()
  assert.ok(leftBytes < emptyBytes, `${emptyBytes} before, ${fullBytes} with entries, ${leftBytes} after`)
  await chain.stages[0]!.stop!()
})

test.run()
