/** `forward` over HTTPS: how many connections there are, and what becomes of queries when one ends. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { fakeHttps, type HttpAsked, type HttpResponse, type HttpScript, respond } from '../../../harness/fake-https.ts'
import { answer } from '../../../harness/fake-upstream.ts'
import { timed } from '../block.ts'
import { GOOD, nothingIsLeft, SERVFAIL, until, withHttps } from '../encrypted.ts'

const good: HttpScript = (asked, response) => respond(response, answer(asked, [`${asked.name} 300 A 192.0.2.1`]))
const slow =
  (afterMs: number): HttpScript =>
  (asked, response) =>
    void setTimeout(good, afterMs, asked, response)
const VERSIONS = ['h2', 'h1'] as const
const many = (count: number, ask: (name: string) => Promise<string>) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(`n${i}.example`)))
const answered = (all: readonly string[]) => all.filter(one => one.includes('192.0.2.1')).length

test('h2: 80 queries on one connection, the first one answered last', async () => {
  const up = await fakeHttps((asked, response) => slow(asked.name === 'n0.example.' ? 200 : 20)(asked, response))
  await withHttps([up], '', async ({ ask }) => {
    const order: string[] = []
    const all = await many(80, async name => {
      const found = await ask(name)
      order.push(name)
      return found
    })
    equal(answered(all), 80)
    deepEqual([up.handshakes.length, order.at(-1)], [1, 'n0.example'])
  })
})

test('h2: more queries than streams: more connections, and never more streams than the upstream allows', async () => {
  const streams = new Map<object, number>()
  let most = 0
  const count = (response: HttpResponse, by: number) => {
    const { session } = response.stream!
    streams.set(session!, (streams.get(session!) ?? 0) + by)
    most = Math.max(most, streams.get(session!)!)
  }
  const script: HttpScript = (asked, response) => {
    count(response, 1)
    setTimeout(() => {
      count(response, -1)
      good(asked, response)
    }, 30)
  }
  const up = await fakeHttps(script, 'h2', { settings: { maxConcurrentStreams: 10 } })
  await withHttps([up], '', async ({ ask }) => {
    await ask('first.example')
    equal(answered(await many(100, ask)), 100)
    ok(up.handshakes.length >= 5 && up.handshakes.length <= 32, `${up.handshakes.length} connections`)
    ok(most <= 10, `${most} streams`)
  })
})

test('h1: one query at a time on each connection, and connections are used again', async () => {
  const up = await fakeHttps(slow(5), 'h1')
  await withHttps([up], '', async ({ ask }) => {
    for (let i = 0; i < 10; i++) equal(answered([await ask(`n${i}.example`)]), 1)
    equal(up.handshakes.length, 1)
    equal(answered(await many(100, ask)), 100)
    ok(up.handshakes.length > 1 && up.handshakes.length <= 32, `${up.handshakes.length} connections`)
  })
})

test('h1: a hundred queries before it is known what the upstream speaks', async () => {
  const up = await fakeHttps(slow(5), 'h1')
  await withHttps([up], '', async ({ ask }) => {
    equal(answered(await many(100, ask)), 100)
    equal(up.asked.length, 100)
    ok(up.handshakes.length > 1 && up.handshakes.length <= 33, `${up.handshakes.length} connections`)
  })
})

for (const version of VERSIONS) {
  test(`${version}: a connection that was closed idle costs nothing, and the next one resumes its session`, async () => {
    const up = await fakeHttps(good, version)
    await withHttps([up], 'max_connect_attempts 1', async ({ ask }) => {
      for (let i = 0; i < 4; i++) {
        equal(await ask('www.example'), GOOD)
        up.closeConnections() // the next query may well be on its way before it is seen
      }
      deepEqual(
        up.handshakes.map(one => one.resumed),
        [false, true, true, true],
      )
    })
  })

  test(`${version}: a connection that ends while it is asked: another one`, async () => {
    const up = await fakeHttps((asked, response) => {
      if (asked.name === 'www.example.' && asked.nth === 0) up.closeConnections()
      else good(asked, response)
    }, version)
    await withHttps([up], 'max_connect_attempts 1', async ({ ask }) => {
      await ask('a.example')
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, GOOD)
      ok(tookMs < 700, `took ${tookMs} ms`)
      deepEqual([up.handshakes.length, up.asked.length], [2, 3])
    })
  })

  test(`${version}: one that always ends: SERVFAIL, and no end of tries`, async () => {
    const up = await fakeHttps(() => up.closeConnections(), version)
    await withHttps([up], 'max_fails 0', async ({ ask }) => {
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, SERVFAIL)
      ok(tookMs < 1500, `took ${tookMs} ms`)
      ok(up.asked.length <= 3, `asked ${up.asked.length} times`)
    })
  })

  test(`${version}: expire closes what is idle`, async () => {
    const up = await fakeHttps(good, version)
    await withHttps([up], 'expire 100ms', async ({ ask }) => {
      equal(await ask('www.example'), GOOD)
      await until(() => up.open === 0, 'expired')
    })
  })

  test(`${version}: stop closes what is idle, and lets what is in flight have its answer`, async () => {
    const up = await fakeHttps(slow(100), version)
    await withHttps([up], '', async ({ ask, stages }) => {
      await ask('a.example')
      const last = ask('www.example')
      await until(() => up.asked.length === 2, 'asked')
      await stages[0]!.stop!()
      equal(await last, GOOD)
      await until(() => up.open === 0, 'closed')
    })
  })
}

const resets: { name: string; act: (response: HttpResponse) => void }[] = [
  { name: 'REFUSED_STREAM', act: ({ stream }) => stream!.close(7) },
  { name: 'CANCEL', act: ({ stream }) => stream!.close(8) },
  { name: 'INTERNAL_ERROR', act: ({ stream }) => stream!.close(2) },
  { name: 'NO_ERROR without response', act: ({ stream }) => stream!.close(0) },
  { name: 'GOAWAY with an error', act: ({ stream }) => stream!.session!.destroy(undefined, 2) },
]
for (const { name, act } of resets) {
  test(`h2: ${name}: once more on another connection`, async () => {
    const isFirst = (asked: HttpAsked) => asked.name === 'www.example.' && asked.nth === 0
    const up = await fakeHttps((asked, response) => (isFirst(asked) ? act(response) : good(asked, response)))
    await withHttps([up], 'max_connect_attempts 1', async ({ ask }) => {
      await ask('a.example')
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, GOOD)
      ok(tookMs < 700, `took ${tookMs} ms`)
      deepEqual([up.handshakes.length, up.asked.length], [2, 3])
    })
  })
}

test('h2: GOAWAY: what is under way is answered, what follows goes over another connection', async () => {
  const up = await fakeHttps((asked, response) => {
    if (asked.name === 'slow.example.') up.goAway()
    slow(asked.name === 'slow.example.' ? 200 : 0)(asked, response)
  })
  await withHttps([up], 'max_connect_attempts 1', async ({ ask }) => {
    const first = ask('slow.example')
    await until(() => up.asked.length === 1, 'asked')
    await new Promise(r => setTimeout(r, 50))
    equal(await ask('www.example'), GOOD)
    equal(answered([await first]), 1)
    deepEqual([up.handshakes.length, up.asked.length], [2, 2])
    await until(() => up.open === 1, 'the first is closed')
  })
})

test('h2: a response that is no reply: its connection takes no more, and ends when the others are done', async () => {
  const up = await fakeHttps((asked, response) => {
    if (asked.name === 'junk.example.') respond(response, Buffer.alloc(100))
    else slow(asked.name === 'slow.example.' ? 300 : 0)(asked, response)
  })
  await withHttps([up], 'max_connect_attempts 1\nmax_fails 0', async ({ ask }) => {
    const first = ask('slow.example')
    equal(await ask('junk.example'), SERVFAIL)
    equal(await ask('www.example'), GOOD)
    equal(answered([await first]), 1)
    equal(up.handshakes.length, 2)
    await until(() => up.open === 1, 'the first is closed')
  })
})

test('an upstream that never answers keeps no streams', async () => {
  for (const version of VERSIONS) {
    const open = new Set<HttpResponse>()
    const up = await fakeHttps((_, response) => {
      open.add(response)
      response.on('close', () => open.delete(response))
    }, version)
    await withHttps([up], 'read_timeout 100ms\nmax_connect_attempts 1\nmax_fails 0\nexpire 60s', async ({ ask }) => {
      deepEqual([...new Set(await many(20, ask))], [SERVFAIL])
      ok(open.size > 0)
      await until(() => open.size === 0, 'given up')
    })
  }
})

test('nothing is left: no deadline, no socket', nothingIsLeft)

test.run()
