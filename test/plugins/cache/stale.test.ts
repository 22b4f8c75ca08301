import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RCODE } from '../../../server/wire/codes.ts'
import { errorsOf, optOf } from '../../harness/edns.ts'
import { query, readReply } from '../../harness/message.ts'
import { address, cached, denial, pass, servfail, stopTheClock } from './backend.ts'

stopTheClock()

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

test('serve_stale: a written TTL of 0 is obeyed', async () => {
  for (const mode of ['immediate 0s', 'verify 0 0s']) {
    const { ask, backend } = cached(`cache {\nserve_stale 1h ${mode}\n}`, address(60))
    await ask('x')
    pass(100)
    backend.respond = servfail
    assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 0 IN A 192.0.2.1')
  }
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

for (const { name, mode, respond, is } of [
  { name: 'an answer, at once', mode: 'immediate', respond: address(60), is: 'NOERROR 3' },
  { name: 'an answer, after a failure', mode: 'verify', respond: address(60), is: 'NOERROR 3' },
  { name: 'a denial, at once', mode: 'immediate', respond: denial(RCODE.NXDOMAIN, 20), is: 'NXDOMAIN 19' },
  { name: 'a denial, after a failure', mode: 'verify', respond: denial(RCODE.NXDOMAIN, 20), is: 'NXDOMAIN 19' },
  { name: 'no such type', mode: 'immediate', respond: denial(RCODE.NOERROR, 20), is: 'NOERROR 3' },
]) {
  test(`what is stale says so (RFC 8914): ${name}`, async () => {
    const { send, backend } = cached(`cache {\nserve_stale 1h ${mode}\n}`, respond)
    const ask = async () => {
      const reply = await send(query('x', { edns: 1232 }))
      return [readReply(reply).rcode, ...errorsOf(reply).map(({ code }) => code)].join(' ')
    }
    assert.is(await ask(), is.split(' ')[0])
    pass(100)
    backend.respond = servfail
    assert.is(await ask(), is)
    assert.is(await ask(), is)
    assert.is(optOf(await send(query('x'))), undefined, 'no OPT without one')
  })
}

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

test('serve_stale_policy prefer_positive goes by answers in use: a denial counts where there is none', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1m verify\nserve_stale_policy prefer_positive\n}', address(60))
  await ask('x')
  pass(121)
  backend.respond = denial(RCODE.NXDOMAIN, 20)
  assert.match(await ask('x'), /^NXDOMAIN/)
  assert.match(await ask('x'), /^NXDOMAIN/)
  assert.is(backend.asked, 2)
})

test('serve_stale_policy prefer_positive: where there was a denial, a new one takes its place', async () => {
  for (const mode of ['verify', 'immediate']) {
    const body = `cache {\nserve_stale 1h ${mode}\nserve_stale_policy prefer_positive\n}`
    const { ask, backend } = cached(body, denial(RCODE.NXDOMAIN, 20))
    await ask('x')
    pass(100)
    backend.respond = denial(RCODE.NOERROR, 15)
    if (mode === 'immediate') assert.match(await ask('x'), /^NXDOMAIN/)
    assert.match(await ask('x'), /^NOERROR .* 15 IN SOA/s)
    assert.match(await ask('x'), /^NOERROR .* 15 IN SOA/s)
    assert.is(backend.asked, 2)
  }
})

test('serve_stale_policy prefer_positive: a denial is kept for when the answer is of no use any more', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1m verify\nserve_stale_policy prefer_positive\n}', address(60))
  await ask('x')
  pass(119)
  backend.respond = denial(RCODE.NXDOMAIN, 20)
  assert.match(await ask('x'), /^NOERROR/)
  pass(2)
  assert.match(await ask('x'), /^NXDOMAIN/)
  assert.is(backend.asked, 2)
})

test('a client that does not want recursion ends nothing: what is asked for the cache has RD', async () => {
  for (const mode of ['immediate', 'verify']) {
    const { ask, backend } = cached(`cache {\nserve_stale 1h ${mode}\n}`, address(60))
    await ask('x')
    pass(100)
    // As a resolver does that has nothing: an empty NOERROR, or what it happens to have.
    backend.respond = q => (q.recursionDesired ? address(50)(q) : q.answer.reset())
    await ask('x', { rd: false })
    backend.respond = servfail
    assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 50 IN A 192.0.2.1')
  }
})

test('serve_stale verify: a reply that was cut takes no place of what is whole', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = q => Object.assign(q.answer.reset(), { truncated: true })
  for (let i = 0; i < 2; i++) assert.is(await ask('x'), 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1')
})

