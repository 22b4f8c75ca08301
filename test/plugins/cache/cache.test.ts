import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../plugins/cache/cache.ts'
import { QUESTION, type Query, type Stage } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { lookup } from '../../../server/serve.ts'
import { EDE, RCODE, TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { query, readReply, text } from '../../harness/message.ts'
import { chainOf, wire } from '../../harness/stage.ts'
import { ADDRESS, address, Backend, cached, denial, pass, servfail, stopTheClock } from './backend.ts'

stopTheClock()

test('a hit has what was stored, AA cleared, each TTL counted down on its own', async () => {
  const { ask, backend } = cached('cache', address(300, 60))
  assert.is(
    await ask('Www.example.org'),
    text`
    NOERROR aa rd
    ;; ANSWER
    Www.example.org. 300 IN A 192.0.2.1
    Www.example.org. 60 IN A 192.0.2.1
  `,
  )
  pass(12.9)
  assert.is(
    await ask('wWw.example.org'),
    text`
    NOERROR rd
    ;; ANSWER
    wWw.example.org. 288 IN A 192.0.2.1
    wWw.example.org. 48 IN A 192.0.2.1
  `,
  )
  assert.is(backend.asked, 1)
  pass(47.1)
  await ask('www.example.org')
  assert.is(backend.asked, 2)
})

test('all sections are kept, owners and targets with them', async () => {
  const { ask, backend } = cached('cache', q => {
    const a = q.answer.reset()
    const target = nameFromText('a.cdn.example.net')
    const owners = Uint8Array.from([...target, ...nameFromText('b.example.org')]) // one memory for two names
    a.answer.add(QUESTION, 0, TYPE.CNAME, 30, target)
    a.answer.add(owners, 0, TYPE.A, 40, ADDRESS)
    a.answer.add(owners, 0, TYPE.A, 40, ADDRESS)
    a.authority.add(QUESTION, q.labelAt[1]!, TYPE.NS, 50, nameFromText('b.example.org'))
    a.additional.add(owners, target.length, TYPE.A, 60, ADDRESS)
    a.additional.add(Uint8Array.of(0), 0, TYPE.OPT, 0, Uint8Array.of())
    return a
  })
  const first = await ask('www.example.org')
  assert.is(await ask('www.example.org'), first)
  assert.is(
    first,
    text`
    NOERROR rd
    ;; ANSWER
    www.example.org. 30 IN CNAME a.cdn.example.net.
    a.cdn.example.net. 40 IN A 192.0.2.1
    a.cdn.example.net. 40 IN A 192.0.2.1
    ;; AUTHORITY
    example.org. 50 IN NS b.example.org.
    ;; ADDITIONAL
    b.example.org. 60 IN A 192.0.2.1
  `,
  )
  assert.is(backend.asked, 1)
})

test('denials are kept for the SOA minimum, which the SOA record shows', async () => {
  for (const [rcode, name] of [
    [RCODE.NXDOMAIN, 'NXDOMAIN'],
    [RCODE.NOERROR, 'NOERROR'],
  ] as const) {
    const { ask, backend } = cached('cache', denial(rcode, 3600))
    const soa = (ttl: number) => text`
      ${name} rd
      ;; AUTHORITY
      example.org. ${ttl} IN SOA ns.example.org. admin.example.org. 1 2 3 4 20
    `
    assert.is(await ask('nope.example.org'), soa(20))
    pass(15)
    assert.is(await ask('nope.example.org'), soa(5))
    pass(5)
    await ask('nope.example.org')
    assert.is(backend.asked, 2, name)
  }
})

for (const { name, body = 'cache', respond, ask: how = {} } of [
  { name: 'TTL 0', respond: address(0) },
  { name: 'a TTL over 2^31', respond: address(0x80000000) },
  { name: 'one TTL of 0 among others', respond: address(300, 0) },
  { name: 'REFUSED', respond: (q: Query) => reply.refused(q, EDE.OTHER) },
  { name: 'NXDOMAIN without SOA', respond: (q: Query) => reply.empty(q, RCODE.NXDOMAIN) },
  { name: 'an empty NOERROR without SOA', respond: (q: Query) => reply.empty(q, RCODE.NOERROR) },
  { name: 'a truncated answer', respond: (q: Query) => Object.assign(address(300)(q), { truncated: true }) },
  {
    name: 'an alias that leads nowhere',
    respond: (q: Query) => {
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TYPE.CNAME, 300, nameFromText('other.test'))
      return a
    },
  },
  { name: 'an answer to a question without RD', respond: address(300), ask: { rd: false } },
  { name: 'the reply to a zone transfer', respond: denial(RCODE.NOERROR, 300), ask: { type: 'AXFR' } },
  { name: 'the reply to an incremental one', respond: denial(RCODE.NOERROR, 300), ask: { type: 'IXFR' } },
  { name: 'SERVFAIL with servfail 0', body: 'cache {\nservfail 0\n}', respond: servfail },
  { name: 'positive with disable success', body: 'cache {\ndisable success\n}', respond: address(300) },
  {
    name: 'positive with disable success for a zone above',
    body: 'cache {\ndisable success org\n}',
    respond: address(300),
  },
  { name: 'negative with disable denial', body: 'cache {\ndisable denial\n}', respond: denial(3, 300) },
  { name: 'SERVFAIL with disable denial', body: 'cache {\ndisable denial\n}', respond: servfail },
  { name: 'a name outside the zones', body: 'cache example.net', respond: address(300) },
  { name: 'capacity 0', body: 'cache {\nsuccess 0\n}', respond: address(300) },
]) {
  test(`not stored: ${name}`, async () => {
    const { ask, backend } = cached(body, respond)
    await ask('www.example.org', how)
    await ask('www.example.org', how)
    assert.is(backend.asked, 2)
  })
}

