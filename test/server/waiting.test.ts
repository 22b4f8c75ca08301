/** What a query holds while it waits: thousands may, and a client over TCP sends as many octets as it likes. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { cells, families } from '../../server/metrics.ts'
import type { Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE } from '../../server/wire/codes.ts'
import { query } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

/** A query of 60,000 octets, nearly all of them the data of an option. */
function long(name: string): Buffer {
  const message = Buffer.concat([query(name, { edns: 1232 }), Buffer.alloc(60_000)])
  const added = message.length - query(name, { edns: 1232 }).length
  const optAt = message.length - added - 11
  message.writeUInt16BE(added, optAt + 9)
  message.writeUInt16BE(65_001, optAt + 11)
  message.writeUInt16BE(added - 4, optAt + 13)
  return message
}

test('a long query that waits keeps its question, and is answered as any other', async () => {
  const message = long('Long.Example')
  const held: number[] = []
  const slow: Stage = {
    async handle(q) {
      await new Promise(resume => setImmediate(resume))
      held.push(q.bytes.length)
      equal(q.length, message.length)
      return reply.refused(q, EDE.OTHER)
    },
  }
  const chain = chainOf([], '', [slow])
  const answers = await Promise.all(Array.from({ length: 50 }, () => chain.send(message, true)))
  for (const answer of answers) equal(Buffer.from(answer).toString('latin1', 12, 26), '\x04Long\x07Example\0')
  ok(Math.max(...held) <= 1280, `${Math.max(...held)} octets`)
})

const MOST = 65_536

test('so many may wait, which a gauge shows; the next one gets SERVFAIL at once, and then all are answered', async () => {
  const gauge = families.get('sextant_waiting_queries')!
  const shown = () => {
    gauge.refresh!()
    return cells[gauge.children.get('')!.cell]!
  }
  const rejected = families.get('sextant_waiting_rejected_total')!.children.get('')!.cell
  let release = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const slow: Stage = { handle: q => released.then(() => reply.refused(q, EDE.OTHER)) }
  const chain = chainOf([], '', [slow])
  const message = query('www.example')
  const answers = Array.from({ length: MOST }, () => chain.send(message))
  equal(shown(), MOST)
  const before = cells[rejected]!
  equal((await chain.send(message))[3]! & 15, RCODE.SERVFAIL)
  equal(cells[rejected]! - before, 1)
  release()
  const rcodes = new Set((await Promise.all(answers)).map(answer => answer[3]! & 15))
  equal([...rcodes].join(), `${RCODE.REFUSED}`)
  equal(shown(), 0)
  equal((await chain.send(message))[3]! & 15, RCODE.REFUSED)
})

test.run()
