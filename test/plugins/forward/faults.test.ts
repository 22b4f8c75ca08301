/** What upstreams do wrong, one row per fault: the whole reply, what was asked, and how long it may take. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { type Asked, answer, closedPort, type Script } from '../../harness/fake-upstream.ts'
import type { Ask } from '../../harness/message.ts'
import { text } from '../../harness/message.ts'
import { timed, withBlock } from './block.ts'

const good: Script = asked => answer(asked, [`${asked.name} 300 A 192.0.2.1`])
const silent: Script = () => undefined
const GOOD = text`
  NOERROR rd ra
  ;; ANSWER
  www.example. 300 IN A 192.0.2.1`
const SERVFAIL = 'SERVFAIL rd ra'
const header = (asked: Asked, tail: string) => Buffer.concat([idOf(asked), Buffer.from(tail, 'hex')])
const idOf = (asked: Asked) => Buffer.from([asked.id >> 8, asked.id & 255])
const overTcp =
  (then: Script): Script =>
  asked =>
    asked.transport === 'tcp' ? good(asked) : then(asked)
const LONG_CHAIN = ['www.example. 60 CNAME a.example.', 'a.example. 60 CNAME b.example.', 'b.example. 60 A 192.0.2.5']

const MANY = Array.from({ length: 60 }, (_, i) => `www.example. 300 A 192.0.2.${i}`)

interface Row {
  name: string
  scripts: Script[]
  /** Properties inside the block of `forward . %1 %2…`. */
  block?: string
  to?: string
  ask?: Ask & { stream?: boolean }
  reply?: string
  /** What the first upstream was asked, by transport. */
  asked?: string
  atLeastMs?: number
  atMostMs?: number
}

