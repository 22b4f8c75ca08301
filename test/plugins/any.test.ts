import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/any/any.ts'
import { plugin as hosts } from '../../plugins/hosts/hosts.ts'
import { plugin as whoami } from '../../plugins/whoami/whoami.ts'
import { Query, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { RCODE } from '../../server/wire/codes.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query, readReply, text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

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

test('names of a hosts file', async () => {
  const body = 'any\nhosts /dev/null {\n192.0.2.1 a.example.org\nfallthrough\n}\nwhoami'
  const { ask } = chainOf([plugin, hosts, whoami], body)
  assert.is(await ask('a.example.org', ANY), text`NOERROR aa rd`)
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
