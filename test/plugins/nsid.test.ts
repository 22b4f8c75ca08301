import { hostname } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/nsid/nsid.ts'
import { plugin as forwardless } from '../../plugins/whoami/whoami.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { EMPTY, optionsOf, optOf, withOptions } from '../harness/edns.ts'
import { query } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

const NSID = 3
const asksForNsid = (name = 'a') => withOptions(query(name), [[NSID, EMPTY]])
const chain = (body: string) => chainOf([plugin, forwardless], `${body}\nwhoami`)

for (const { body, name } of [
  { body: 'nsid', name: hostname() },
  { body: 'nsid a.b', name: 'a.b' },
  { body: 'nsid in zone a', name: 'in zone a' },
  { body: 'nsid "in  zone a"', name: 'in  zone a' },
]) {
  test(`F19 ${body}`, async () => {
    for (const stream of [false, true]) {
      const reply = await chain(body).send(asksForNsid(), stream)
      assert.equal(optionsOf(reply), [[NSID, Buffer.from(name)]])
      assert.is(optOf(reply)?.dnssecOk, false, 'CoreDNS sets DO')
    }
  })
}

test('once, however often it is asked for', async () => {
  const message = withOptions(query('a'), new Array(5).fill([NSID, EMPTY]))
  assert.equal(optionsOf(await chain('nsid me').send(message)), [[NSID, Buffer.from('me')]])
})

test('not to those who do not ask, and no OPT for those who have none', async () => {
  const { send } = chain('nsid me')
  assert.equal(optionsOf(await send(withOptions(query('a'), []))), [])
  assert.is(optOf(await send(query('a'))), undefined)
})

test('nothing, rather than an empty echo, without the directive', async () => {
  const { send } = chainOf([forwardless], 'whoami')
  assert.equal(optionsOf(await send(asksForNsid())), [])
})

test('left out of a datagram that has no room for it, sent over a stream', async () => {
  const { send } = chain(`nsid ${'x'.repeat(1100)}`)
  const datagram = await send(asksForNsid())
  assert.equal(optionsOf(datagram), [])
  assert.ok(datagram.length < 100)
  assert.equal(optionsOf(await send(asksForNsid(), true)), [[NSID, Buffer.from('x'.repeat(1100))]])
})

for (const { body, at } of [
  { body: 'nsid a\nnsid b', at: '3:1' },
  { body: 'nsid a {\nb\n}', at: '3:1' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chain(body))
    assert.is(`${error.line}:${error.column}`, at)
  })
}

test.run()
