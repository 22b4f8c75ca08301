/** The OPT of a reply, whatever is asked for and however much there is to say: within the limit, each option once, whole. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { QUESTION, type Stage } from '../../../server/plugin.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { optionsOf, optOf, withOptions } from '../../harness/edns.ts'
import { query } from '../../harness/message.ts'
import { wire } from '../../harness/stage.ts'

const [NSID, COOKIE, KEEPALIVE, EDE] = [3, 10, 11, 15]

/** Option codes with a length that is legal for each. */
const option = fc.oneof(
  fc.constant([NSID, new Uint8Array(0)] as const),
  fc.constantFrom(8, 16, 24, 40).map(length => [COOKIE, new Uint8Array(length).fill(3)] as const),
  fc.constant([KEEPALIVE, new Uint8Array(0)] as const),
  fc.tuple(fc.integer({ min: 100, max: 60_000 }), fc.uint8Array({ maxLength: 40 })),
)
const name = fc
  .array(fc.integer({ min: 1, max: 62 }), { minLength: 1, maxLength: 4 })
  .map(lengths => lengths.map(length => 'x'.repeat(length)).join('.'))

test('a reply is as long as it may be, and no longer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        name,
        options: fc.array(option, { maxLength: 8 }),
        udpSize: fc.integer({ min: 0, max: 5000 }),
        nsid: fc.integer({ min: 0, max: 1500 }),
        records: fc.integer({ min: 0, max: 120 }),
        error: fc.constantFrom(-1, 0, 18, 65_535),
        text: fc.string({ unit: 'binary', maxLength: 700 }),
        isStream: fc.boolean(),
      }),
      async ({ name, options, udpSize, nsid, records, error, text, isStream }) => {
        const stage: Stage = {
          handle(q) {
            const a = q.answer.reset()
            a.rcode = RCODE.NOERROR
            for (let i = 0; i < records; i++) a.answer.add(QUESTION, 0, TYPE.A, 1, Uint8Array.of(10, 0, 0, i))
            a.extendedError = error
            a.extendedErrorText = text
            return a
          },
        }
        const message = withOptions(query(name), options, udpSize)
        const { send } = wire([stage], '.', [], 'dns://:53', {
          addresses: [],
          udpBytes: 1232,
          nsid: new Uint8Array(nsid),
        })
        const reply = await send(message, isStream)
        const limit = Math.min(Math.max(512, udpSize), 1232, Math.max(512, 25 * message.length))
        if (!isStream) assert.ok(reply.length <= limit, `${reply.length} of ${limit} octets`)
        const codes = optionsOf(reply).map(([code]) => code)
        assert.equal(codes, [...new Set(codes)], 'each once')
        assert.is(
          codes.includes(COOKIE),
          options.some(([code]) => code === COOKIE),
        )
        assert.is(codes.includes(EDE), error >= 0)
        assert.not(codes.includes(KEEPALIVE)) // this peer does not say how long it stays
        if (isStream)
          assert.is(
            codes.includes(NSID),
            options.some(([code]) => code === NSID),
          )
        assert.is(optOf(reply)?.udpSize, 1232)
      },
    ),
    { numRuns: 500 },
  )
})

test.run()
