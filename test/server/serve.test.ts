/** What becomes of a message, byte by byte: the tables A to G of the standards probes that concern the server itself. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Stage } from '../../server/plugin.ts'
import { QUESTION } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { LATER, serve, takeQuery, waitingQueries } from '../../server/serve.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import type { Peer } from '../../server/wire/query.ts'
import { errorsOf } from '../harness/edns.ts'
import { query, readReply, replyText, text } from '../harness/message.ts'
import { wire } from '../harness/stage.ts'

const SOA = Buffer.concat([
  nameFromText('ns.dns.cluster.local.'),
  nameFromText('hostmaster.cluster.local.'),
  Buffer.from('000000010000 1c20000007080001518000000005'.replaceAll(' ', ''), 'hex'),
])
const K = 'kubernetes.default.svc.cluster.local.'
const kName = nameFromText(K)
const many = nameFromText('many.cluster.local.')
const address = Uint8Array.of(10, 96, 0, 1)

/** A small authority: K has one A record, many.cluster.local 4,000, anything else below cluster.local is NXDOMAIN. */
const authority: Stage = {
  handle(q) {
    const name = q.nameFrom()
    const zone = q.labelCount - 2
    if (zone < 0 || !name.subarray(name.length - 15).every((o, i) => o === kName[kName.length - 15 + i]))
      return reply.refused(q, EDE.OTHER)
    const known = Buffer.compare(name, kName) === 0 ? 1 : Buffer.compare(name, many) === 0 ? 4000 : 0
    if (known === 0) return reply.negative(q, RCODE.NXDOMAIN, zone, SOA, 5)
    if (q.qtype !== TYPE.A) return reply.negative(q, RCODE.NOERROR, zone, SOA, 5)
    const a = q.answer.reset()
    a.authoritative = true
    for (let i = 0; i < known; i++) a.answer.add(QUESTION, 0, TYPE.A, 30, address)
    return a
  },
}
const { send, ask } = wire([authority])

const Q_K = '0a6b756265726e65746573 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00'
const A_IN = '0001 0001'
const OPT = '00 0029 04d0 00 00 0000 0000'
const hex = (bytes: string) => Buffer.from(bytes.replaceAll(' ', ''), 'hex')
const header = (flags: string, qd = 1, an = 0, ns = 0, ar = 0) =>
  `4b38 ${flags} ${[qd, an, ns, ar].map(n => n.toString(16).padStart(4, '0')).join(' ')}`

