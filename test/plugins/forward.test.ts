/** `forward`: which questions go where, what they look like there, and what bounds them. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import { plugin } from '../../plugins/forward/forward.ts'
import { cells, counter, families } from '../../server/metrics.ts'
import type { Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { lookup } from '../../server/serve.ts'
import { deadlines } from '../../server/wheel.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { answer, closedPort, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { query, readReply, text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'
import { withBlock } from './forward/block.ts'

const says =
  (address: string): Script =>
  asked =>
    answer(asked, [`${asked.name} 300 A ${address}`])
const fails =
  (rcode: string): Script =>
  asked =>
    answer(asked, [], { rcode })
const silent: Script = () => undefined
const next: Stage = { handle: q => reply.empty(q, 3) }
const ofUs = (address: string) => text`
  NOERROR rd ra
  ;; ANSWER
  www.example. 300 IN A ${address}`

const matching = [
  { name: 'FROM itself', from: 'example', ask: 'example', asked: true },
  { name: 'below FROM', from: 'example', ask: 'a.b.EXAMPLE', asked: true },
  { name: 'beside FROM', from: 'example', ask: 'notexample', asked: false },
  { name: 'above FROM', from: 'www.example', ask: 'example', asked: false },
  { name: 'excepted', from: '.', except: 'corp.example local', ask: 'x.corp.example', asked: false },
  { name: 'the excepted name itself', from: '.', except: 'corp.example', ask: 'corp.example', asked: false },
  { name: 'not excepted', from: '.', except: 'corp.example', ask: 'example', asked: true },
  { name: 'FROM cannot be excepted', from: 'example', except: 'example', ask: 'example', asked: true },
  { name: 'but what is below can', from: 'example', except: 'example', ask: 'www.example', asked: false },
  { name: 'a reverse zone', from: '10.0.0.0/8', ask: '1.2.3.10.in-addr.arpa', asked: true },
  { name: 'another reverse zone', from: '10.0.0.0/8', ask: '1.2.3.11.in-addr.arpa', asked: false },
]
for (const { name, from, except, ask: qname, asked } of matching) {
  test(`names: ${name}`, () =>
    withBlock(
      [says('192.0.2.1')],
      `forward ${from} %1 {\n${except ? `except ${except}` : ''}\n}`,
      async ({ ask, upstreams }) => {
        const found = await ask(qname)
        equal(upstreams[0]!.asked.length, asked ? 1 : 0)
        equal(found.split(' ')[0], asked ? 'NOERROR' : 'NXDOMAIN')
      },
      [next],
    ))
}

test('several lines are tried in Corefile order', () =>
  withBlock(
    [says('192.0.2.1'), says('192.0.2.2'), says('192.0.2.3')],
    'forward a.example %1\nforward example %2\nforward a.example %3',
    async ({ send, upstreams }) => {
      await send(query('x.a.example'))
      await send(query('x.b.example'))
      deepEqual(
        upstreams.map(one => one.log),
        [['udp x.a.example. A'], ['udp x.b.example. A'], []],
      )
    },
  ))

for (const { name, block, first, follows } of [
  { name: 'next NXDOMAIN', block: 'next NXDOMAIN', first: fails('NXDOMAIN'), follows: true },
  { name: 'next of another rcode', block: 'next REFUSED SERVFAIL', first: fails('NXDOMAIN'), follows: false },
  { name: 'next_on_nodata', block: 'next_on_nodata', first: fails('NOERROR'), follows: true },
  { name: 'no next_on_nodata', block: '', first: fails('NOERROR'), follows: false },
]) {
  test(`the next forward: ${name}`, () =>
    withBlock([first, says('192.0.2.2')], `forward . %1 {\n${block}\n}\nforward . %2`, async ({ ask, upstreams }) => {
      const found = await ask('www.example')
      equal(found === ofUs('192.0.2.2'), follows)
      equal(upstreams[1]!.asked.length, follows ? 1 : 0)
    }))
}

test('next without another forward: the answer stands', () =>
  withBlock([fails('NXDOMAIN')], 'forward . %1 {\nnext NXDOMAIN\n}', async ({ ask }) =>
    equal(await ask('www.example'), 'NXDOMAIN rd ra'),
  ))

test('policies', async () => {
  const counts = async (policy: string) => {
    let asked: number[] = []
    await withBlock(
      [says('1.1.1.1'), says('2.2.2.2'), says('3.3.3.3')],
      `forward . %1 %2 %3 {\npolicy ${policy}\n}`,
      async ({ ask, upstreams }) => {
        for (let i = 0; i < 60; i++) await ask(`n${i}.example`)
        asked = upstreams.map(one => one.asked.length)
      },
    )
    return asked
  }
  deepEqual(await counts('round_robin'), [20, 20, 20])
  deepEqual(await counts('sequential'), [60, 0, 0])
  const random = await counts('random')
  for (const count of random) ok(count > 3 && count < 50, `random: ${random}`)
})

test('the query upstream is our own: no options, flags or EDNS of the client but RD, CD and DO', () =>
  withBlock([says('192.0.2.1')], 'forward . %1', async ({ send, upstreams }) => {
    const withCookie = Buffer.from(query('WWW.Example', { edns: 4096, dnssecOk: true, cd: true, ad: true }))
    withCookie.writeUInt16BE(12, withCookie.length - 2)
    await send(Buffer.concat([withCookie, Buffer.from('000a00080102030405060708', 'hex')]))
    await send(query('plain.example', { rd: false }))
    const seen = upstreams[0]!.asked.map(({ name, rd, cd, ad, edns, dnssecOk, options }) => ({
      name,
      rd,
      cd,
      ad,
      edns,
      dnssecOk,
      options,
    }))
    deepEqual(seen, [
      { name: 'www.example.', rd: true, cd: true, ad: false, edns: 1232, dnssecOk: true, options: [] },
      { name: 'plain.example.', rd: false, cd: false, ad: false, edns: 1232, dnssecOk: false, options: [] },
    ])
  }))

test('the client’s spelling comes back, the upstream’s OPT does not', () =>
  withBlock(
    [asked => answer(asked, ['www.example. 9 A 192.0.2.1'], { edns: true })],
    'forward . %1',
    async ({ send }) => {
      const found = readReply(await send(query('wWw.eXample')))
      equal(found.questions![0]!.name, 'wWw.eXample')
      equal(found.answers![0]!.name, 'wWw.eXample')
      equal(found.additionals!.length, 0)
    },
  ))

test('questions that differ share no query: DO, CD, RD, type; the transport makes no difference', () =>
  withBlock([asked => [{ send: answer(asked, []), afterMs: 50 }]], 'forward . %1', async ({ send, upstreams }) => {
    const asks = [{}, { edns: 1232, dnssecOk: true }, { cd: true }, { rd: false }, { type: 'AAAA' }]
    await Promise.all([...asks.map(one => send(query('www.example', one))), send(query('www.example'), true)])
    equal(upstreams[0]!.asked.length, 5)
  }))

test('#38 max_concurrent: REFUSED beyond it, counted, and the limit frees itself', () =>
  withBlock([silent], 'forward . %1 {\nmax_concurrent 5\nread_timeout 100ms\n}', async ({ ask }) => {
    const cell = counter(
      'coredns_forward_max_concurrent_rejects_total',
      'Queries refused because max_concurrent was reached.',
    )()
    const before = cells[cell]!
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(`n${i}.example`)))
    deepEqual(all.map(one => one.split(' ')[0]).sort(), [...Array(3).fill('REFUSED'), ...Array(5).fill('SERVFAIL')])
    equal(cells[cell]! - before, 3)
    equal(await ask('again.example'), 'SERVFAIL rd ra')
  }))

test('#19 silence: EDE 22; refused: EDE 23', async () => {
  const codes = async (to: string, block: string) => {
    let code = -1
    await withBlock([silent], `forward . ${to} {\n${block}\n}`, async ({ send }) => {
      const found = readReply(await send(query('www.example', { edns: 1232 })))
      const opt = found.additionals![0] as unknown as { options: { code: number; data: Buffer }[] }
      equal(opt.options[0]!.code, 15)
      code = opt.options[0]!.data.readUInt16BE(0)
    })
    return code
  }
  equal(await codes('%1', 'read_timeout 50ms'), 22)
  equal(await codes(`127.0.0.1:${await closedPort()}`, ''), 23)
})

test('health: down after max_fails, all down is counted, failfast refuses to try, an answer brings it back', async () => {
  let alive = false
  const cell = counter('coredns_forward_healthcheck_broken_total', 'Queries for which all upstreams were down.')()
  const script: Script = asked => (alive ? says('192.0.2.1')(asked) : undefined)
  const block =
    'health_check 20ms no_rec domain health.example\nmax_fails 1\nread_timeout 50ms\nfailfast_all_unhealthy_upstreams'
  await withBlock([script], `forward . %1 {\n${block}\n}`, async ({ ask, upstreams }) => {
    const before = cells[cell]!
    equal(await ask('www.example'), 'SERVFAIL rd ra')
    equal(await ask('again.example'), 'SERVFAIL rd ra')
    await ask('fast.example')
    ok(cells[cell]! > before)
    ok(!upstreams[0]!.asked.some(one => one.name === 'fast.example.'))
    const check = upstreams[0]!.asked.find(one => one.type === 'NS')!
    deepEqual([check.name, check.rd, check.edns], ['health.example.', false, undefined])
    alive = true
    for (const endMs = performance.now() + 5000; performance.now() < endMs; await new Promise(r => setTimeout(r, 20))) {
      if ((await ask('www.example')) === ofUs('192.0.2.1')) return
    }
    throw new Error('still down after 5 s')
  })
})

test('max_fails 0: never down, never checked', () =>
  withBlock([silent], 'forward . %1 {\nmax_fails 0\nread_timeout 30ms\n}', async ({ ask, upstreams }) => {
    for (let i = 0; i < 5; i++) await ask(`n${i}.example`)
    equal(upstreams[0]!.asked.length, 10)
    ok(upstreams[0]!.asked.every(one => one.type === 'A'))
  }))

test('TCP: a few connections, many queries on each, answered in any order; one that was closed idle costs nothing', () =>
  withBlock(
    [asked => [{ send: says('192.0.2.1')(asked) as Uint8Array, afterMs: asked.name.startsWith('n0') ? 60 : 0 }]],
    'forward . %1 {\nforce_tcp\n}',
    async ({ ask, upstreams }) => {
      const up = upstreams[0]!
      await ask('first.example')
      await ask('second.example')
      equal(up.connections, 1)
      await Promise.all([ask('a.example'), ask('aaaa.example', { type: 'AAAA' })])
      equal(up.connections, 2, 'an address pair does not wait for each other (Nagle)')
      await Promise.all(Array.from({ length: 40 }, (_, i) => ask(`n${i}.example`)))
      equal(up.connections, 8)
      up.closeConnections()
      equal(await ask('www.example'), ofUs('192.0.2.1'))
      ok(up.connections <= 9)
    },
  ))

test('source_address', () =>
  withBlock([says('192.0.2.1')], 'forward . %1 {\nsource_address 127.0.0.3\n}', async ({ ask }) =>
    equal(await ask('www.example'), ofUs('192.0.2.1')),
  ))

test('IPv6 upstreams do not stop IPv4 ones', () =>
  withBlock([says('192.0.2.1')], 'forward . [::1]:1 %1 {\npolicy sequential\n}', async ({ ask }) =>
    equal(await ask('www.example'), ofUs('192.0.2.1')),
  ))

test('a look-up of our own gets a whole answer: UDP, then TCP', () =>
  withBlock(
    [
      asked =>
        answer(asked, asked.transport === 'udp' ? [] : [`${asked.name} 9 A 192.0.2.9`], {
          tc: asked.transport === 'udp',
        }),
    ],
    'forward inner %1',
    async ({ ask, upstreams }) => {
      equal(
        await ask('www.example'),
        text`
      NOERROR rd ra
      ;; ANSWER
      www.inner. 9 IN A 192.0.2.9`,
      )
      deepEqual(upstreams[0]!.log, ['udp www.inner. A', 'tcp www.inner. A'])
    },
    [
      {
        handle: async q => {
          const inner = await lookup(q, nameFromText('www.inner'), 1)
          const a = reply.empty(q, inner.rcode)
          for (let i = 0; i < inner.answer.count; i++) {
            a.answer.addFrom(inner.answer, i)
            a.answer.owner[i] = nameFromText('www.inner')
            a.answer.ownerAt[i] = 0
          }
          return a
        },
      },
    ],
  ))

test('upstreams from a file, which may change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forward-'))
  const up = await fakeUpstream(says('192.0.2.1'))
  try {
    writeFileSync(join(folder, 'resolv.conf'), '# comment\nnameserver 127.0.0.1\nnameserver ::1\nsearch example\n')
    const chain = chainOf([plugin], `forward . resolv.conf dns://${up.address} 127.0.0.1`, [], '.', { folder })
    const stage = chain.stages[0] as unknown as { upstreams(): { address: string }[] }
    deepEqual(
      stage.upstreams().map(one => one.address),
      ['127.0.0.1:53', '[::1]:53', up.address],
    )
  } finally {
    rmSync(folder, { recursive: true })
    await up.close()
  }
})

test('an upstream by host name, through `resolver`', async () => {
  const names = await fakeUpstream(asked => answer(asked, asked.type === 'A' ? [`${asked.name} 60 A 127.0.0.1`] : []))
  const up = await fakeUpstream(says('192.0.2.1'))
  const awake = setInterval(() => {}, 1 << 30)
  const chain = chainOf([plugin], `forward . dns.corp.example:${up.port} {\nresolver ${names.address}\n}`)
  try {
    equal(await chain.ask('www.example'), 'SERVFAIL rd ra')
    await chain.stages[0]!.start!(undefined)
    equal(await chain.ask('www.example'), ofUs('192.0.2.1'))
    deepEqual(names.log.sort(), ['udp dns.corp.example. A', 'udp dns.corp.example. AAAA'])
  } finally {
    clearInterval(awake)
    await chain.stages[0]!.stop!()
    await names.close()
    await up.close()
  }
})

test('a host name that does not resolve fails the start, and is named', async () => {
  const names = await fakeUpstream(fails('NXDOMAIN'))
  const awake = setInterval(() => {}, 1 << 30)
  try {
    const chain = chainOf([plugin], `forward . dns.corp.example {\nresolver ${names.address}\n}`)
    await chain.stages[0]!.start!(undefined)
    throw new Error('it started')
  } catch (error) {
    match(String(error), /cannot resolve upstream "dns\.corp\.example" through 127\.0\.0\.1:\d+/)
  } finally {
    clearInterval(awake)
    await names.close()
  }
})

test('stop: what is in flight still gets its answer', () =>
  withBlock(
    [asked => [{ send: says('192.0.2.1')(asked) as Uint8Array, afterMs: 100 }]],
    'forward . %1',
    async ({ ask, stages }) => {
      const answers = Promise.all([ask('www.example'), ask('www.example', {}, true)])
      await new Promise(r => setTimeout(r, 20))
      await stages[0]!.stop!()
      deepEqual(await answers, [ofUs('192.0.2.1'), ofUs('192.0.2.1')])
    },
  ))

test('RA: only with FROM `.`', () => {
  equal(chainOf([plugin], 'forward . 192.0.2.1').stages[0]!.recursive, true)
  equal(chainOf([plugin], 'forward example 192.0.2.1\nforward . 192.0.2.1').stages[0]!.recursive, true)
  equal(chainOf([plugin], 'forward example 192.0.2.1').stages[0]!.recursive, false)
})

test('metrics: durations by rcode, sockets opened and used again, messages that were no reply', () =>
  withBlock(
    [asked => [answer(asked, [], { id: asked.id ^ 1 }), says('192.0.2.1')(asked) as Uint8Array]],
    'forward . %1',
    async ({ ask, upstreams }) => {
      await ask('www.example')
      await ask('www.example', {}, true)
      const to = upstreams[0]!.address
      const value = (name: string, ...labels: string[]) =>
        cells[families.get(name)!.children.get(labels.join('\0'))!.cell]
      equal(value('coredns_proxy_conn_cache_misses_total', 'forward', to, 'udp'), 1)
      equal(value('coredns_proxy_conn_cache_misses_total', 'forward', to, 'tcp'), 1)
      equal(value('coredns_proxy_conn_cache_hits_total', 'forward', to, 'udp'), 0)
      equal(value('sextant_forward_discarded_total', to), 2)
      ok(families.get('coredns_proxy_request_duration_seconds')!.children.has(['forward', to, 'NOERROR'].join('\0')))
      equal(value('coredns_proxy_healthcheck_failures_total', 'forward', to), 0)
    },
  ))

test('nothing is left waiting', async () => {
  for (const endMs = performance.now() + 8000; deadlines() > 0 && performance.now() < endMs; )
    await new Promise(r => setTimeout(r, 50))
  equal(deadlines(), 0)
})

test.run()