const settled = () => new Promise(resolve => setImmediate(resolve))
const STALE = 'NOERROR rd\n;; ANSWER\nx. 30 IN A 192.0.2.1'

test('a bare serve_stale: 1.8 s for the first client, nothing for those behind it, 30 s without another attempt', async () => {
  const { ask, backend } = cached('cache {\nserve_stale\n}', address(60))
  await ask('x')
  pass(100)
  const pending = Promise.withResolvers<void>()
  backend.respond = async q => {
    await pending.promise
    return servfail(q)
  }
  const since = process.hrtime.bigint()
  const seconds = () => Number(process.hrtime.bigint() - since) / 1e9
  const first = ask('x')
  for (let i = 0; i < 100; i++) assert.is(await ask('x'), STALE)
  assert.ok(seconds() < 1, `${seconds()} s`)
  assert.is(await first, STALE)
  assert.ok(seconds() > 1.7 && seconds() < 2.5, `${seconds()} s`)
  assert.is(backend.asked, 2)
  pending.resolve()
  await settled()
  pass(29)
  assert.is(await ask('x'), STALE)
  assert.is(backend.asked, 2, 'the attempt failed a short while ago')
  pass(2)
  backend.respond = address(50)
  assert.is(await ask('x'), 'NOERROR aa rd\n;; ANSWER\nx. 50 IN A 192.0.2.1')
})

test('serve_stale verify without times: everybody asks', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = async q => {
    await settled()
    return servfail(q)
  }
  assert.equal(await Promise.all([ask('x'), ask('x'), ask('x')]), [STALE, STALE, STALE])
  assert.is(backend.asked, 4)
})

test('serve_stale verify with RECHECK: one asks, and nobody for so long after a failure', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify 0s 7s 20s\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = servfail
  for (let i = 0; i < 3; i++) assert.match(await ask('x'), /x\. 7 IN A/)
  assert.is(backend.asked, 2)
  pass(20)
  await ask('x')
  assert.is(backend.asked, 3)
})

test('what is stale is told: EDE 3, or 19 for a name that does not exist; a failure from the cache has EDE 13', async () => {
  const code = async (chain: ReturnType<typeof cached>) => {
    const { additionals } = readReply(await chain.send(query('x', { edns: 1232 })))
    const opt = additionals![0] as unknown as { options: { code: number; data: Buffer }[] }
    return opt.options.find(option => option.code === 15)?.data.readUInt16BE(0)
  }
  for (const [respond, expected] of [
    [address(60), 3],
    [denial(RCODE.NXDOMAIN, 60), 19],
    [denial(RCODE.NOERROR, 60), 3],
  ] as const) {
    const chain = cached('cache {\nserve_stale 1h immediate\n}', respond)
    assert.is(await code(chain), undefined)
    assert.is(await code(chain), undefined)
    pass(100)
    assert.is(await code(chain), expected)
  }
  const chain = cached('cache', servfail)
  await code(chain)
  assert.is(await code(chain), 13)
})

test('a failure takes no place of what is known, stale or not', async () => {
  for (const respond of [address(60), denial(RCODE.NXDOMAIN, 60), denial(RCODE.NOERROR, 60)]) {
    const { ask, backend } = cached('cache {\nserve_stale 1h immediate\n}', respond)
    const pending = Promise.withResolvers<void>()
    backend.respond = async q => {
      if (backend.asked > 1) return respond(q)
      await pending.promise
      return servfail(q)
    }
    const slow = ask('x')
    const known = await ask('x')
    pending.resolve()
    assert.is(await slow, 'SERVFAIL rd')
    assert.is(await ask('x'), known.replace(' aa', ''))
    pass(100)
    backend.respond = servfail
    await ask('x')
    assert.is(await ask('x'), known.replace(' aa', '').replaceAll(/ \d+ IN/g, ' 30 IN'))
  }
})

test('a denial that is not stored still ends what was positive', async () => {
  const { ask, backend } = cached('cache {\nserve_stale 1h verify\ndisable denial\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = denial(RCODE.NXDOMAIN, 60)
  assert.match(await ask('x'), /^NXDOMAIN/)
  backend.respond = servfail
  assert.is(await ask('x'), 'SERVFAIL rd')
})

test('a stale answer that waits is not changed by what takes its place', async () => {
  const { ask, backend } = cached('cache {\nsuccess 2\nserve_stale 1h verify 5ms\n}', address(60))
  await ask('x')
  pass(100)
  backend.respond = async q => {
    if (q.qnameText === 'x.') await new Promise(() => {})
    return address(77)(q)
  }
  const waiting = ask('x')
  for (const name of ['a', 'b', 'c', 'd']) await ask(name)
  assert.is(await waiting, STALE)
})

test.run()
