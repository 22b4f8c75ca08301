import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/bufsize/bufsize.ts'
import { QUESTION, type Stage } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { EMPTY, optOf, withOptions } from '../harness/edns.ts'
import { query, readReply } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

/** 400 addresses: 6,400 octets. */
const many: Stage = {
  handle(q) {
    const a = q.answer.reset()
    for (let i = 0; i < 400; i++) a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(10, 0, i >> 8, i & 255))
    return a
  },
}
const ADDRESS_BYTES = 16
/** A query that is long enough not to be limited by its own length: 25 times 212 octets. */
const longQuery = (udpSize: number) => withOptions(query('a'), [[65_001, new Uint8Array(180)]], udpSize)

for (const { body, offers, size, most } of [
  { body: '', offers: 4096, size: 1232, most: 1232 },
  { body: 'bufsize', offers: 4096, size: 1232, most: 1232 },
  { body: 'bufsize 512', offers: 4096, size: 512, most: 512 },
  { body: 'bufsize 1400', offers: 4096, size: 1400, most: 1400 },
  { body: 'bufsize 4096', offers: 65_535, size: 4096, most: 4096 },
  { body: 'bufsize 4096', offers: 1300, size: 4096, most: 1300 },
]) {
  test(`"${body}", to a client that takes ${offers}`, async () => {
    const { send } = chainOf([plugin], body, [many])
    const reply = await send(longQuery(offers))
    assert.is(optOf(reply)?.udpSize, size)
    assert.ok(reply.length <= most && reply.length > most - ADDRESS_BYTES, `${reply.length} octets`)
    assert.ok(readReply(reply).flag_tc)
  })
}

test('512 octets to a client without EDNS, and 25 times the query, whatever it says', async () => {
  const { send } = chainOf([plugin], 'bufsize 4096', [many])
  assert.ok((await send(query('a'))).length <= 512)
  const short = withOptions(query('a'), [[65_001, EMPTY]], 4096)
  const reply = await send(short)
  assert.ok(reply.length <= 25 * short.length && reply.length > 25 * short.length - ADDRESS_BYTES)
})

test('a stream has no such limit', async () => {
  const { send } = chainOf([plugin], 'bufsize 512', [many])
  const reply = await send(longQuery(512), true)
  assert.ok(reply.length > 6400)
  assert.is(optOf(reply)?.udpSize, 512)
})

for (const { body, at } of [
  { body: 'bufsize 511', at: '2:9' },
  { body: 'bufsize 4097', at: '2:9' },
  { body: 'bufsize -1', at: '2:9' },
  { body: 'bufsize big', at: '2:9' },
  { body: 'bufsize 512 1232', at: '2:13' },
  { body: 'bufsize 512\nbufsize', at: '3:1' },
  { body: 'bufsize {\n}', at: '2:1' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
  })
}

test.run()
