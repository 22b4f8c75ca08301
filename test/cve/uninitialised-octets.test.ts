/**
 * Memory that was another's (a class of its own in JavaScript: `Buffer.allocUnsafe`, buffers used again): octets that
 * nobody wrote go out in a packet, and with them what stood there before.
 *
 * Shown here: the same dialogue twice, with all memory that is handed out or used again full of one pattern and then of
 * another: every octet to clients and to upstreams is the same, but for ids and spellings, which are drawn.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'uvu'
import type { Routes } from '../../server/route.ts'
import { LATER, serve, takeQuery } from '../../server/serve.ts'
import type { Peer } from '../../server/wire/query.ts'
import { type Asked, answer, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { query } from '../harness/message.ts'
import { exchangeTcp, exchangeUdp, startServer } from '../harness/server.ts'
import { withBlock } from '../plugins/forward/block.ts'

const PATTERNS = [0xaa, 0x55]
const LARGEST = 65_535
const SECRET = 'x'.repeat(60)

const script: Script = asked => {
  switch (asked.name.split('.')[0]) {
    case 'gone':
      return answer(asked, [], { rcode: 'NXDOMAIN', authority: ['example. 60 SOA a. b. 1 2 3 4 5'] })
    case 'fails':
      return answer(asked, [], { rcode: 'SERVFAIL' })
    case 'alias':
      return answer(asked, [
        `${asked.name} 60 CNAME www.example.`,
        'www.example. 60 MX 1 mail.example.',
        'www.example. 60 A 192.0.2.1',
      ])
    case 'cut':
      return answer(asked, [`${asked.name} 60 A 192.0.2.1`], { tc: true })
    case 'many':
      return answer(
        asked,
        Array.from({ length: 200 }, (_, i) => `${asked.name} 60 A 192.0.2.${i}`),
      )
    case 'srv':
      return answer(asked, [`${asked.name} 60 SRV 1 2 3 a.example.`])
    case 'silent':
      return undefined
    default:
      return answer(asked, [`${asked.name} 60 A 192.0.2.1`])
  }
}

const questions: { name: string; type?: string; stream?: boolean; edns?: number }[] = [
  { name: `${SECRET}.${SECRET}.${SECRET}.example` },
  { name: 'www.example' },
  { name: 'www.example', edns: 1232 },
  { name: 'many.example', stream: true },
  { name: 'many.example' },
  { name: 'gone.example', edns: 1232 },
  { name: 'fails.example', edns: 1232 },
  { name: 'alias.example' },
  { name: 'cut.example' },
  { name: 'srv.example', type: 'SRV' },
  { name: 'silent.example', edns: 1232 },
  { name: 'a' },
  { name: '.' },
]
const odd = ['4b38 2800 0001 0000 0000 0000', '4b38 0100 0000 0000 0000 0000', '4b38 0100 0001 0000 0000 0000 c00c']

/** The reply's octets; the query stands in memory full of a pattern. */
function exchange(routes: Routes, message: Uint8Array, stream: boolean, pattern: number): Promise<Buffer> {
  return new Promise(resolve => {
    const peer: Peer = {
      address: '192.0.2.9',
      port: 40_000,
      family: 4,
      localAddress: '127.0.0.1',
      keep: () => peer,
      send: (bytes, at, length) => resolve(Buffer.from(bytes.slice(at, at + length))),
    }
    const q = takeQuery()
    q.bytes = new Uint8Array(stream ? LARGEST : 4096).fill(pattern)
    q.bytes.set(message)
    q.own(LARGEST).fill(pattern)
    q.start = 0
    q.length = message.length
    q.capacity = q.bytes.length
    q.stream = stream
    q.peer = peer
    q.receivedAtMs = performance.now()
    const octets = serve(routes, q)
    if (octets !== LATER) resolve(Buffer.from(q.bytes.slice(0, octets)))
  })
}

/** A query without what is drawn for it: its id, and the case of its letters. No length of a label looks like one. */
function withoutChance({ octets, transport }: Asked): string {
  const rest = octets.slice(2).map(octet => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet))
  return `${transport} ${Buffer.from(rest).toString('hex')}`
}

test('replies and queries are the same octets, whatever stood in the memory they were made in', async () => {
  const seen: string[][] = []
  for (const pattern of PATTERNS) {
    await withBlock(
      [script],
      'cache\nforward . %1 {\nread_timeout 50ms\nmax_connect_attempts 1\nmax_fails 0\n}',
      async ({ routes, upstreams }) => {
        const replies: string[] = []
        const messages = questions.map(({ name, type, edns }) =>
          query(name, { ...(type && { type }), ...(edns && { edns }) }),
        )
        for (let round = 0; round < 2; round++) {
          for (const [i, message] of messages.entries()) {
            replies.push((await exchange(routes, message, questions[i]!.stream === true, pattern)).toString('hex'))
          }
        }
        for (const hex of odd) {
          const message = Buffer.from(hex.replaceAll(' ', ''), 'hex')
          replies.push((await exchange(routes, message, false, pattern)).toString('hex'))
        }
        seen.push([...replies, ...upstreams[0]!.asked.map(withoutChance)])
      },
    )
  }
  deepEqual(seen[0], seen[1])
})

test('the same through the sockets of a whole server', async () => {
  const { allocUnsafe, allocUnsafeSlow } = Buffer
  const upstream = await fakeUpstream(script)
  const server = await startServer(`. {\nbind 127.0.0.1\nforward . ${upstream.address}\n}\n`)
  const seen: string[][] = []
  try {
    for (const pattern of PATTERNS) {
      Buffer.allocUnsafe = size => Buffer.alloc(size, pattern)
      Buffer.allocUnsafeSlow = Buffer.allocUnsafe
      const from = upstream.asked.length
      const replies: string[] = []
      for (const { name, type = 'A', stream = false, edns } of questions.filter(one => one.name !== 'silent.example')) {
        const message = query(name, { type, ...(edns && { edns }) })
        replies.push((await (stream ? exchangeTcp : exchangeUdp)(message, server.port)).toString('hex'))
        replies.push((await exchangeTcp(message, server.port)).toString('hex'))
      }
      seen.push([...replies, ...upstream.asked.slice(from).map(withoutChance)])
    }
  } finally {
    Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow })
    await server.stop()
    await upstream.close()
  }
  deepEqual(seen[0], seen[1])
})

test('a query upstream is exactly as long as its question, after a longer one as well', () =>
  withBlock([script], 'forward . %1', async ({ ask, upstreams }) => {
    await ask(`${SECRET}.${SECRET}.${SECRET}.example`)
    for (const stream of [false, true]) {
      await ask('a', {}, stream)
      const query = withoutChance(upstreams[0]!.asked.at(-1)!)
      equal(query, `${stream ? 'tcp' : 'udp'} 010000010000000000010161000001000100002904d0000000000000`)
    }
  }))

test.run()