test('an alias that leads to a denial is kept as one', async () => {
  const { ask, backend } = cached('cache', q => {
    const a = denial(RCODE.NXDOMAIN, 300)(q)
    a.answer.add(QUESTION, 0, TYPE.CNAME, 10, nameFromText('gone.example.org'))
    return a
  })
  const first = await ask('www.example.org')
  assert.is(await ask('www.example.org'), first)
  assert.is(backend.asked, 1)
  pass(10)
  await ask('www.example.org')
  assert.is(backend.asked, 2)
})

test('a referral is kept for 5 s', async () => {
  const { ask, backend } = cached('cache', q => {
    const a = q.answer.reset()
    a.authority.add(QUESTION, q.labelAt[1]!, TYPE.NS, 300, nameFromText('ns.example.org'))
    return a
  })
  await ask('www.example.org')
  pass(4)
  assert.is(await ask('www.example.org'), 'NOERROR rd\n;; AUTHORITY\nexample.org. 296 IN NS ns.example.org.')
  pass(1)
  await ask('www.example.org')
  assert.is(backend.asked, 2)
})

test('records of a failure live no longer than it', async () => {
  const { ask, backend } = cached('cache {\nservfail 1500ms\n}', q => {
    const a = denial(RCODE.NOERROR, 3600)(q)
    a.rcode = RCODE.SERVFAIL
    return a
  })
  await ask('x')
  pass(1)
  assert.match(await ask('x'), /^SERVFAIL rd\n;; AUTHORITY\nexample.org. 1 IN SOA/)
  assert.is(backend.asked, 1)
})

test('a batch that was read before an entry was made adds nothing to its TTLs', async () => {
  const { ask } = cached('cache', address(300))
  await ask('x')
  pass(-0.5)
  assert.match(await ask('x'), /x\. 300 IN A/)
  pass(0.5)
})

test('a TTL below five seconds holds, also where success and denial are written without a minimum', async () => {
  for (const respond of [address(2), denial(RCODE.NXDOMAIN, 2)]) {
    const { ask, backend } = cached('cache {\nsuccess 9 15\ndenial 9 15\n}', respond)
    assert.match(await ask('x'), / 2 IN /)
    pass(2)
    assert.match(await ask('x'), / 2 IN /)
    assert.is(backend.asked, 2)
  }
})

test('what is looked up for a query that has waited is as old as it is', async () => {
  const ttls: number[] = []
  const { ask } = cached('cache', async q => {
    if (q.qnameText === 'x.') return address(300)(q)
    pass(4)
    ttls.push((await lookup(q, nameFromText('x'), TYPE.A)).answer.ttl[0]!)
    return address(0)(q)
  })
  for (let i = 0; i < 3; i++) await ask('alias')
  assert.equal(ttls, [300, 296, 292])
})

test('a failure is kept for servfail', async () => {
  const { ask, backend } = cached('cache {\nservfail 10s\n}', servfail)
  await ask('www.example.org')
  pass(9)
  assert.is(await ask('www.example.org'), 'SERVFAIL rd')
  assert.is(backend.asked, 1)
  pass(1)
  await ask('www.example.org')
  assert.is(backend.asked, 2)
})