const rows: Row[] = [
  { name: 'a plain answer over UDP', scripts: [good], asked: 'udp' },
  { name: 'a zone transfer', scripts: [good], ask: { type: 'AXFR', stream: true }, reply: 'REFUSED rd ra', asked: '' },
  { name: 'a plain answer over TCP', scripts: [good], ask: { stream: true }, asked: 'tcp' },
  { name: 'force_tcp', scripts: [good], block: 'force_tcp', asked: 'tcp' },
  { name: 'prefer_udp', scripts: [good], block: 'prefer_udp', ask: { stream: true }, asked: 'udp' },
  {
    name: 'AA and AD of the upstream stay there',
    scripts: [asked => answer(asked, ['www.example. 300 A 192.0.2.1'], { aa: true })],
  },
  {
    name: 'the question in another case',
    scripts: [asked => answer(asked, ['WWW.eXample. 300 A 192.0.2.1'], { question: 'wWw.ExamplE' })],
  },
  {
    name: '#20 a closed port: the next at once',
    scripts: [good],
    to: 'closed %1',
    block: 'policy sequential',
    atMostMs: 200,
  },
  { name: 'nobody listens at all', scripts: [], to: 'closed', reply: SERVFAIL, atMostMs: 200 },
  {
    name: 'nobody listens, over TCP',
    scripts: [],
    to: 'closed',
    ask: { stream: true },
    reply: SERVFAIL,
    atMostMs: 200,
  },
  {
    name: '#18 a silent first upstream: the next within 1 s',
    scripts: [silent, good],
    block: 'policy sequential',
    atMostMs: 1000,
  },
  { name: '#18 the same over TCP', scripts: [silent, good], block: 'policy sequential\nforce_tcp', atMostMs: 1000 },
  {
    name: 'a lost query is sent again',
    scripts: [asked => (asked.nth === 0 ? undefined : good(asked))],
    asked: 'udp udp',
    atMostMs: 1000,
  },
  {
    name: '#19 both silent: SERVFAIL before 4.5 s',
    scripts: [silent, silent],
    reply: SERVFAIL,
    atLeastMs: 3000,
    atMostMs: 4500,
  },
  {
    name: 'a short read_timeout ends the wait',
    scripts: [silent],
    block: 'read_timeout 100ms',
    reply: SERVFAIL,
    asked: 'udp udp',
    atMostMs: 1000,
  },
  {
    name: 'max_connect_attempts 1',
    scripts: [silent],
    block: 'read_timeout 100ms\nmax_connect_attempts 1',
    reply: SERVFAIL,
    asked: 'udp',
  },
  {
    name: '#21 a slow upstream',
    scripts: [asked => [{ send: good(asked) as Uint8Array, afterMs: 3000 }]],
    atLeastMs: 2900,
    atMostMs: 3600,
  },
  {
    name: '#22 a wrong id, then the right one',
    scripts: [asked => [answer(asked, [], { id: asked.id ^ 1 }), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: '#23 only wrong ids: TCP',
    scripts: [overTcp(asked => answer(asked, ['www.example. 1 A 6.6.6.6'], { id: asked.id ^ 1 }))],
    asked: 'udp tcp',
    atMostMs: 1000,
  },
  {
    name: '#24 a wrong question, then the right one',
    scripts: [asked => [answer(asked, [], { question: 'other.example' }), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: '#25 garbage behind the right id, then the right one',
    scripts: [asked => [header(asked, 'ffffffffffffffffffffffff'), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: '#25 a header alone, then the right one',
    scripts: [asked => [header(asked, '8180'), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: '#26 QR=0, then the right one',
    scripts: [asked => [answer(asked, [], { qr: false }), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: 'no question, then the right one',
    scripts: [asked => [answer(asked, ['www.example. 1 A 6.6.6.6'], { question: 'none' }), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: 'a pointer loop, then the right one',
    scripts: [asked => [brokenName(asked), good(asked) as Uint8Array]],
    asked: 'udp',
  },
  {
    name: 'a broken message over TCP: SERVFAIL',
    scripts: [asked => brokenName(asked)],
    ask: { stream: true },
    block: 'max_connect_attempts 1',
    reply: SERVFAIL,
    atMostMs: 500,
  },
  {
    name: '#27 FORMERR to EDNS: once more without',
    scripts: [asked => (asked.edns === undefined ? good(asked) : answer(asked, [], { rcode: 'FORMERR' }))],
    asked: 'udp udp',
  },
  {
    name: '#27 FORMERR to EDNS, a header alone',
    scripts: [asked => (asked.edns === undefined ? good(asked) : header(asked, '81810000000000000000'))],
    asked: 'udp udp',
  },
  {
    name: 'FORMERR to everything',
    scripts: [asked => answer(asked, [], { rcode: 'FORMERR' })],
    reply: 'FORMERR rd ra',
    asked: 'udp udp',
  },
  {
    name: 'SERVFAIL is passed on',
    scripts: [asked => answer(asked, [], { rcode: 'SERVFAIL' }), good],
    block: 'policy sequential',
    reply: SERVFAIL,
    asked: 'udp',
  },
  {
    name: '#28 failover SERVFAIL',
    scripts: [asked => answer(asked, [], { rcode: 'SERVFAIL' }), good],
    block: 'policy sequential\nfailover SERVFAIL',
  },
  {
    name: 'failover with nobody left',
    scripts: [asked => answer(asked, [], { rcode: 'REFUSED' })],
    block: 'failover SERVFAIL REFUSED',
    reply: 'REFUSED rd ra',
    asked: 'udp',
  },
  {
    name: 'failover, and the other one is silent',
    scripts: [asked => answer(asked, [], { rcode: 'REFUSED' }), silent],
    block: 'policy sequential\nfailover REFUSED\nread_timeout 100ms',
    reply: 'REFUSED rd ra',
  },
  {
    name: '#29 TC goes to TCP',
    scripts: [overTcp(asked => answer(asked, ['www.example. 300 A 6.6.6.6'], { tc: true }))],
    asked: 'udp tcp',
  },
  {
    name: '#29 what does not fit the client is cut for it, with TC',
    scripts: [asked => answer(asked, MANY, { tc: asked.transport === 'udp' })],
    reply: text`
      NOERROR tc rd ra
      ;; ANSWER
      ${MANY.slice(0, 30).join('\n').replaceAll(' A ', ' IN A ')}`,
    asked: 'udp tcp',
  },
  {
    name: '#29 a client over TCP with prefer_udp has all of it',
    scripts: [asked => answer(asked, MANY, { tc: asked.transport === 'udp' })],
    block: 'prefer_udp',
    ask: { stream: true },
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      ${MANY.join('\n').replaceAll(' A ', ' IN A ')}`,
    asked: 'udp tcp',
  },
  {
    name: '#29 TC, and no TCP: what came over UDP, with TC',
    scripts: [
      asked =>
        asked.transport === 'tcp' ? { close: true } : answer(asked, ['www.example. 300 A 192.0.2.1'], { tc: true }),
    ],
    reply: GOOD.replace('rd ra', 'tc rd ra'),
  },
  {
    name: '#29 TC, and no TCP, for a client over TCP: SERVFAIL',
    scripts: [asked => (asked.transport === 'tcp' ? { close: true } : answer(asked, [], { tc: true }))],
    block: 'prefer_udp',
    ask: { stream: true },
    reply: SERVFAIL,
  },
  {
    name: 'TC in a message that breaks off: TCP',
    scripts: [overTcp(asked => answer(asked, ['www.example. 300 A 192.0.2.1'], { tc: true }).slice(0, -3))],
    asked: 'udp tcp',
  },
  {
    name: '#30 TCP closed in the middle of a reply',
    scripts: [
      asked => (asked.nth === 0 ? [{ part: good(asked) as Uint8Array, octets: 20 }, { close: true }] : good(asked)),
    ],
    ask: { stream: true },
    asked: 'tcp tcp',
    atMostMs: 500,
  },
  {
    name: '#31 records that nobody asked for',
    scripts: [
      asked =>
        answer(asked, ['www.example. 300 A 192.0.2.1', 'victim.example. 300 A 6.6.6.6'], {
          additional: ['ns.example. 1 A 6.6.6.6'],
          authority: ['example. 1 NS ns.example.'],
        }),
    ],
  },
  {
    name: 'a CNAME chain',
    scripts: [asked => answer(asked, [...LONG_CHAIN, 'c.example. 60 A 6.6.6.6'])],
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      www.example. 60 IN CNAME a.example.
      a.example. 60 IN CNAME b.example.
      b.example. 60 IN A 192.0.2.5`,
  },
  {
    name: 'a CNAME chain out of order',
    scripts: [asked => answer(asked, LONG_CHAIN.toReversed())],
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      b.example. 60 IN A 192.0.2.5
      a.example. 60 IN CNAME b.example.
      www.example. 60 IN CNAME a.example.`,
  },
  {
    name: 'a CNAME loop',
    scripts: [asked => answer(asked, ['www.example. 60 CNAME a.example.', 'a.example. 60 CNAME www.example.'])],
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      www.example. 60 IN CNAME a.example.
      a.example. 60 IN CNAME www.example.`,
  },
  {
    name: 'a DNAME',
    scripts: [
      asked =>
        answer(asked, [
          'example. 60 DNAME other.',
          'www.example. 60 CNAME www.other.',
          'www.other. 60 A 192.0.2.7',
          'test. 60 DNAME evil.',
        ]),
    ],
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      example. 60 IN DNAME other.
      www.example. 60 IN CNAME www.other.
      www.other. 60 IN A 192.0.2.7`,
  },
  {
    name: 'NXDOMAIN with the SOA above the name, and nothing else',
    scripts: [
      asked =>
        answer(asked, ['other.example. 60 A 6.6.6.6'], {
          rcode: 'NXDOMAIN',
          authority: [
            'evil. 9 SOA a. b. 1 2 3 4 5',
            'example. 60 SOA ns.example. root.example. 1 2 3 4 5',
            'example. 60 NS ns.example.',
          ],
          additional: ['ns.example. 1 A 6.6.6.6'],
        }),
    ],
    reply: text`
      NXDOMAIN rd ra
      ;; AUTHORITY
      example. 60 IN SOA ns.example. root.example. 1 2 3 4 5`,
  },
  {
    name: 'NODATA behind a CNAME',
    scripts: [
      asked =>
        answer(asked, ['www.example. 60 CNAME www.other.'], {
          authority: ['other. 60 SOA ns.other. root.other. 1 2 3 4 5'],
        }),
    ],
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      www.example. 60 IN CNAME www.other.
      ;; AUTHORITY
      other. 60 IN SOA ns.other. root.other. 1 2 3 4 5`,
  },
  {
    name: 'a referral',
    scripts: [asked => answer(asked, [], { authority: ['example. 60 NS ns.example.', 'evil. 60 NS ns.evil.'] })],
    ask: { rd: false },
    reply: text`
      NOERROR ra
      ;; AUTHORITY
      example. 60 IN NS ns.example.`,
  },
  {
    name: 'SRV and MX data',
    scripts: [asked => answer(asked, ['www.example. 60 SRV 1 2 3 a.example.', 'www.example. 60 MX 6 evil.example.'])],
    ask: { type: 'SRV' },
    reply: text`
      NOERROR rd ra
      ;; ANSWER
      www.example. 60 IN SRV 1 2 3 a.example.`,
  },
]

/** An A record whose owner is a pointer to itself. */
function brokenName(asked: Asked): Uint8Array {
  const octets = Buffer.from(answer(asked, []))
  octets[7] = 1
  const at = octets.length
  return Buffer.concat([
    octets,
    Buffer.from([0xc0 | (at >> 8), at & 255]),
    Buffer.from('000500010000003c0002', 'hex'),
    Buffer.from([0xc0 | (at >> 8), at & 255]),
  ])
}

for (const { name, scripts, block = '', to, ask = {}, reply = GOOD, asked, atLeastMs = 0, atMostMs = 1500 } of rows) {
  test(name, async () => {
    const targets = (to ?? scripts.map((_, i) => `%${i + 1}`).join(' ')).replace(
      'closed',
      `127.0.0.1:${await closedPort()}`,
    )
    await withBlock(scripts, `forward . ${targets} {\n${block}\n}`, async ({ ask: send, upstreams }) => {
      const { stream = false, ...question } = ask
      const [found, tookMs] = await timed(send('www.example', question, stream))
      equal(found, reply)
      if (asked !== undefined) {
        const seen = upstreams[0]!.asked.filter(one => one.type !== 'NS').map(one => one.transport)
        equal(seen.join(' '), asked)
      }
      ok(tookMs >= atLeastMs && tookMs <= atMostMs, `took ${tookMs} ms, expected ${atLeastMs} to ${atMostMs}`)
    })
  })
}

test.run()
