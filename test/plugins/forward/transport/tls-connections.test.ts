/** `forward` over TLS: what becomes of connections, and what upstreams do wrong. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import type { Forward } from '../../../../plugins/forward/forward.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { TYPE } from '../../../../server/wire/codes.ts'
import { nameFromText } from '../../../../server/wire/name.ts'
import { type Asked, answer, type Script } from '../../../harness/fake-upstream.ts'
import { timed, withBlock } from '../block.ts'

import { CA, errorsSeen, first, GOOD, good, nothingIsLeft, overTls, SERVFAIL, says, until } from '../encrypted.ts'

test('50 queries on eight connections, the first one answered last', () =>
  withBlock(
    [overTls(asked => [{ send: good(asked) as Uint8Array, afterMs: asked.name === 'n0.example.' ? 150 : 0 }])],
    `forward . tls://%1 {\n${CA}\n}`,
    async ({ ask, upstreams }) => {
      const order: number[] = []
      await Promise.all(Array.from({ length: 50 }, (_, i) => ask(`n${i}.example`).then(() => order.push(i))))
      equal(upstreams[0]!.connections, 8)
      equal(order.at(-1), 0)
    },
  ))

test('500 queries at once: as many connections as they need', () =>
  withBlock([overTls()], `forward . tls://%1 {\n${CA}\n}`, async ({ ask, upstreams }) => {
    const all = await Promise.all(Array.from({ length: 500 }, (_, i) => ask(`n${i}.example`)))
    equal(all.filter(one => one.includes('192.0.2.1')).length, 500)
    ok(upstreams[0]!.connections <= 8, `${upstreams[0]!.connections} connections`)
  }))

test('a connection that was closed idle costs nothing', () =>
  withBlock([overTls()], `forward . tls://%1 {\n${CA}\nmax_connect_attempts 1\n}`, async ({ ask, upstreams }) => {
    for (let i = 1; i <= 5; i++) {
      equal(await ask('www.example'), GOOD)
      upstreams[0]!.closeConnections() // the next query may well be on its way before it is seen
      equal(upstreams[0]!.connections, i)
    }
  }))

test('expire closes what is idle, max_age what is old', async () => {
  await withBlock([overTls()], `forward . tls://%1 {\n${CA}\nexpire 100ms\n}`, async ({ ask, upstreams }) => {
    equal(await ask('www.example'), GOOD)
    await until(() => upstreams[0]!.open === 0, 'expired')
  })
  const block = `${CA}\nexpire 100ms\nmax_age 300ms`
  await withBlock([overTls()], `forward . tls://%1 {\n${block}\n}`, async ({ ask, upstreams }) => {
    equal(await ask('www.example'), GOOD)
    await new Promise(r => setTimeout(r, 350))
    equal(await ask('www.example'), GOOD)
    equal(upstreams[0]!.connections, 2)
  })
})

test('max_idle_conns', () =>
  withBlock(
    [overTls(asked => [{ send: good(asked) as Uint8Array, afterMs: 100 }])],
    `forward . tls://%1 {\n${CA}\nmax_idle_conns 1\n}`,
    async ({ ask, upstreams }) => {
      await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`n${i}.example`)))
      ok(upstreams[0]!.connections >= 3)
      await until(() => upstreams[0]!.open === 1, 'one is left')
    },
  ))

const junk: { name: string; script: Script }[] = [
  { name: 'half a reply, then the end', script: asked => [{ part: full(asked), octets: 20 }, { close: true }] },
  { name: 'the end at once', script: () => ({ close: true }) },
  { name: 'another id', script: asked => answer(asked, [], { id: asked.id ^ 1 }) },
  { name: 'another question', script: asked => answer(asked, [], { question: 'other.example' }) },
  { name: 'a message of 5 octets', script: () => Buffer.from('hello') },
  { name: 'garbage', script: () => Buffer.alloc(300, 0xa5) },
  { name: 'a reply that breaks off', script: asked => full(asked).slice(0, -2) },
]
function full(asked: Asked): Uint8Array {
  return good(asked) as Uint8Array
}
for (const { name, script } of junk) {
  test(`${name}: the next upstream at once`, () =>
    withBlock(
      [overTls(script), overTls(says('192.0.2.1'))],
      `forward . tls://%1 tls://%2 {\n${CA}\npolicy sequential\nmax_fails 0\n}`,
      async ({ ask, upstreams }) => {
        const [found, tookMs] = await timed(ask('www.example'))
        equal(found, GOOD)
        ok(tookMs < 700, `took ${tookMs} ms`)
        ok(upstreams[0]!.asked.length > 0)
      },
    ))

  test(`${name}, and nobody else: SERVFAIL before the time is over`, () =>
    withBlock([overTls(script)], `forward . tls://%1 {\n${CA}\nmax_fails 0\n}`, async ({ ask }) => {
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, SERVFAIL)
      ok(tookMs < 1500, `took ${tookMs} ms`)
    }))

  test(`${name} on a connection that was good: another one`, () =>
    withBlock(
      [overTls(asked => (asked.name === 'www.example.' ? first(script)(asked) : good(asked)))],
      `forward . tls://%1 {\n${CA}\n}`,
      async ({ ask }) => {
        await ask('a.example')
        const [found, tookMs] = await timed(ask('www.example'))
        equal(found, GOOD)
        ok(tookMs < 700, `took ${tookMs} ms`)
      },
    ))
}

test('a truncated reply is passed on', () =>
  withBlock(
    [overTls(asked => answer(asked, ['www.example. 300 A 192.0.2.1'], { tc: true }))],
    `forward . tls://%1 {\n${CA}\n}`,
    async ({ ask, upstreams }) => {
      equal(await ask('www.example'), GOOD.replace('rd ra', 'tc rd ra'))
      equal(upstreams[0]!.asked.length, 1)
    },
  ))

test('a handshake that stalls: another upstream answers, and the connection is given up', async () => {
  const open = new Set<Socket>()
  let connections = 0
  const stalled = createServer(socket => {
    connections++
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => {}))
    socket.resume()
  })
  await once(stalled.listen(0, '127.0.0.1'), 'listening')
  const { port } = stalled.address() as { port: number }
  const seen = errorsSeen()
  try {
    const to = `forward . tls://127.0.0.1:${port}`
    await withBlock(
      [overTls()],
      `${to} tls://%1 {\n${CA}\npolicy sequential\nmax_fails 0\nexpire 60s\n}`,
      async ({ ask }) => {
        const [found, tookMs] = await timed(ask('www.example'))
        equal(found, GOOD)
        ok(tookMs < 2000, `took ${tookMs} ms`)
        await until(() => connections > 0 && open.size === 0, 'given up')
      },
    )
    await withBlock(
      [],
      `${to} {\n${CA}\nmax_fails 0\n}`,
      async ({ ask }) => {
        connections = 0
        const all = Promise.all(Array.from({ length: 100 }, (_, i) => ask(`n${i}.example`)))
        const [found, tookMs] = await timed(all)
        deepEqual([...new Set(found)], [SERVFAIL])
        ok(tookMs < 4800, `took ${tookMs} ms`)
        ok(connections <= 12, `${connections} connections`)
      },
      [seen.stage],
    )
    match(seen.texts[0]!, /no TLS connection within 2200ms|no answer from tls:\/\/127/)
  } finally {
    for (const socket of open) socket.destroy()
    stalled.close()
  }
})

test('plain and encrypted upstreams in one block', () =>
  withBlock(
    [says('192.0.2.1'), overTls(says('192.0.2.2'))],
    `forward . %1 tls://%2 {\n${CA}\npolicy round_robin\nprefer_udp\n}`,
    async ({ ask, upstreams }) => {
      for (let i = 0; i < 20; i++) await ask(`n${i}.example`, {}, i % 3 === 0)
      deepEqual(
        upstreams.map(one => [...new Set(one.asked.map(({ transport }) => transport))].join()),
        ['udp', 'tls'],
      )
      deepEqual(
        upstreams.map(one => one.asked.length),
        [10, 10],
      )
    },
  ))

test('health: checks go over TLS, and bring it back', async () => {
  let alive = false
  const block = `${CA}\nhealth_check 20ms\nmax_fails 1\nread_timeout 100ms\nfailfast_all_unhealthy_upstreams`
  await withBlock(
    [overTls(asked => (alive ? good(asked) : undefined))],
    `forward . tls://%1 {\n${block}\n}`,
    async ({ ask, upstreams }) => {
      for (let i = 0; i < 3; i++) equal(await ask('www.example'), SERVFAIL)
      await until(() => upstreams[0]!.log.includes('tls . NS'), 'checked')
      alive = true
      let found = ''
      for (const endMs = performance.now() + 10_000; found !== GOOD && performance.now() < endMs; ) {
        found = await ask('www.example')
        await new Promise(r => setTimeout(r, 20))
      }
      equal(found, GOOD)
      ok(upstreams[0]!.asked.every(one => one.transport === 'tls'))
    },
  )
})

test('health: an upstream that ends its connections is checked, and down', async () => {
  const seen = errorsSeen()
  const block = `${CA}\nhealth_check 20ms\nmax_fails 1\nfailfast_all_unhealthy_upstreams`
  await withBlock(
    [overTls(() => ({ close: true }))],
    `forward . tls://%1 {\n${block}\n}`,
    async ({ ask, upstreams }) => {
      equal(await ask('www.example'), SERVFAIL)
      await until(() => upstreams[0]!.log.includes('tls . NS'), 'checked')
      for (let i = 0; i < 100 && seen.texts.at(-1) !== 'no healthy upstream'; i++) await ask(`n${i}.example`)
      equal(seen.texts.at(-1), 'no healthy upstream')
    },
    [seen.stage],
  )
})

test('a question of our own, for `loop`', () =>
  withBlock([overTls()], `forward . tls://%1 {\n${CA}\n}`, async ({ stages, upstreams }) => {
    const forward = stages[0] as unknown as Forward
    const { address, from } = forward.upstreams()[0]!
    equal(await forward.inquire(address, from, nameFromText('a.test'), TYPE.HINFO), true)
    deepEqual(upstreams[0]!.log, ['tls a.test. HINFO'])
    equal(forward.disable(address, from, 'a loop'), true)
    equal(forward.upstreams()[0]!.disabled, 'a loop')
  }))

test('metrics: proto is tcp-tls, `to` the address as in CoreDNS', () =>
  withBlock([overTls()], `forward . tls://%1 {\n${CA}\n}`, async ({ ask, upstreams }) => {
    for (let i = 0; i < 3; i++) await ask(`n${i}.example`)
    const to = upstreams[0]!.address
    const value = (name: string, ...labels: string[]) => {
      const child = families.get(name)!.children.get(['forward', to, ...labels].join('\0'))
      return child && cells[child.cell]
    }
    equal(value('coredns_proxy_conn_cache_misses_total', 'tcp-tls'), 1)
    equal(value('coredns_proxy_conn_cache_hits_total', 'tcp-tls'), 2)
    equal(value('coredns_proxy_conn_cache_hits_total', 'udp'), undefined)
    ok(value('coredns_proxy_request_duration_seconds', 'NOERROR') !== undefined)
  }))

test('stop closes what is idle, and lets what is in flight have its answer', () =>
  withBlock(
    [overTls(asked => [{ send: good(asked) as Uint8Array, afterMs: 100 }])],
    `forward . tls://%1 {\n${CA}\n}`,
    async ({ ask, stages, upstreams }) => {
      await ask('a.example')
      const last = ask('www.example')
      await until(() => upstreams[0]!.asked.length === 2, 'asked')
      await stages[0]!.stop!()
      equal(await last, GOOD)
      await until(() => upstreams[0]!.open === 0, 'closed')
    },
  ))

test('nothing is left: no deadline, no socket', nothingIsLeft)

test.run()
