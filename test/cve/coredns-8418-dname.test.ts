/**
 * coredns#8418: a DNAME that leads back to itself was followed without end. Knot, PowerDNS and others had the same with
 * chains of CNAMEs.
 *
 * Shown here: DNAMEs that lead to themselves, below themselves, round in circles or beyond 255 octets are handed on as far
 * as they belong to the answer, at no more cost than any reply, and ask nobody anything. A forwarder follows nothing: it
 * looks for ten aliases at most in the one reply that it has (plugins/forward/message/taken.ts).
 */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { text } from '../harness/message.ts'
import { timed, withBlock } from '../plugins/forward/block.ts'

const LONG = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(57)}.x.test.`

const rows: { name: string; records: string[]; rcode?: string; type?: string; says: string }[] = [
  {
    name: 'to itself',
    records: ['x.test. 60 DNAME x.test.', 'www.x.test. 60 CNAME www.x.test.'],
    says: text`
      NOERROR rd ra
      ;; ANSWER
      x.test. 60 IN DNAME x.test.
      www.x.test. 60 IN CNAME www.x.test.`,
  },
  {
    name: 'below itself: each name is longer than the one before',
    records: [
      'x.test. 60 DNAME y.x.test.',
      ...Array.from({ length: 20 }, (_, i) => `www.${'y.'.repeat(i)}x.test. 60 CNAME www.${'y.'.repeat(i + 1)}x.test.`),
    ],
    says: text`
      NOERROR rd ra
      ;; ANSWER
      x.test. 60 IN DNAME y.x.test.
      ${Array.from({ length: 10 }, (_, i) => `www.${'y.'.repeat(i)}x.test. 60 IN CNAME www.${'y.'.repeat(i + 1)}x.test.`).join('\n')}`,
  },
  {
    name: 'two that lead to one another',
    records: [
      'x.test. 60 DNAME y.test.',
      'www.x.test. 60 CNAME www.y.test.',
      'y.test. 60 DNAME x.test.',
      'www.y.test. 60 CNAME www.x.test.',
    ],
    says: text`
      NOERROR rd ra
      ;; ANSWER
      x.test. 60 IN DNAME y.test.
      www.x.test. 60 IN CNAME www.y.test.
      y.test. 60 IN DNAME x.test.
      www.y.test. 60 IN CNAME www.x.test.`,
  },
  {
    name: 'at the name that was asked: nothing is below it',
    records: ['www.x.test. 60 DNAME www.x.test.'],
    says: text`
      NOERROR rd ra
      ;; ANSWER
      www.x.test. 60 IN DNAME www.x.test.`,
  },
  {
    name: 'asked for itself',
    type: 'DNAME',
    records: ['www.x.test. 60 DNAME www.x.test.'],
    says: text`
      NOERROR rd ra
      ;; ANSWER
      www.x.test. 60 IN DNAME www.x.test.`,
  },
  {
    name: 'beyond 255 octets (YXDOMAIN)',
    records: [`x.test. 60 DNAME ${LONG}`],
    rcode: 'YXDOMAIN',
    says: text`
      YXDOMAIN rd ra
      ;; ANSWER
      x.test. 60 IN DNAME ${LONG}`,
  },
]

for (const { name, records, rcode = 'NOERROR', type = 'A', says } of rows) {
  test(`a DNAME ${name}`, () =>
    withBlock([asked => answer(asked, records, { rcode })], 'cache\nforward . %1', async ({ ask, upstreams }) => {
      const [found, tookMs] = await timed(ask('www.x.test', { type }, true))
      equal(found, says)
      ok(tookMs < 500, `took ${tookMs} ms`)
      equal(upstreams[0]!.asked.length, 1)
    }))
}

test.run()
