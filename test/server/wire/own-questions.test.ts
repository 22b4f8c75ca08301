/** Questions that the server asks itself on behalf of a client: nobody gathers more for them than the client can be sent. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nameFromText } from '../../../server/wire/name.ts'
import { askInstead, askSelf, Query, readQuery } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'

function asked(stream: boolean, edns?: number): Query {
  const q = new Query()
  q.bytes = query('a.b.example', edns === undefined ? {} : { edns })
  q.length = q.bytes.length
  q.stream = stream
  readQuery(q)
  return q
}

for (const { name, parent, bytes } of [
  { name: 'a datagram without EDNS', parent: asked(false), bytes: 512 },
  { name: 'a datagram with EDNS', parent: asked(false, 1000), bytes: 1000 },
  { name: 'a datagram that would have more', parent: asked(false, 65_535), bytes: 25 * 40 },
  { name: 'a stream', parent: asked(true), bytes: 65_535 },
]) {
  test(`${name}: also of a look-up within a look-up`, () => {
    assert.is(parent.replyBytes, bytes)
    const inner = new Query()
    askSelf(inner, nameFromText('target.example'), 1, parent)
    assert.is(inner.replyBytes, parent.replyBytes)
    const instead = new Query()
    assert.ok(askInstead(instead, parent, 1, nameFromText('other.example')))
    assert.is(instead.replyBytes, parent.replyBytes)
    askSelf(inner, nameFromText('further.example'), 1, instead)
    assert.is(inner.replyBytes, parent.replyBytes)
  })
}

test('an object that is used again for a client has the bound of that client', () => {
  const q = new Query()
  askSelf(q, nameFromText('target.example'), 1, asked(false))
  q.bytes = query('a.b.example')
  q.length = q.bytes.length
  readQuery(q)
  assert.is(q.replyBytes, 65_535)
})

test.run()
