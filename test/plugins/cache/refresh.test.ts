/** What the cache asks of its own accord, and how often. */
import { encode, type Packet } from 'dns-packet'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { address, cached, count, denial, pass, servfail, stopTheClock } from './backend.ts'

stopTheClock()

const settled = () => new Promise(resolve => setImmediate(resolve))

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

test('what refreshes an entry is the question alone, and no client traffic', async () => {
  const { send, backend } = cached('cache refresh.test {\nserve_stale 1h immediate\n}', address(60))
  const options = [{ code: 'CLIENT_SUBNET', ip: '192.0.2.0', sourcePrefixLength: 24 }]
  const message = encode({
    type: 'query',
    id: 7,
    flags: 0x130, // RD, AD, CD
    questions: [{ name: 'WWW.refresh.test', type: 'A' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1400, flags: 0x8000, options }],
  } as unknown as Packet)
  await send(message)
  pass(100)
  await send(message)
  const own = backend.last!
  assert.is(backend.asked, 2)
  assert.equal(
    [own.qnameText, own.qtype, own.flags, own.hasOpt, own.dnssecOk],
    ['www.refresh.test.', TYPE.A, 0x110, true, true],
  )
  assert.is(own.bytes.subarray(0, own.length).indexOf('W'.charCodeAt(0)), -1)
  assert.is(own.length, own.questionEnd + 11, 'an OPT without options')
  const labels = ['dns://:53', 'refresh.test.', '']
  assert.is(count('coredns_cache_requests_total', ...labels), 2)
  assert.is(count('coredns_cache_misses_total', ...labels), 1)
  assert.is(count('coredns_cache_served_stale_total', ...labels), 1)
  // It was stored under the key that it was asked for with.
  await send(message)
  assert.is(backend.asked, 2)
})

test('prefetch: hits are counted on after a refresh, one refresh at a time, a failure leaves the entry', async () => {
  const { ask, backend } = cached('cache prefetch.test {\nprefetch 3 1h 10%\n}', address(100))
  const name = 'x.prefetch.test'
  for (let i = 0; i < 4; i++) await ask(name)
  pass(95)
  const pending = Promise.withResolvers<void>()
  backend.respond = async q => {
    await pending.promise
    return servfail(q)
  }
  for (let i = 0; i < 3; i++) assert.match(await ask(name), / 5 IN A/)
  assert.is(backend.asked, 2)
  pending.resolve()
  await settled()
  backend.respond = address(100)
  assert.match(await ask(name), / 5 IN A/)
  assert.is(backend.asked, 3)
  pass(95)
  assert.match(await ask(name), / 5 IN A/)
  assert.is(backend.asked, 4, 'the first hit after a refresh is not the first of all')
  assert.is(count('coredns_cache_prefetch_total', 'dns://:53', 'prefetch.test.', ''), 3)
})

test('a refresh that finds an answer ends the denial for good', async () => {
  const { ask, backend } = cached('cache {\nprefetch 1 1m 90%\n}', denial(RCODE.NXDOMAIN, 20))
  await ask('x')
  pass(5)
  backend.respond = address(3)
  assert.match(await ask('x'), /^NXDOMAIN/)
  assert.match(await ask('x'), / 3 IN A/)
  pass(4)
  backend.respond = address(7)
  assert.match(await ask('x'), / 7 IN A/)
})

test('an entry inherits nothing of the one whose slot it has', async () => {
  const hits = cached('cache {\nsuccess 1\nprefetch 3 1h 90%\n}', address(100))
  for (let i = 0; i < 3; i++) await hits.ask('x')
  await hits.ask('y')
  pass(20)
  await hits.ask('y')
  assert.is(hits.backend.asked, 2, 'hits')

  const stale = cached('cache {\nsuccess 1\nserve_stale 1h immediate 30s 5m\n}', address(10))
  await stale.ask('x')
  pass(20)
  stale.backend.respond = servfail
  await stale.ask('x')
  stale.backend.respond = address(10)
  await stale.ask('y')
  pass(20)
  await stale.ask('y')
  assert.is(stale.backend.asked, 4, 'the time of the next attempt')
})

test('a thousand names are asked for again at a time, the others stay stale until there is room', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h immediate\n}', address(60))
  for (let i = 0; i < 1100; i++) await ask(`n${i}`)
  pass(100)
  const pending = Promise.withResolvers<void>()
  backend.asked = 0
  backend.respond = async q => {
    await pending.promise
    return address(60)(q)
  }
  for (let i = 0; i < 1100; i++) assert.match(await ask(`n${i}`), / 30 IN A/)
  assert.is(backend.asked, 1024)
  pending.resolve()
  await settled()
  for (let i = 0; i < 1100; i++) await ask(`n${i}`)
  assert.is(backend.asked, 1100)
})

test.run()
