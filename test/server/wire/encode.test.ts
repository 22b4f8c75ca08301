/** Compression, truncation at whole records, and messages that an independent reader takes apart again. */
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { QUESTION, type Stage } from '../../../server/plugin.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { query, readReply, replyText, text } from '../../harness/message.ts'
import { wire } from '../../harness/stage.ts'

const srv = (target: string) => Buffer.concat([Buffer.from('000000640050', 'hex'), nameFromText(target)])
const mx = (target: string) => Buffer.concat([Buffer.from('000a', 'hex'), nameFromText(target)])

test('names share suffixes: question, owners, targets; SRV data stays whole but is pointed at', async () => {
  const stage: Stage = {
    handle(q) {
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TYPE.SRV, 30, srv('pod-0.web.default.svc.cluster.local.'))
      a.answer.add(QUESTION, 0, TYPE.MX, 30, mx('mail.web.default.svc.cluster.local.'))
      a.answer.add(QUESTION, 0, TYPE.CNAME, 30, nameFromText('web.default.svc.cluster.local.'))
      a.additional.add(nameFromText('pod-0.web.default.svc.cluster.local.'), 0, TYPE.A, 30, Uint8Array.of(1, 2, 3, 4))
      a.additional.add(nameFromText('mail.web.default.svc.cluster.local.'), 0, TYPE.A, 30, Uint8Array.of(1, 2, 3, 5))
      return a
    },
  }
  const octets = await wire([stage]).send(query('web.default.svc.cluster.local'))
  assert.is(
    replyText(octets),
    text`NOERROR rd
    ;; ANSWER
    web.default.svc.cluster.local. 30 IN SRV 0 100 80 pod-0.web.default.svc.cluster.local.
    web.default.svc.cluster.local. 30 IN MX 10 mail.web.default.svc.cluster.local.
    web.default.svc.cluster.local. 30 IN CNAME web.default.svc.cluster.local.
    ;; ADDITIONAL
    pod-0.web.default.svc.cluster.local. 30 IN A 1.2.3.4
    mail.web.default.svc.cluster.local. 30 IN A 1.2.3.5`,
  )
  const srvData = 6 + 37
  const mxData = 2 + 5 + 2
  assert.is(octets.length, 12 + 35 + (12 + srvData) + (12 + mxData) + (12 + 2) + (2 + 10 + 4) + (2 + 10 + 4))
})

test('each of many targets of one length is pointed at by its address', async () => {
  const targets = Array.from({ length: 9 }, (_, i) => srv(`pod-${i}.web.default.svc.cluster.local.`))
  const memory = Buffer.concat(targets)
  const { length } = targets[0]!
  const stage: Stage = {
    handle(q) {
      const a = q.answer.reset()
      targets.forEach((_, i) => void a.answer.add(QUESTION, 0, TYPE.SRV, 30, memory, i * length, length))
      targets.forEach((_, i) => void a.additional.add(memory, i * length + 6, TYPE.A, 30, Uint8Array.of(1, 2, 3, i)))
      return a
    },
  }
  const octets = await wire([stage]).send(query('web.default.svc.cluster.local', { type: 'SRV' }), true)
  const { additionals } = readReply(octets)
  assert.equal(
    additionals!.map(record => record.name),
    targets.map((_, i) => `pod-${i}.web.default.svc.cluster.local`),
  )
  assert.is(octets.length, 12 + 35 + 9 * (12 + 6 + 37) + 9 * (2 + 10 + 4))
})

test('two names of one length do not take each other for the same', async () => {
  const stage: Stage = {
    handle(q) {
      const a = q.answer.reset()
      for (const target of ['aa.x.', 'bb.x.', 'aa.x.', 'aa.y.'])
        a.answer.add(QUESTION, 0, TYPE.CNAME, 1, nameFromText(target))
      return a
    },
  }
  const targets = readReply(await wire([stage]).send(query('q.'))).answers!.map(r => (r as { data: string }).data)
  assert.equal(targets, ['aa.x', 'bb.x', 'aa.x', 'aa.y'])
})

