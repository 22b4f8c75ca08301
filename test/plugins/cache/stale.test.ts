import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RCODE } from '../../../server/wire/codes.ts'
import { address, cached, denial, pass, servfail, stopTheClock } from './backend.ts'

stopTheClock()

test('prefetch refreshes an entry that is asked for often, in the last part of its life', async () => {
  const { ask, backend } = cached('cache {\nprefetch 2 1m 20%\n}', address(100))
  await ask('x')
  await ask('x')
  pass(79)
  await ask('x') // too early, and too long after the last one
  assert.is(backend.asked, 1)
  pass(5)
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 16 IN A 192.0.2.1')
  assert.is(backend.asked, 2)
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 100 IN A 192.0.2.1')
  pass(99)
  await ask('x')
  assert.is(backend.asked, 2, 'the hits are too far apart')
})

test('serve_stale immediate: the stale answer, then a refresh', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h immediate\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = address(50)
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1')
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 50 IN A 192.0.2.1')
  assert.is(backend.asked, 2)
  pass(51 + 3600)
  await ask('x')
  assert.is(backend.asked, 3, 'too old')
})

test('serve_stale immediate: a failure leaves the entry, and is retried after the interval', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h immediate 7s 20s\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = servfail
  for (let i = 0; i < 3; i++) assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 7 IN A 192.0.2.1')
  assert.is(backend.asked, 2)
  pass(21)
  await ask('x')
  assert.is(backend.asked, 3)
})

test('serve_stale verify: asks first, falls back on the entry', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = servfail
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1')
  backend.respond = denial(RCODE.NXDOMAIN, 20)
  assert.match(await ask('x'), /^NXDOMAIN/)
  backend.respond = servfail
  assert.match(await ask('x'), /^NXDOMAIN/)
  assert.is(backend.asked, 3)
})

test('serve_stale alone: the client waits a while, later ones do not, the answer is kept when it comes', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify 5ms\n}', address(60))
  await ask('x')
  pass(100)
  const pending = Promise.withResolvers<void>()
  backend.respond = async q => {
    await pending.promise
    return address(50)(q)
  }
  const stale = 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1'
  assert.equal(await Promise.all([ask('x'), ask('x')]), [stale, stale])
  assert.is(backend.asked, 2)
  pending.resolve()
  await new Promise(resolve => setImmediate(resolve))
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 50 IN A 192.0.2.1')
})

test('serve_stale: an exception of the refresh does not reach the client', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = () => {
    throw new Error('broken')
  }
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1')
})

test('serve_stale_policy prefer_positive keeps a positive entry against a denial', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\nserve_stale_policy prefer_positive\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = denial(RCODE.NXDOMAIN, 20)
  assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1')
})

test.run()
