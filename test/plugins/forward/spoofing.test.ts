/** #34: forged replies while queries are open. None of a million is taken, and the right one is. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { writeQuery } from '../../../plugins/forward/message/query.ts'
import { type Asker, type Exchange, takeExchange } from '../../../plugins/forward/transport/exchange.ts'
import { Outstanding } from '../../../plugins/forward/transport/outstanding.ts'
import { cells, families } from '../../../server/metrics.ts'
import { FLAG, TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { answer } from '../../harness/fake-upstream.ts'
import { timed, upstreamOf, withBlock } from './block.ts'

const OPEN = 16
const IDS = 65_536
const GOOD = 'NOERROR rd ra\n;; ANSWER\nwww.example. 300 IN A 192.0.2.1'

/** Counts what it is told, and takes every reply. */
class Counter implements Asker {
  replies = 0
  junked = 0
  reply(): boolean {
    this.replies++
    return true
  }
  junk(): void {
    this.junked++
  }
  failed(): void {}
}

/** The octets of a reply to the exchange that says NOERROR with an address, its id set. */
function replyTo({ message, length }: Exchange): Buffer {
  const question = Buffer.from(message.subarray(0, length - 11)) // its OPT left out
  question.writeUInt16BE(0x8180, 2)
  question.writeUInt16BE(1, 6)
  question.writeUInt16BE(0, 10)
  return Buffer.concat([question, Buffer.from('c00c000100010000012c000406060606', 'hex')])
}

/** What makes a reply with the right id a forged one. */
const WRONG: ((reply: Buffer) => void)[] = [
  reply => void reply.writeUInt8(0x01, 2), // QR=0
  reply => void reply.writeUInt8(0xa1, 2), // NOTIFY
  reply => void reply.writeUInt16BE(2, 4),
  reply => void reply.writeUInt16BE(0, 4),
  reply => void reply.writeUInt8(reply[13]! ^ 1, 13), // another name
  reply => void reply.writeUInt8(reply[13]! | 0x80, 13),
  reply => void reply.writeUInt8(2, reply.length - 19), // another type, and class
  reply => void reply.writeUInt8(3, reply.length - 17),
]

test('#34 a million, to a socket with sixteen queries open: 0 taken, and then the right ones', () => {
  const upstream = upstreamOf('forward . 192.0.2.53')
  const taken = new Outstanding(upstream)
  const exchanges = Array.from({ length: OPEN }, (_, i) => {
    const name = nameFromText(`n${i}.example`)
    const exchange = takeExchange(upstream, false, new Counter(), performance.now())
    exchange.length = writeQuery(exchange.message, name, name.length, TYPE.A, FLAG.RD, true, false, false)
    taken.add(exchange)
    return exchange
  })
  let forged = 0
  for (const exchange of exchanges) {
    const reply = replyTo(exchange)
    const own = (exchange.message[0]! << 8) | exchange.message[1]!
    for (let id = 0; id < IDS; id++) {
      reply.writeUInt16BE(id)
      if (id === own) for (const spoil of WRONG) taken.deliver(changed(reply, spoil), 0, reply.length)
      else taken.deliver(reply, 0, reply.length)
      forged++
    }
  }
  ok(forged > 1_000_000)
  const counters = exchanges.map(({ asker }) => asker as Counter)
  equal(
    counters.reduce((sum, { replies }) => sum + replies, 0),
    0,
  )
  equal(taken.size, OPEN)
  equal(counters[0]!.junked, forged + OPEN * (WRONG.length - 1))
  for (const exchange of exchanges) {
    const reply = withId(replyTo(exchange), exchange)
    taken.deliver(reply, 0, reply.length)
  }
  equal(
    counters.reduce((sum, { replies }) => sum + replies, 0),
    OPEN,
  )
  equal(taken.size, 0)
  upstream.close()
})

function changed(reply: Buffer, change: (reply: Buffer) => void): Buffer {
  const copy = Buffer.from(reply)
  change(copy)
  return copy
}

function withId(reply: Buffer, { message }: Exchange): Buffer {
  reply.set(message.subarray(0, 2))
  return reply
}

test('#34 a forger on the right address and port, with 2,000 ids but the right one', () =>
  withBlock(
    [
      asked => {
        if (asked.transport === 'tcp' || asked.type !== 'A') return undefined
        if (asked.nth > 0) return undefined
        const forged = Buffer.from(answer(asked, ['www.example. 300 A 6.6.6.6']))
        const all: Uint8Array[] = []
        for (let i = 1; i <= 2000; i++) {
          forged.writeUInt16BE((asked.id + i) & 0xffff)
          all.push(Buffer.from(forged))
        }
        return [...all, { send: answer(asked, ['www.example. 300 A 192.0.2.1']), afterMs: 1500 }]
      },
    ],
    'forward . %1',
    async ({ ask, upstreams }) => {
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, GOOD)
      ok(tookMs < 4500)
      const discarded = families.get('sextant_forward_discarded_total')!.children.get(upstreams[0]!.address)!.cell
      ok(cells[discarded]! > 100)
    },
  ))

test.run()
