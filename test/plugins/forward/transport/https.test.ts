/** `forward` over HTTPS: what is sent, over which version of HTTP, and what a response must be. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'uvu'
import type { Forward } from '../../../../plugins/forward/forward.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { TYPE } from '../../../../server/wire/codes.ts'
import { nameFromText } from '../../../../server/wire/name.ts'
import { fakeHttps, type HttpAsked, type HttpResponse, type HttpScript, respond } from '../../../harness/fake-https.ts'
import { answer } from '../../../harness/fake-upstream.ts'
import { query, text } from '../../../harness/message.ts'
import { certified, MUTUAL, tlsFolder } from '../../../harness/tls.ts'
import { timed, withBlock } from '../block.ts'
import { CA, errorsSeen, GOOD, nothingIsLeft, OURS, overTls, SERVFAIL, until, withHttps } from '../encrypted.ts'

const messageFor = (asked: HttpAsked, address = '192.0.2.1') => answer(asked, [`${asked.name} 300 A ${address}`])
const good: HttpScript = (asked, response) => respond(response, messageFor(asked))
const MEDIA = { 'content-type': 'application/dns-message' }
const VERSIONS = ['h2', 'h1'] as const

for (const version of VERSIONS) {
  for (const method of ['POST', 'GET']) {
    test(`${version} ${method}: id 0, padded, the media type, nothing that says who asks`, async () => {
      const up = await fakeHttps(good, version)
      await withHttps([up], method === 'GET' ? 'doh_method GET' : '', async ({ ask, send }) => {
        equal(await ask('www.example'), GOOD)
        await send(query('WWW.Example', { edns: 4096, dnssecOk: true, cd: true }), true)
        const [plain, fancy] = up.asked
        deepEqual([plain!.transport, plain!.method, plain!.path], [version, method, '/dns-query'])
        deepEqual([plain!.id, plain!.options, plain!.octets.length % 128], [0, [12], 0])
        deepEqual([fancy!.id, fancy!.dnssecOk, fancy!.cd, fancy!.name], [0, true, true, 'www.example.'])
        const { connection: _, ...headers } = plain!.headers
        const length = String(plain!.octets.length)
        deepEqual(headers, {
          accept: 'application/dns-message',
          host: up.address,
          ...(method === 'POST' && { 'content-type': 'application/dns-message', 'content-length': length }),
        })
        deepEqual(
          up.handshakes.map(({ servername, resumed }) => [servername, resumed]),
          [[false, false]],
        )
      })
    })
  }
}

for (const { name, to = 'https://127.0.0.1:PORT', block = '', sni, host } of [
  { name: 'tls_servername', block: 'tls_servername api.test', sni: 'api.test', host: 'api.test:PORT' },
  { name: '%name', to: 'https://127.0.0.1%localhost:PORT', sni: 'localhost', host: 'localhost:PORT' },
]) {
  for (const version of VERSIONS) {
    test(`${version}: ${name} is SNI and host`, async () => {
      const up = await fakeHttps(good, version)
      const fill = (form: string) => form.replace('PORT', String(up.port))
      const run: Parameters<typeof withBlock>[2] = async ({ ask }) => {
        equal(await ask('www.example'), GOOD)
        equal(up.handshakes[0]!.servername, sni)
        equal(up.asked[0]!.headers.host, fill(host))
      }
      await withHttps([up], block, run, [], fill(to))
    })
  }
}

test('a certificate of ours', async () => {
  const up = await fakeHttps(good, 'h2', MUTUAL)
  try {
    await withBlock([], `forward . https://${up.address} {\n${OURS}\n}`, async ({ ask }) => {
      equal(await ask('www.example'), GOOD)
      equal(up.handshakes[0]!.client, 'client')
    })
  } finally {
    await up.close()
  }
})

for (const { name, server, block } of [
  { name: 'another name', server: {}, block: `${CA}\ntls_servername other.test` },
  { name: 'an unknown CA', server: {}, block: `tls ${tlsFolder}/other-ca.crt` },
  { name: 'a certificate of yesterday', server: certified('expired'), block: `tls ${tlsFolder}/expired.crt` },
]) {
  test(`refused: ${name}`, async () => {
    const up = await fakeHttps(good, 'h2', server)
    const seen = errorsSeen()
    const body = `forward . https://${up.address} {\n${block}\n}`
    try {
      await withBlock([], body, async ({ ask }) => equal(await ask('www.example'), SERVFAIL), [seen.stage])
      match(seen.texts[0]!, /^https:\/\/127\.0\.0\.1.*: its certificate is not accepted for "/)
      deepEqual(up.asked, [])
    } finally {
      await up.close()
    }
  })
}

const wrong: { name: string; says: RegExp; script: HttpScript; retried?: boolean }[] = [
  {
    name: 'status 404',
    says: /HTTP status 404, expected 200/,
    script: (asked, response) => respond(response, messageFor(asked), MEDIA, 404),
  },
  {
    name: 'a redirect',
    says: /HTTP status 302/,
    script: (_, response) => respond(response, Buffer.alloc(0), { location: '/elsewhere' }, 302),
  },
  {
    name: 'another content type',
    says: /content type "text\/html; charset=utf-8", expected application\/dns-message/,
    script: (asked, response) => respond(response, messageFor(asked), { 'content-type': 'text/html; charset=utf-8' }),
  },
  {
    name: 'no content type',
    says: /content type "", expected/,
    script: (asked, response) => respond(response, messageFor(asked), {}),
  },
  {
    name: 'a body that is announced too long',
    says: /body of 4000000000 octets or more, expected at most 65535/,
    script: (_, response) => {
      response.writeHead(200, { ...MEDIA, 'content-length': '4000000000' })
      response.write('x')
    },
  },
  {
    name: 'a body that grows too long',
    says: /body of \d+ octets or more, expected at most 65535/,
    script: (_, response) => {
      response.writeHead(200, MEDIA)
      response.end(Buffer.alloc(65_536))
    },
  },
  {
    name: 'a body that breaks off',
    says: /./,
    script: (asked, response) => {
      response.writeHead(200, { ...MEDIA, 'content-length': '500' })
      response.write(messageFor(asked), () => breakOff(response))
    },
  },
  { name: 'an empty body', says: /no reply/, script: (_, response) => respond(response, Buffer.alloc(0)) },
  { name: 'garbage', says: /no reply/, script: (_, response) => respond(response, Buffer.alloc(200, 0xa5)) },
  {
    name: 'another id',
    says: /no reply/,
    script: (asked, response) => respond(response, answer(asked, [], { id: 7 })),
  },
  {
    name: 'another question',
    says: /no reply/,
    script: (asked, response) => respond(response, answer(asked, [], { question: 'other.example' })),
  },
  {
    name: 'a message that breaks off',
    says: /broken message/,
    script: (asked, response) => respond(response, messageFor(asked).slice(0, -2)),
  },
]
function breakOff(response: HttpResponse): void {
  if (response.stream !== undefined) response.stream.close(0)
  else response.destroy()
}
for (const version of VERSIONS) {
  for (const { name, says, script } of wrong) {
    test(`${version}: ${name}: the next upstream at once; alone, SERVFAIL with the reason`, async () => {
      const ups = [await fakeHttps(script, version), await fakeHttps(good, version)]
      await withHttps(ups, 'policy sequential\nmax_fails 0', async ({ ask }) => {
        const [found, tookMs] = await timed(ask('www.example'))
        equal(found, GOOD)
        ok(tookMs < 700, `took ${tookMs} ms`)
        equal(ups[0]!.asked.length, 1)
      })
      const up = await fakeHttps(script, version)
      const seen = errorsSeen()
      const alone = 'max_fails 0\nmax_connect_attempts 1'
      await withHttps([up], alone, async ({ ask }) => equal(await ask('www.example'), SERVFAIL), [seen.stage])
      match(seen.texts[0]!, says)
      deepEqual([...new Set(up.asked.map(one => one.path))], ['/dns-query'])
    })
  }
}

test('the largest reply that there can be', async () => {
  const up = await fakeHttps((asked, response) => {
    const records = Array.from({ length: 4000 }, (_, i) => `www.example. 60 A 10.0.${i >> 8}.${i & 255}`)
    const full = Buffer.from(answer(asked, records))
    ok(full.length > 65_535)
    const fit = Math.floor((65_535 - 29) / 27)
    full.writeUInt16BE(fit, 6)
    respond(response, full.subarray(0, 29 + fit * 27))
  })
  await withHttps([up], '', async ({ ask }) => {
    const found = await ask('www.example', {}, true)
    match(found, /^NOERROR (tc )?rd ra/)
    ok(found.split('\n').length > 1000)
  })
})

test('what a response has spent in caches of HTTP is taken off its TTLs (RFC 8484 §5.1)', async () => {
  const up = await fakeHttps((asked, response) =>
    respond(response, answer(asked, ['www.example. 300 A 192.0.2.1', 'www.example. 30 A 192.0.2.2'], { edns: true }), {
      ...MEDIA,
      age: '50',
    }),
  )
  await withHttps([up], 'doh_method GET', async ({ ask }) =>
    equal(
      await ask('www.example'),
      text`
        NOERROR rd ra
        ;; ANSWER
        www.example. 250 IN A 192.0.2.1
        www.example. 0 IN A 192.0.2.2`,
    ),
  )
})

test('a body that trickles: another upstream answers, and alone it is SERVFAIL in time', async () => {
  const trickle: HttpScript = (asked, response) => {
    response.writeHead(200, MEDIA)
    const message = messageFor(asked)
    let at = 0
    const timer = setInterval(() => {
      if (at < message.length - 1) response.write(message.subarray(at, ++at))
    }, 100)
    response.on('close', () => clearInterval(timer))
  }
  for (const version of VERSIONS) {
    const ups = [await fakeHttps(trickle, version), await fakeHttps(good, version)]
    await withHttps(ups, 'policy sequential\nmax_fails 0', async ({ ask }) => {
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, GOOD)
      ok(tookMs < 2000, `took ${tookMs} ms`)
    })
    await withHttps([await fakeHttps(trickle, version)], 'max_fails 0', async ({ ask }) => {
      const [found, tookMs] = await timed(ask('www.example'))
      equal(found, SERVFAIL)
      ok(tookMs < 4800, `took ${tookMs} ms`)
    })
  }
})

test('plain, TLS and HTTPS upstreams in one block', async () => {
  const up = await fakeHttps(good)
  try {
    await withBlock(
      [asked => answer(asked, []), overTls()],
      `forward . %1 tls://%2 https://${up.address} {\n${CA}\npolicy round_robin\nforce_tcp\n}`,
      async ({ ask, upstreams }) => {
        for (let i = 0; i < 9; i++) await ask(`n${i}.example`)
        deepEqual(
          [...upstreams, up].map(one => [one.asked.length, one.asked[0]!.transport]),
          [
            [3, 'tcp'],
            [3, 'tls'],
            [3, 'h2'],
          ],
        )
      },
    )
  } finally {
    await up.close()
  }
})

test('health: checks go over HTTPS, and bring it back', async () => {
  let alive = false
  const up = await fakeHttps((asked, response) => void (alive && good(asked, response)))
  const block = 'health_check 20ms\nmax_fails 1\nread_timeout 100ms\nfailfast_all_unhealthy_upstreams'
  await withHttps([up], block, async ({ ask }) => {
    for (let i = 0; i < 3; i++) equal(await ask('www.example'), SERVFAIL)
    await until(() => up.log.includes('h2 POST . NS'), 'checked')
    alive = true
    let found = ''
    for (const endMs = performance.now() + 10_000; found !== GOOD && performance.now() < endMs; ) {
      found = await ask('www.example')
      await new Promise(r => setTimeout(r, 20))
    }
    equal(found, GOOD)
  })
})

test('a question of our own, for `loop`', async () => {
  const up = await fakeHttps(good)
  await withHttps([up], '', async ({ stages }) => {
    const forward = stages[0] as unknown as Forward
    const { address, from } = forward.upstreams()[0]!
    equal(await forward.inquire(address, from, nameFromText('a.test'), TYPE.HINFO), true)
    deepEqual(up.log, ['h2 POST a.test. HINFO'])
  })
})

test('metrics: proto is https', async () => {
  const up = await fakeHttps(good)
  await withHttps([up], '', async ({ ask }) => {
    const value = (name: string) =>
      cells[families.get(name)!.children.get(['forward', up.address, 'https'].join('\0'))!.cell]!
    const values = () => ['misses', 'hits'].map(what => value(`coredns_proxy_conn_cache_${what}_total`))
    const before = values() // of one that had the port before
    for (let i = 0; i < 3; i++) await ask(`n${i}.example`)
    deepEqual(
      values().map((now, i) => now - before[i]!),
      [1, 2],
    )
  })
})

test('nothing is left: no deadline, no socket', nothingIsLeft)

test.run()