for (const gap of [65_535, 65_536]) {
  test(`what was written ${gap} messages ago is not pointed at`, async () => {
    const target = nameFromText('far.away.example.')
    const stage: Stage = {
      handle(q) {
        const a = q.answer.reset()
        if (q.qtype === TYPE.CNAME) a.answer.add(QUESTION, 0, TYPE.CNAME, 1, target)
        else a.answer.add(QUESTION, 0, TYPE.A, 1, Uint8Array.of(1, 2, 3, 4))
        return a
      },
    }
    const { send } = wire([stage])
    // A pointer into this one leads to where the last one has nothing.
    await send(query('long.'.repeat(20), { type: 'CNAME' }))
    const between = query('q.')
    for (let i = 1; i < gap; i++) await send(between)
    const { answers } = readReply(await send(query('q.', { type: 'CNAME' })))
    assert.is((answers![0] as { data: string }).data, 'far.away.example')
  })
}

test('whatever is composed, the message is whole and within its limit', async () => {
  const label = fc.stringMatching(/^[a-c]{1,12}$/)
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map(labels => `${labels.join('.')}.`)
  const record = fc.oneof(
    fc.record({ owner: name, type: fc.constant(TYPE.A), data: fc.uint8Array({ minLength: 4, maxLength: 4 }) }),
    fc.record({ owner: name, type: fc.constant(TYPE.CNAME), data: name.map(nameFromText) }),
    fc.record({ owner: name, type: fc.constant(TYPE.SRV), data: name.map(srv) }),
    fc.record({ owner: name, type: fc.constant(TYPE.MX), data: name.map(mx) }),
  )
  const records = fc.array(record, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(
      name,
      records,
      records,
      fc.option(fc.integer({ min: 512, max: 1232 })),
      async (asked, answers, extra, edns) => {
        const stage: Stage = {
          handle(q) {
            const a = q.answer.reset()
            for (const r of answers) a.answer.add(nameFromText(r.owner), 0, r.type, 7, r.data)
            for (const r of extra) a.additional.add(nameFromText(r.owner), 0, r.type, 7, r.data)
            return a
          },
        }
        const octets = await wire([stage]).send(query(asked, edns === null ? {} : { edns }))
        assert.ok(octets.length <= (edns ?? 512))
        const reply = readReply(octets)
        const got = reply.answers!.map(r => `${r.name}. ${r.type}`)
        const all = answers.map(
          r => `${r.owner} ${r.type === 1 ? 'A' : r.type === 5 ? 'CNAME' : r.type === 33 ? 'SRV' : 'MX'}`,
        )
        assert.equal(got, all.slice(0, got.length))
        if (got.length < all.length) assert.is(reply.flag_tc, true)
        else assert.is(reply.flag_tc, reply.additionals!.filter(r => r.type !== 'OPT').length < extra.length)
      },
    ),
    { numRuns: 300 },
  )
})

test('a record beyond the reach of a 14-bit pointer is written without one', async () => {
  const stage: Stage = {
    handle(q) {
      const a = q.answer.reset()
      for (let i = 0; i < 900; i++) {
        a.answer.add(
          nameFromText(`host-${i}.some.where.example.`),
          0,
          TYPE.CNAME,
          1,
          nameFromText(`target-${i}.else.where.example.`),
        )
      }
      return a
    },
  }
  const octets = await wire([stage]).send(query('q.'), true)
  const reply = readReply(octets)
  assert.is(reply.flag_tc, false)
  assert.is(reply.answers!.length, 900)
  assert.is(reply.answers![899]!.name, 'host-899.some.where.example')
  assert.is((reply.answers![899] as { data: string }).data, 'target-899.else.where.example')
  assert.ok(octets.length > 0x4000)
})

test.run()
