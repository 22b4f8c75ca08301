import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/any/any.ts'
import { plugin as hosts } from '../../plugins/hosts/hosts.ts'
import { plugin as whoami } from '../../plugins/whoami/whoami.ts'
import { Query, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE } from '../../server/wire/codes.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query, readReply, text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'
import { clusterOf, namespace, service } from './kubernetes/cluster.ts'

const ANY = { type: 'ANY' }

test('one HINFO of RFC 8482, and nothing behind it is asked', async () => {
  const { send } = chainOf([plugin, whoami], 'any\nwhoami')
  for (const stream of [false, true]) {
    const answer = readReply(await send(query('www.example.org', ANY), stream))
    assert.is(answer.rcode, 'NOERROR')
    assert.not(answer.flag_aa)
    assert.equal(answer.answers, [
      {
        name: 'www.example.org',
        type: 'HINFO',
        class: 'IN',
        ttl: 8482,
        flush: false,
        data: { cpu: 'ANY obsoleted', os: 'See RFC 8482' },
      },
    ])
    assert.is(answer.additionals?.length, 0)
  }
})

test('other types go on', async () => {
  const { ask } = chainOf([plugin, whoami], 'any\nwhoami')
  assert.match(await ask('www.example.org', { type: 'A' }), /^www\.example\.org\. 0 IN A 192\.0\.2\.9$/m)
  assert.match(await ask('www.example.org', { type: 'TXT' }), /^www\.example\.org\. 0 IN A 192\.0\.2\.9$/m)
})

test('who has a zone says itself whether there is such a name', async () => {
  const zone: Stage = {
    live: q => q.qnameText.endsWith('.own.'),
    handle: q => reply.empty(q, RCODE.NXDOMAIN),
  }
  const { ask } = chainOf([plugin], 'any', [zone])
  assert.is(await ask('nope.own', ANY), 'NXDOMAIN rd')
  assert.match(await ask('nope.other', ANY), /HINFO/)
})

test('kubernetes says its own; a stage that has to wait; a failure stays one', async () => {
  const later: Stage = {
    live: () => true,
    handle: async q => (q.qnameText === 'down.' ? reply.servfail(q, EDE.NOT_READY) : reply.empty(q, RCODE.NOERROR)),
  }
  const late = chainOf([plugin], 'any', [later])
  assert.match(await late.ask('up', ANY), /^NOERROR rd\n;; ANSWER\nup\. 8482 IN HINFO/)
  assert.is(await late.ask('down', ANY), 'SERVFAIL rd')
  const { stage: kubernetes } = clusterOf({ objects: [namespace('a'), service('s.a', ['10.96.0.7'])] })
  const { ask } = chainOf([plugin], 'any', [kubernetes])
  assert.match(
    await ask('s.a.svc.cluster.local', ANY),
    /^NOERROR aa rd\n;; ANSWER\ns\.a\.svc\.cluster\.local\. 5 IN HINFO/,
  )
  assert.match(await ask('nope.a.svc.cluster.local', ANY), /^NXDOMAIN aa rd/)
})

test('names of a hosts file', async () => {
  const body = 'any\nhosts /dev/null {\n192.0.2.1 a.example.org\nfallthrough\n}\nwhoami'
  const { ask } = chainOf([plugin, hosts, whoami], body)
  const own = text`
    NOERROR aa rd
    ;; ANSWER
    a.example.org. 8482 IN HINFO {"cpu":"ANY obsoleted","os":"See RFC 8482"}`
  assert.is(await ask('a.example.org', ANY), own)
  assert.match(await ask('b.example.org', ANY), /^b\.example\.org\. 8482 IN HINFO/m)
})

test('an answer is made of what every query has', () => {
  const { stages } = chainOf([plugin], 'any')
  const q = new Query()
  q.qtype = 255
  assert.is(
    stages[0]!.handle!(q, () => assert.unreachable('asked on') as never),
    q.answer,
  )
})

for (const { body, at } of [
  { body: 'any thing', at: '2:5' },
  { body: 'any {\n}', at: '2:1' },
  { body: 'any\nany', at: '3:1' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
  })
}

test.run()
