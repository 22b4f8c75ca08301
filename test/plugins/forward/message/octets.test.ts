/** What is changed in the octets of a message: padding on its way out, age on its way in. */
import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'uvu'
import { takeAge } from '../../../../plugins/forward/message/age.ts'
import { padded } from '../../../../plugins/forward/message/padding.ts'
import { MAX_QUERY_BYTES, writeQuery } from '../../../../plugins/forward/message/query.ts'
import { nameFromText } from '../../../../server/wire/name.ts'
import { answer, QueryReader } from '../../../harness/fake-upstream.ts'
import { query, readReply, recordText } from '../../../harness/message.ts'

/** A query as it goes out in the clear. */
function queryFor(name: Uint8Array, edns: boolean): Uint8Array {
  const message = new Uint8Array(MAX_QUERY_BYTES)
  return message.slice(0, writeQuery(message, name, name.length, 1, 0x100, edns, edns, false))
}

for (let labels = 0; labels <= 60; labels++) {
  test(`padded: a name of ${labels} labels`, () => {
    const name = nameFromText(`${'abc.'.repeat(labels)}` || '.')
    const bare = queryFor(name, true)
    const out = padded(bare, bare.length)
    equal(out.length % 128, 0)
    equal(out.length - bare.length < 128 + 4, true)
    const { options, dnssecOk, edns, name: found } = new QueryReader().read(Buffer.from(out), 'tls', 0)
    deepEqual([options, dnssecOk, edns, found], [[12], true, 1232, 'abc.'.repeat(labels) || '.'])
    deepEqual(out.subarray(bare.length + 4), new Uint8Array(out.length - bare.length - 4))
  })
}

test('padded: a query without OPT stays as it is', () => {
  const name = nameFromText('www.example.')
  const bare = queryFor(name, false)
  deepEqual(padded(bare, bare.length), bare)
})

const asked = new QueryReader().read(query('www.example'), 'h2', 0)
const RECORDS = ['www.example. 60 CNAME a.example.', 'a.example. 20 A 192.0.2.1', 'a.example. 4294967295 A 192.0.2.2']

test('age: off every TTL, none below 0, the OPT as it was', () => {
  const message = answer(asked, RECORDS, { authority: ['example. 9 NS ns.example.'], edns: true })
  const before = readReply(message)
  takeAge(message, 30)
  const after = readReply(message)
  deepEqual([...after.answers!, ...after.authorities!].map(recordText), [
    'www.example. 30 IN CNAME a.example.',
    'a.example. 0 IN A 192.0.2.1',
    'a.example. 4294967265 IN A 192.0.2.2',
    'example. 0 IN NS ns.example.',
  ])
  deepEqual(after.additionals, before.additionals)
})

test('age: never throws, never makes a message longer, whatever the octets', () => {
  const message = Buffer.from(answer(asked, RECORDS, { edns: true }))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(message.length), fc.nat(message.length), (junk, from, cut) => {
      const broken = Buffer.from(message.subarray(0, cut))
      broken.set(junk.subarray(0, Math.max(0, cut - from)), Math.min(from, cut))
      takeAge(broken, 30)
      takeAge(Buffer.from(junk), 30)
      equal(broken.length, cut)
    }),
    { numRuns: 5000 },
  )
})

test.run()