/** `reply`: the whole reply in hex, '' for none; `head`: rcode and flags. */
const probes: { name: string; message: string; reply?: string; head?: string; counts?: number[] }[] = [
  { name: 'A2 rd copied, aa kept', message: `${header('0100')} ${Q_K} ${A_IN}`, head: 'NOERROR aa rd' },
  { name: 'A1 rd clear', message: `${header('0000')} ${Q_K} ${A_IN}`, head: 'NOERROR aa' },
  { name: 'A3 aa in the query is ignored', message: `${header('0400')} 00 ${A_IN}`, head: 'REFUSED' },
  { name: 'A4 tc in the query is ignored', message: `${header('0200')} ${Q_K} ${A_IN}`, head: 'NOERROR aa' },
  { name: 'A5 ra is not echoed', message: `${header('0080')} ${Q_K} ${A_IN}`, head: 'NOERROR aa' },
  { name: 'A6 z is cleared', message: `${header('0040')} ${Q_K} ${A_IN}`, head: 'NOERROR aa' },
  { name: 'A7 ad is not echoed', message: `${header('0120')} ${Q_K} ${A_IN}`, head: 'NOERROR aa rd' },
  { name: 'A8 cd is copied', message: `${header('0110')} ${Q_K} ${A_IN}`, head: 'NOERROR aa rd cd' },
  { name: 'A9 an rcode in the query is ignored', message: `${header('0105')} ${Q_K} ${A_IN}`, head: 'NOERROR aa rd' },
  { name: 'B1 opcode 15', message: header('7800', 0), reply: '4b38 f804 0000 0000 0000 0000' },
  { name: 'B2 no bit of it comes back', message: header('7ff0', 0), reply: '4b38 f804 0000 0000 0000 0000' },
  { name: 'B3 IQUERY', message: header('0800', 0), reply: '4b38 8804 0000 0000 0000 0000' },
  { name: 'B4 STATUS', message: header('1000', 0), reply: '4b38 9004 0000 0000 0000 0000' },
  { name: 'B5 NOTIFY', message: `${header('2000')} ${Q_K} 0006 0001`, reply: '4b38 a004 0000 0000 0000 0000' },
  { name: 'B6 UPDATE', message: `${header('2800')} ${Q_K} 0006 0001`, reply: '4b38 a804 0000 0000 0000 0000' },
  { name: 'B7 DSO', message: header('3000', 0), reply: '4b38 b004 0000 0000 0000 0000' },
  { name: 'C1 no question', message: header('0100', 0), reply: '4b38 8101 0000 0000 0000 0000' },
  {
    name: 'C3 two questions',
    message: `${header('0100', 2)} ${Q_K} ${A_IN} ${Q_K} ${A_IN}`,
    reply: '4b38 8101 0000 0000 0000 0000',
  },
  {
    name: 'C4 65,535 questions',
    message: `${header('0100', 65535)} ${Q_K} ${A_IN}`,
    reply: '4b38 8101 0000 0000 0000 0000',
  },
  {
    name: 'C5 an answer in the query',
    message: `${header('0100', 1, 1)} ${Q_K} ${A_IN} c00c 0001 0001 00000001 0004 01020304`,
    head: 'FORMERR rd',
  },
  { name: 'C6 two authorities', message: `${header('0100', 1, 0, 2)} ${Q_K} ${A_IN}`, head: 'FORMERR rd' },
  {
    name: 'C7 an additional that is not OPT is ignored',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} c00c 0001 0001 00000001 0004 01020304`,
    head: 'NOERROR aa rd',
  },
  {
    name: 'C8 an additional that is missing',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN}`,
    head: 'FORMERR rd',
  },
  { name: 'C9 octets behind the message', message: `${header('0100')} ${Q_K} ${A_IN} deadbeef`, head: 'NOERROR aa rd' },
  { name: 'C10 a response', message: `${header('8180')} ${Q_K} ${A_IN}`, reply: '' },
  { name: 'C11 eleven octets', message: '4b38 0100 0001 0000 0000 00', reply: '' },
  { name: 'C11 nothing', message: '', reply: '' },
  { name: 'C12 a header alone', message: header('0100'), head: 'FORMERR rd' },
  {
    name: 'C13 no type and class',
    message: 'b438 0100 0001 0000 0000 0000 03777777076578616d706c6503636f6d00',
    head: 'FORMERR rd',
  },
  { name: 'D1 pointer to itself', message: `${header('0100')} c00c ${A_IN}`, head: 'FORMERR rd' },
  { name: 'D2 pointer loop', message: `${header('0100')} c00ec00c ${A_IN}`, head: 'FORMERR rd' },
  { name: 'D3 pointer past the end', message: `${header('0100')} ffff ${A_IN}`, head: 'FORMERR rd' },
  { name: 'D4 pointer into the header', message: `${header('0100')} 03666f6fc000 ${A_IN}`, head: 'FORMERR rd' },
  { name: 'D5 label type 01', message: `${header('0100')} 4161 00 ${A_IN}`, head: 'FORMERR rd' },
  { name: 'D5 label type 10', message: `${header('0100')} 8161 00 ${A_IN}`, head: 'FORMERR rd' },
  {
    name: 'D7 name of 256 octets',
    message: `${header('0100')} ${'03616263'.repeat(63)} 02616200 ${A_IN}`,
    head: 'FORMERR rd',
  },
  {
    name: 'D9 a zero octet in a label',
    message: `${header('0100')} 0361006207636c7573746572056c6f63616c00 ${A_IN}`,
    head: 'NXDOMAIN aa rd',
  },
  {
    name: 'D10 a dot in a label',
    message: `${header('0100')} 12 6b756265726e657465732e64656661756c74 03737663 07636c7573746572 056c6f63616c 00 ${A_IN}`,
    head: 'NXDOMAIN aa rd',
  },
  { name: 'D13 the root', message: `${header('0100')} 00 ${A_IN}`, head: 'REFUSED rd' },
  { name: 'E4 type OPT', message: `${header('0100')} ${Q_K} 0029 0001`, head: 'FORMERR rd' },
  { name: 'E4 type TSIG', message: `${header('0100')} ${Q_K} 00fa 0001`, head: 'FORMERR rd' },
  { name: 'E10 class CH', message: `${header('0100')} 0776657273696f6e0462696e6400 0010 0003`, head: 'REFUSED rd' },
  { name: 'E11 class ANY', message: `${header('0100')} ${Q_K} 0001 00ff`, head: 'REFUSED rd' },
  { name: 'E11 class 0', message: `${header('0100')} ${Q_K} 0001 0000`, head: 'REFUSED rd' },
  { name: 'F11 two OPTs', message: `${header('0100', 1, 0, 0, 2)} ${Q_K} ${A_IN} ${OPT} ${OPT}`, head: 'FORMERR rd' },
  {
    name: 'F12 OPT below a name',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 0161 ${OPT}`,
    head: 'FORMERR rd',
  },
  {
    name: 'F14 option longer than RDLEN',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00000000 0006 000a00ff0102`,
    head: 'FORMERR rd',
  },
  {
    name: 'F15 RDLEN longer than the message',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00000000 0040`,
    head: 'FORMERR rd',
  },
  {
    name: 'F21 COOKIE of 7 octets',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00000000 000b 000a000731323334353637`,
    head: 'FORMERR rd',
  },
  {
    name: 'F26 ECS of an unknown family',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00000000 0008 0008 0004 0063 0000`,
    head: 'FORMERR rd',
  },
  {
    name: 'F26 ECS prefix 33',
    message: `${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00000000 000d 0008 0009 0001 2100 0102030405`,
    head: 'FORMERR rd',
  },
]
for (const probe of probes) {
  test(probe.name, async () => {
    const octets = await send(hex(probe.message))
    if (probe.reply !== undefined) assert.is(Buffer.from(octets).toString('hex'), probe.reply.replaceAll(' ', ''))
    if (probe.head !== undefined) assert.is(replyText(octets).split('\n')[0], probe.head)
  })
}

for (const id of [0, 0xffff]) {
  test(`A10 id ${id} comes back`, async () => {
    assert.is(readReply(await send(query(K, { id }))).id, id)
  })
}

test('C2, F6: an unknown option is not echoed, our size is offered', async () => {
  const message = hex(`${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 1000 00000000 0008 0064 0004 01020304`)
  const octets = Buffer.from(await send(message))
  assert.is(octets.subarray(-11).toString('hex'), '00002904d0000000000000')
})

for (const [name, flags, back] of [
  ['F8 an unassigned flag', '2000', '0000'],
  ['F9 CO', '4000', '0000'],
  ['F10 DO is copied', '8000', '8000'],
  ['F7 low Z bits', '00c0', '0000'],
] as const) {
  test(name, async () => {
    const octets = Buffer.from(
      await send(hex(`${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 0000 ${flags} 0000`)),
    )
    assert.is(octets.subarray(-4).toString('hex'), `${back}0000`)
  })
}

for (const version of ['01', 'ff']) {
  test(`F3 EDNS version ${version} is BADVERS, version 0, no answer`, async () => {
    const octets = Buffer.from(
      await send(hex(`${header('0100', 1, 0, 0, 1)} ${Q_K} ${A_IN} 00 0029 04d0 00 ${version} 0000 0000`)),
    )
    assert.is(octets[3]! & 15, 0)
    assert.is(octets.readUInt16BE(6), 0)
    assert.is(octets.subarray(-11).toString('hex'), '00002904d0010000000000')
  })
}

test('F16 a size below 512 counts as 512', async () => {
  const octets = await send(
    hex(`${header('0100', 1, 0, 0, 1)} 046d616e79 07636c7573746572 056c6f63616c 00 ${A_IN} 00 0029 0000 00000000 0000`),
  )
  assert.ok(octets.length > 450 && octets.length <= 512)
})

test('D8 127 labels are accepted', async () => {
  const octets = await send(query('a.'.repeat(127)))
  assert.is(replyText(octets), 'REFUSED rd')
  assert.is(octets.length, 12 + 255 + 4)
})

test('D11 the question comes back in its own spelling, and so do owners', async () => {
  const octets = Buffer.from(await send(query('KuBeRnEtEs.DeFaUlT.svc.cluster.LOCAL')))
  assert.is(replyText(octets), 'NOERROR aa rd\n;; ANSWER\nKuBeRnEtEs.DeFaUlT.svc.cluster.LOCAL. 30 IN A 10.96.0.1')
})

test('E15 NXDOMAIN brings the SOA, compressed', async () => {
  assert.is(
    await ask('nope.default.svc.cluster.local'),
    text`NXDOMAIN aa rd
    ;; AUTHORITY
    cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5`,
  )
})

test('E13 out of zone is REFUSED with EDE 20 where no block has it', async () => {
  const octets = await wire([authority], 'cluster.local.').send(query('example.com', { edns: 1232 }))
  assert.is(octets[3]! & 15, 5)
  assert.equal(errorsOf(octets), [{ code: 20, text: 'no server block has this name' }])
})

const sizes = [
  { name: 'G1 no EDNS', ask: {}, stream: false, most: 512, tc: true },
  { name: 'G2 1232', ask: { edns: 1232 }, stream: false, most: 1232, tc: true },
  { name: 'G3 4096', ask: { edns: 4096 }, stream: false, most: 1232, tc: true },
  { name: 'G4 65535', ask: { edns: 65535 }, stream: false, most: 1232, tc: true },
  { name: 'G6 TCP', ask: {}, stream: true, most: 65535, tc: false },
]
for (const row of sizes) {
  test(`${row.name}: at most ${row.most} octets, whole records, tc ${row.tc}`, async () => {
    const octets = await send(query('many.cluster.local', row.ask), row.stream)
    const answer = readReply(octets)
    assert.ok(octets.length <= row.most, `${octets.length}`)
    assert.ok(octets.length > row.most - 80 || !row.tc)
    assert.is(answer.flag_tc, row.tc)
    if (!row.tc) assert.is(answer.answers!.length, 4000)
    if ('edns' in row.ask) assert.is(answer.additionals!.filter(record => record.type === 'OPT').length, 1)
  })
}

test('G7 more than a message can hold sets tc over TCP', async () => {
  const big: Stage = {
    handle(q) {
      const a = q.answer.reset()
      for (let i = 0; i < 10_000; i++) a.answer.add(QUESTION, 0, TYPE.A, 30, address)
      return a
    },
  }
  const octets = await wire([big]).send(query('x.'), true)
  assert.ok(octets.length <= 65535)
  assert.is(readReply(octets).flag_tc, true)
})

test('a UDP reply is at most 25 times its query', async () => {
  const flood: Stage = {
    handle(q) {
      const a = q.answer.reset()
      for (let i = 0; i < 200; i++) a.answer.add(QUESTION, 0, TYPE.A, 30, address)
      return a
    },
  }
  const message = query('a.', { edns: 4096 })
  const octets = await wire([flood]).send(message)
  assert.ok(octets.length <= 25 * message.length)
})

test('a stage that throws is SERVFAIL, one that rejects too', async () => {
  const boom: Stage = {
    handle(q) {
      if (q.qtype === TYPE.AAAA) return Promise.reject(new Error('later'))
      throw new Error('at once')
    },
  }
  const { ask } = wire([boom])
  assert.is(await ask('x.'), 'SERVFAIL rd')
  assert.is(await ask('x.', { type: 'AAAA' }), 'SERVFAIL rd')
})

test('a stage that waits answers through the peer', async () => {
  const slow: Stage = {
    handle: q =>
      new Promise(resolve =>
        setImmediate(() => {
          const a = q.answer.reset()
          a.answer.add(QUESTION, 0, TYPE.A, 1, address)
          resolve(a)
        }),
      ),
  }
  assert.is(await wire([slow]).ask('Slow.Example'), 'NOERROR rd\n;; ANSWER\nSlow.Example. 1 IN A 10.96.0.1')
})

test('a client that is gone between two messages: nothing more is written, and nothing is told of', async () => {
  let ended = 0
  const told: number[] = []
  const sent: string[] = []
  const zone: Stage = {
    async handle(q) {
      const a = q.answer.reset()
      function* messages() {
        try {
          for (;;) {
            a.answer.count = 0
            a.answer.add(QUESTION, 0, TYPE.A, 1, address)
            yield
          }
        } finally {
          ended++
        }
      }
      a.messages = messages()
      return a
    },
    observe: (_, __, octets) => void told.push(octets),
  }
  const peer: Peer = {
    address: '192.0.2.9',
    port: 40_000,
    family: 4,
    localAddress: '127.0.0.1',
    keep: () => peer,
    send: () => void sent.push('last'),
    async sendPart() {
      sent.push('part')
      await new Promise(resume => setImmediate(resume))
      return sent.length < 2
    },
  }
  const message = query('x.')
  const waiting = waitingQueries()
  const q = Object.assign(takeQuery(), { bytes: message, start: 0, length: message.length, stream: true, peer })
  assert.is(serve(wire([zone]).routes, q), LATER)
  while (ended === 0) await new Promise(resume => setImmediate(resume))
  await new Promise(resume => setImmediate(resume))
  assert.equal({ sent, told, ended }, { sent: ['part', 'part'], told: [], ended: 1 })
  assert.is(waitingQueries(), waiting)
})

test('an observer that throws costs a late reply, and no more: its listener hears of the end', async () => {
  const sent: number[] = []
  const to = { address: '192.0.2.9', port: 40_000, family: 4, localAddress: '127.0.0.1' } as const
  const peer: Peer = { ...to, keep: () => peer, send: (_, __, length) => void sent.push(length) }
  const late: Stage = {
    handle: async q => reply.refused(q, EDE.OTHER),
    observe: () => {
      throw new Error('no space')
    },
  }
  const message = query('x.')
  const waiting = waitingQueries()
  const q = Object.assign(takeQuery(), { bytes: message, start: 0, length: message.length, stream: false, peer })
  assert.is(serve(wire([late]).routes, q), LATER)
  await new Promise(resume => setImmediate(resume))
  assert.equal(sent, [0])
  assert.is(waitingQueries(), waiting)
})

test('RA is on every reply of a listener that resolves for others', async () => {
  const recursive: Stage = { recursive: true, handle: q => reply.refused(q, EDE.OTHER) }
  const { ask, send } = wire([recursive])
  assert.is(await ask('x.'), 'REFUSED rd ra')
  assert.is(Buffer.from(await send(hex(header('0100', 0)))).toString('hex'), '4b3881810000000000000000')
})

test('RA is on the replies of a block that resolves some zone for others, and on no other', async () => {
  const partly: Stage = { recursive: false, handle: q => reply.refused(q, EDE.OTHER) }
  const { ask, send } = wire([partly], 'example.')
  assert.is(await ask('x.example.'), 'REFUSED rd ra')
  assert.is(await ask('x.'), 'REFUSED rd')
  assert.is(Buffer.from(await send(hex(header('0100', 0)))).toString('hex'), '4b3881010000000000000000')
})

test('nobody in the chain has the name: REFUSED', async () => {
  assert.is(await wire([{}]).ask('x.'), 'REFUSED rd')
})

test.run()