for (const { name, body, ttl, shown, later } of [
  { name: 'the directive sets the most', body: 'cache 30', ttl: 300, shown: 30, later: 20 },
  { name: 'an hour at most, whatever the record says', body: 'cache', ttl: 0x7fffffff, shown: 3600, later: 3590 },
  { name: 'success sets most and least', body: 'cache 30 {\nsuccess 100 100 50\n}', ttl: 20, shown: 50, later: 40 },
  { name: 'a written minimum lifts TTL 0', body: 'cache {\nsuccess 100 100 15\n}', ttl: 0, shown: 15, later: 5 },
  { name: 'keepttl shows the original', body: 'cache {\nkeepttl\n}', ttl: 300, shown: 300, later: 300 },
]) {
  test(`limits: ${name}`, async () => {
    const { ask, backend } = cached(body, address(ttl))
    const expect = (of: number) => `NOERROR ${backend.asked > 0 ? '' : 'aa '}rd\n;; ANSWER\nx. ${of} IN A 192.0.2.1`
    const first = expect(shown)
    assert.is(await ask('x'), first)
    pass(10)
    assert.is(await ask('x'), expect(later))
    assert.is(backend.asked, 1)
  })
}

test('DO, CD and type are part of the key', async () => {
  const { ask, backend } = cached('cache', address(300))
  const variants = [{}, { cd: true }, { edns: 1232, dnssecOk: true }, { edns: 1232, dnssecOk: true, cd: true }]
  for (const variant of variants) await ask('x', variant)
  assert.is(backend.asked, 4)
  for (const variant of variants) await ask('x', variant)
  await ask('x', { edns: 4096 })
  assert.is(backend.asked, 4)
  backend.respond = denial(RCODE.NOERROR, 60)
  await ask('x', { type: 'AAAA' })
  assert.is(backend.asked, 5)
})

test('stands aside for what is live: nothing is served, nothing stored', async () => {
  const { ask, backend, stages } = cached('cache', address(300))
  let isLive = false
  backend.live = () => isLive
  for (const stage of stages) stage.link?.()
  await ask('x')
  isLive = true
  backend.respond = address(5)
  assert.is(await ask('x'), 'NOERROR aa rd\n;; ANSWER\nx. 5 IN A 192.0.2.1')
  await ask('y')
  isLive = false
  await ask('y')
  assert.is(backend.asked, 4)
})

test('an answer that came too late for a name that is live by now is not stored', async () => {
  const pending = Promise.withResolvers<void>()
  const { ask, backend, stages } = cached('cache', async q => {
    await pending.promise
    return denial(RCODE.NXDOMAIN, 300)(q)
  })
  let isLive = false
  backend.live = () => isLive
  for (const stage of stages) stage.link?.()
  const first = ask('new.example.org')
  isLive = true
  pending.resolve()
  assert.match(await first, /^NXDOMAIN/)
  isLive = false
  await ask('new.example.org')
  assert.is(backend.asked, 2)
})

test('a hit is a copy: a stage in front that waits has it as it was, whatever became of the entry', async () => {
  const backend = new Backend(q => (q.qnameText === 'x.' ? denial(RCODE.NXDOMAIN, 20)(q) : address(77)(q)))
  const gone = Promise.withResolvers<void>()
  const front: Stage = {
    async handle(q, next) {
      const a = await next(q)
      if (q.qnameText === 'x.') await gone.promise
      return a
    },
  }
  const stages = [front, ...chainOf([plugin], 'cache {\nsuccess 1\ndenial 1\n}', [backend]).stages]
  const { ask } = wire(stages)
  const asked = ask('x')
  const again = ask('x')
  await ask('a')
  await ask('b')
  backend.respond = denial(RCODE.NOERROR, 5)
  await ask('c')
  gone.resolve()
  const soa = 'example.org. 20 IN SOA ns.example.org. admin.example.org. 1 2 3 4 20'
  assert.is(await asked, `NXDOMAIN rd\n;; AUTHORITY\n${soa}`)
  assert.is(await again, await asked)
})

test('a hit that does not fit is cut like any answer', async () => {
  const { send, backend } = cached('cache', q => {
    const a = q.answer.reset()
    for (let i = 0; i < 40; i++) a.answer.add(QUESTION, 0, TYPE.A, 300, Uint8Array.of(192, 0, 2, i))
    return a
  })
  const first = [await send(query('x')), await send(query('x', { edns: 1232 })), await send(query('x'), true)]
  assert.equal(
    first.map(octets => [octets.length, readReply(octets).answers!.length, readReply(octets).flag_tc]),
    [
      [12 + 7 + 30 * 16, 30, true],
      [12 + 7 + 40 * 16 + 11, 40, false],
      [12 + 7 + 40 * 16, 40, false],
    ],
  )
  assert.is(backend.asked, 1)
  assert.equal(await send(query('x')), first[0])
})

test('a new positive answer takes the place of a denial', async () => {
  const { ask, backend } = cached('cache', denial(RCODE.NXDOMAIN, 20))
  await ask('x')
  pass(21)
  backend.respond = address(300)
  await ask('x')
  assert.match(await ask('x'), /^NOERROR/)
  assert.is(backend.asked, 2)
})

test.run()
