/** `forward` over TLS: whom it trusts, and what it sends. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'
import type { TlsOptions } from 'node:tls'
import { test } from 'uvu'
import type { Forward } from '../../../../plugins/forward/forward.ts'
import { capturedLog } from '../../../harness/captured-log.ts'
import { answer, fakeUpstream } from '../../../harness/fake-upstream.ts'
import { query } from '../../../harness/message.ts'
import { temporaryFolder } from '../../../harness/server.ts'
import { certified, MUTUAL, pem, SERVER, tlsFolder } from '../../../harness/tls.ts'
import { withBlock } from '../block.ts'

import { CA, errorsSeen, GOOD, good, OURS, overTls, SERVFAIL, until } from '../encrypted.ts'

const accepted: { name: string; to?: string; block?: string; sni: string | false; server?: TlsOptions }[] = [
  { name: 'by its address', sni: false },
  { name: 'by %name', to: 'tls://127.0.0.1%api.test:PORT', sni: 'api.test' },
  { name: 'by tls_servername', block: 'tls_servername LOCALHOST', sni: 'localhost' },
  { name: 'by an address in tls_servername', block: 'tls_servername 127.0.0.1', sni: false },
  { name: 'with force_tcp', block: 'force_tcp', sni: false },
  { name: 'with prefer_udp', block: 'prefer_udp', sni: false },
  { name: 'with TLS 1.2', server: { ...SERVER, maxVersion: 'TLSv1.2' }, sni: false },
]
for (const { name, to = 'tls://127.0.0.1:PORT', block = '', sni, server } of accepted) {
  test(`accepted: ${name}`, async () => {
    const up = await overTls(good, server)
    const target = to.replace('PORT', String(up.port))
    await withBlock([Promise.resolve(up)], `forward . ${target} {\n${CA}\n${block}\n}`, async ({ ask }) => {
      equal(await ask('www.example'), GOOD)
      equal(await ask('www.example', {}, true), GOOD)
      deepEqual(up.log, ['tls www.example. A', 'tls www.example. A'])
      deepEqual(
        up.handshakes.map(one => one.servername),
        [sni],
      )
    })
  })
}

test('accepted: a host name, resolved at start, which the certificate must have', async () => {
  const names = await fakeUpstream(asked => answer(asked, asked.type === 'A' ? [`${asked.name} 60 A 127.0.0.1`] : []))
  const up = await overTls()
  const block = `forward . tls://api.test:${up.port} tls://wrong.test:${up.port} {\n${CA}\npolicy sequential\nresolver ${names.address}\n}`
  try {
    await withBlock([Promise.resolve(up)], block, async ({ ask, stages }) => {
      equal(await ask('www.example'), GOOD)
      equal(up.handshakes[0]!.servername, 'api.test')
      const forward = stages[0] as unknown as Forward
      deepEqual(
        forward.upstreams().map(one => one.address),
        [`tls://127.0.0.1%api.test:${up.port}`, `tls://127.0.0.1%wrong.test:${up.port}`],
      )
    })
  } finally {
    await names.close()
  }
})

const refused: { name: string; server?: TlsOptions; block: string; says: RegExp }[] = [
  {
    name: 'another name',
    block: `${CA}\ntls_servername other.test`,
    says: /certificate is not accepted for "other\.test": Hostname\/IP does not match certificate's altnames/,
  },
  {
    name: 'an unknown CA',
    block: `tls ${tlsFolder}/other-ca.crt`,
    says: /certificate is not accepted for "127\.0\.0\.1": unable to get local issuer certificate/,
  },
  { name: 'a CA that the system does not know', block: '', says: /certificate is not accepted for "127\.0\.0\.1"/ },
  {
    name: 'a certificate of yesterday',
    server: certified('expired'),
    block: `tls ${tlsFolder}/expired.crt`,
    says: /certificate is not accepted for "127\.0\.0\.1": certificate has expired/,
  },
  {
    name: 'a common name alone',
    server: certified('nameless'),
    block: `tls ${tlsFolder}/nameless.crt`,
    says: /certificate is not accepted for "127\.0\.0\.1": it has no subject alternative name/,
  },
  {
    name: 'no certificate of ours',
    server: MUTUAL,
    block: CA,
    says: /certificate required|handshake failure|connection closed/,
  },
  {
    name: 'TLS 1.1',
    server: { ...SERVER, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    block: CA,
    says: /version/,
  },
]
for (const { name, server = SERVER, block, says } of refused) {
  const versions = server.maxVersion ? [server.maxVersion] : (['TLSv1.2', 'TLSv1.3'] as const)
  for (const maxVersion of versions) {
    test(`refused: ${name}, ${maxVersion}`, async () => {
      const seen = errorsSeen()
      await withBlock(
        [overTls(good, { ...server, maxVersion })],
        `forward . tls://%1 {\nmax_fails 0\n${block}\n}`,
        async ({ ask, upstreams: [up] }) => {
          const lines = await capturedLog(async () => {
            for (let i = 0; i < 3; i++) equal(await ask('www.example'), SERVFAIL)
          })
          match(seen.texts[0]!, says)
          match(seen.texts[0]!, /^tls:\/\/127\.0\.0\.1/)
          const told = lines.filter(line => line.includes('certificate is not accepted'))
          equal(told.length, says.source.startsWith('certificate is') ? 1 : 0, lines.join('\n'))
          deepEqual(up!.asked, [])
          // A session with somebody who was not accepted is not taken up: it would not be looked at again.
          ok(up!.handshakes.every(one => !one.resumed))
        },
        [seen.stage],
      )
    })
  }
}

test('accepted: several CAs in one file, or the certificate itself', async () => {
  const folder = temporaryFolder()
  try {
    const both = folder.write('both.crt', `# two of them\n${pem('other-ca.crt')}\n${pem('ca.crt')}`)
    for (const file of [both, `${tlsFolder}/server.crt`]) {
      await withBlock([overTls()], `forward . tls://%1 {\ntls ${file}\n}`, async ({ ask }) =>
        equal(await ask('www.example'), GOOD),
      )
    }
  } finally {
    folder.remove()
  }
})

test('accepted: the roots of the system, which SSL_CERT_FILE can name', async () => {
  process.env.SSL_CERT_FILE = `${tlsFolder}/ca.crt`
  try {
    await withBlock([overTls()], 'forward . tls://%1', async ({ ask }) => equal(await ask('www.example'), GOOD))
  } finally {
    delete process.env.SSL_CERT_FILE
  }
})

test('refused: whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  try {
    await withBlock(
      [overTls()],
      `forward . tls://%1 {\n${CA}\ntls_servername other.test\n}`,
      async ({ ask, upstreams }) => {
        equal(await ask('www.example'), SERVFAIL)
        deepEqual(upstreams[0]!.asked, [])
      },
    )
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
  }
})

test('a certificate of ours', () =>
  withBlock([overTls(good, MUTUAL)], `forward . tls://%1 {\n${OURS}\n}`, async ({ ask, upstreams }) => {
    equal(await ask('www.example'), GOOD)
    equal(upstreams[0]!.handshakes[0]!.client, 'client')
  }))

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`the next connection resumes the session, ${maxVersion}`, () =>
    withBlock(
      [overTls(good, { ...SERVER, maxVersion })],
      `forward . tls://%1 {\n${CA}\n}`,
      async ({ ask, upstreams }) => {
        const up = upstreams[0]!
        for (let i = 0; i < 3; i++) {
          equal(await ask('www.example'), GOOD)
          up.closeConnections()
          await until(() => up.open === 0, 'closed')
        }
        deepEqual(
          up.handshakes.map(({ protocol, resumed }) => [protocol, resumed]),
          [
            [maxVersion, false],
            [maxVersion, true],
            [maxVersion, true],
          ],
        )
      },
    ))
}

test('a handshake that fails is not tried with the same session again', async () => {
  const up = await overTls()
  const ends: boolean[] = []
  const between = createServer(client => {
    client.on('error', () => client.destroy())
    ends.push(ends.length === 1)
    if (ends.at(-1)) client.once('data', () => client.destroy())
    else pipeline(client, connect(up.port, '127.0.0.1'), client, () => {})
  })
  await once(between.listen(0, '127.0.0.1'), 'listening')
  const { port } = between.address() as AddressInfo
  const block = `forward . tls://127.0.0.1:${port} {\n${CA}\nmax_connect_attempts 2\nmax_fails 0\n}`
  try {
    await withBlock([Promise.resolve(up)], block, async ({ ask }) => {
      equal(await ask('www.example'), GOOD)
      up.closeConnections()
      await until(() => up.open === 0, 'closed')
      await new Promise(r => setTimeout(r, 50))
      equal(await ask('www.example'), GOOD)
      deepEqual(
        [ends, up.handshakes.map(one => one.resumed)],
        [
          [false, true, false],
          [false, false],
        ],
      )
    })
  } finally {
    between.close()
  }
})

test('queries are padded to 128 octets, and only those over TLS', () =>
  withBlock([overTls(), good], `forward . tls://%1 %2 {\n${CA}\npolicy round_robin\n}`, async ({ send, upstreams }) => {
    const names = ['a', 'www.example', `${'x'.repeat(60)}.${'y'.repeat(60)}.example`]
    for (const name of [...names, ...names]) await send(query(name, { edns: 4096, dnssecOk: true }))
    const encrypted = upstreams[0]!.asked
    const plain = upstreams[1]!.asked
    ok(encrypted.length >= 2 && plain.length >= 2)
    for (const { octets, options, dnssecOk, edns } of encrypted) {
      deepEqual([octets.length % 128, options, dnssecOk, edns], [0, [12], true, 1232])
    }
    for (const { transport, options } of plain) deepEqual([transport, options], ['udp', []])
  }))

test.run()
