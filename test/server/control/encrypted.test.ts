/** Server blocks with encrypted keys: what of them is a mistake, and what a reload does to their listeners. */
import { execFile } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugins } from '../../../plugins/index.ts'
import { build } from '../../../server/control/build.ts'
import type { Generation } from '../../../server/control/generation.ts'
import { listenerLines } from '../../../server/control/welcome.ts'
import { readCorefile } from '../../../server/corefile/corefile.ts'
import { families } from '../../../server/metrics.ts'
import { corefileFailures } from '../../harness/corefile-failure.ts'
import { query, replyText, text } from '../../harness/message.ts'
import { originOf, type RunningServer, startServer } from '../../harness/server.ts'
import { pem, tlsFolder } from '../../harness/tls.ts'
import { connectTls, exchangeHttps } from '../listen/encrypted.ts'
import { eventually, TcpClient } from '../listen/fixture.ts'

const test = suite('encrypted')

function buildText(corefile: string): Generation {
  const texts = { files: new Map(), folders: new Map() }
  const origin = originOf('Corefile', tlsFolder)
  const parsed = { ...readCorefile(corefile, 'Corefile'), origin, text: corefile, texts }
  return build(parsed, { plugins, port: 53, reload: async () => false })
}

const root = `${import.meta.dirname}/../../..`
const OWN = 'tls server.crt server.key'

const GOOD: { name: string; corefile: string; plans: string[] }[] = [
  { name: 'default ports', corefile: `tls://. https://. {\n${OWN}\n}`, plans: ['tls://:853', 'https://:443'] },
  {
    name: 'several schemes in one block, each once',
    corefile: `. tls://. tls://a tls://b:8853 {\n${OWN}\nbind 127.0.0.1\n}`,
    plans: ['dns://127.0.0.1:53', 'tls://127.0.0.1:853', 'tls://127.0.0.1:8853'],
  },
  {
    name: 'blocks that share a listener and agree',
    corefile: `tls://a {\n${OWN}\n}\ntls://b {\n${OWN}\n}`,
    plans: ['tls://:853'],
  },
  { name: 'a certificate that nothing uses', corefile: `. {\n${OWN}\n}`, plans: ['dns://:53'] },
]
for (const { name, corefile, plans } of GOOD)
  test(name, () => assert.equal([...buildText(corefile).plans.keys()], plans))

const BAD: { name: string; corefile: string; says: RegExp[] }[] = [
  {
    name: 'no certificate',
    corefile: 'tls://. tls://10.0.0.0/14 {\n}',
    says: [
      /^1:1 MISSING_CERTIFICATE no certificate for "tls:\/\/\.", expected "tls CERT KEY" in its server block$/,
      /^1:9 MISSING_CERTIFICATE no certificate for "tls:\/\/10\.0\.0\.0\/14"/,
    ],
  },
  {
    name: 'a certificate that cannot be read is one mistake',
    corefile: 'tls://. {\ntls nobody.crt server.key\n}',
    says: [/^2:5 UNREADABLE_FILE cannot read/],
  },
  {
    name: 'two certificates for one listener',
    corefile: `tls://a {\n${OWN}\n}\ntls://b {\ntls client.crt client.key\n}`,
    says: [
      /^4:1 LISTENER_CONFLICT conflicting TLS configuration for shared listener tls:\/\/:853 between zones "a\." and "b\.": different certificates, expected the same "tls"$/,
    ],
  },
  {
    name: 'two ways to ask clients',
    corefile: `tls://a {\n${OWN}\n}\ntls://b {\n${OWN} {\nclient_auth require\n}\n}`,
    says: [/: client_auth "nocert" and "require", expected/],
  },
  {
    name: 'two CAs of clients',
    corefile: `tls://a {\n${OWN} ca.crt\n}\ntls://b {\n${OWN}\n}`,
    says: [/: different CAs of clients, expected/],
  },
  {
    name: 'two numbers of streams',
    corefile: `https://a {\n${OWN}\nhttps {\nmax_streams 5\n}\n}\nhttps://b {\n${OWN}\n}`,
    says: [
      /^7:1 LISTENER_CONFLICT conflicting max_streams values for shared HTTPS listener https:\/\/:443 between zones "a\." and "b\.", expected the same$/,
    ],
  },
  {
    name: 'a zone twice',
    corefile: `tls://a {\n${OWN}\n}\ntls://a {\n${OWN}\n}`,
    says: [/^4:1 DUPLICATE_KEY zone "a\." on :853 is served at Corefile:1:1 already/],
  },
  {
    name: 'two schemes on one port',
    corefile: `a:853 {\n}\ntls://b {\n${OWN}\n}`,
    says: [/^3:1 LISTENER_CONFLICT tls:\/\/ on :853, which is dns:\/\/ at Corefile:1:1, expected another port$/],
  },
]
for (const { name, corefile, says } of BAD) {
  test(`refused: ${name}`, () => {
    const found = corefileFailures(() => buildText(corefile)).map(
      ({ line, column, code, message }) => `${line}:${column} ${code.slice('COREFILE_'.length)} ${message}`,
    )
    assert.is(found.length, says.length, found.join('\n'))
    for (const [i, pattern] of says.entries()) assert.match(found[i]!, pattern)
  })
}

/** Runs `body` with a server whose folder holds `own.crt` and `own.key`. */
async function withServer(
  corefile: (port: number) => string,
  body: (server: RunningServer, port: number) => Promise<void>,
): Promise<void> {
  const running = await startServer('. {\nbind 127.0.0.1\nwhoami\n}')
  try {
    useCertificate(running, 'server')
    assert.ok(await running.reload(corefile(0)))
    const port = running.server.sockets.portOf('tls://127.0.0.1:0')!
    await body(running, port)
  } finally {
    await running.stop()
  }
}

function useCertificate({ folder }: RunningServer, name: string): void {
  for (const kind of ['crt', 'key']) copyFileSync(`${tlsFolder}/${name}.${kind}`, `${folder}/own.${kind}`)
}

async function ask(port: number, ca = 'ca.crt'): Promise<string> {
  const client = TcpClient.on(await connectTls(port, { ca: pem(ca) }))
  try {
    return replyText(await client.ask(query('host.example', { type: 'A' })))
  } finally {
    client.close()
  }
}

const block = (body: string) => () => `tls://.:0 https://.:0 {\nbind 127.0.0.1\ntls own.crt own.key\n${body}\n}`
const FROM_HOSTS = text`
  NOERROR aa rd
  ;; ANSWER
  host.example. 3600 IN A 192.0.2.1`

test('answers, says where, and counts under its own name', () =>
  withServer(block('prometheus 127.0.0.1:0\nhosts {\n192.0.2.1 host.example\n}'), async ({ server }, port) => {
    assert.is(await ask(port), FROM_HOSTS)
    const https = server.sockets.portOf('https://127.0.0.1:0')!
    assert.is(replyText(await exchangeHttps(query('host.example'), https)), FROM_HOSTS)
    assert.equal(listenerLines(server).toSorted(), [`https://.:${https} on 127.0.0.1`, `tls://.:${port} on 127.0.0.1`])
    const labels = [...families.get('coredns_dns_requests_total')!.children.values()].map(({ values }) => values)
    assert.ok(
      labels.some(values => values.join(' ') === 'tls://127.0.0.1:0 .  tcp 1 A'),
      labels.join('\n'),
    )
  }))

test('a reload reads the certificate anew, and keeps socket and connections', () =>
  withServer(block('hosts {\n192.0.2.1 host.example\n}'), async (running, port) => {
    const before = TcpClient.on(await connectTls(port))
    await before.ask(query('host.example'))
    useCertificate(running, 'next-server')
    assert.ok(await running.server.reloader.request('test'))
    assert.is(running.server.sockets.portOf('tls://127.0.0.1:0'), port)
    assert.is(await ask(port, 'next-ca.crt'), FROM_HOSTS)
    assert.is(replyText(await before.ask(query('host.example'))), FROM_HOSTS)
    before.close()
    useCertificate(running, 'server')
    copyFileSync(`${tlsFolder}/client.key`, `${running.folder}/own.key`)
    assert.not(await running.server.reloader.request('test'))
    assert.is(await ask(port, 'next-ca.crt'), FROM_HOSTS)
  }))

test('without such keys nothing of HTTP/2 is loaded', async () => {
  const script = `
    import { listenPair } from './server/listen/listen.ts'
    const isLoaded = () => process.moduleLoadList.includes('NativeModule http2')
    console.log(listenPair !== undefined && isLoaded())
    process.getBuiltinModule('node:http2')
    console.log(isLoaded())`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: root })
  assert.is(stdout, 'false\ntrue\n')
})

test('a reload without the key closes its socket', () =>
  withServer(block('whoami'), async (running, port) => {
    assert.ok(await running.reload('. {\nbind 127.0.0.1\nwhoami\n}'))
    await running.server.reloader.idle
    assert.is(await ask(port).catch(cause => cause.code), 'ECONNREFUSED')
  }))

test('several threads, each with a socket', () =>
  withServer(block('multisocket 2\nhosts {\n192.0.2.1 host.example\n}'), async ({ server }, port) => {
    await eventually(() => server.threads.all().length === 1, 'the other thread')
    const https = server.sockets.portOf('https://127.0.0.1:0')!
    for (const exchange of [
      () => ask(port),
      async () => replyText(await exchangeHttps(query('host.example'), https)),
    ]) {
      const before = await server.threads.received()
      for (let asked = 0; (await server.threads.received()) === before; asked++) {
        assert.is(await exchange(), FROM_HOSTS)
        if (asked > 100) throw new Error('the other thread was never asked')
      }
    }
  }))

test.run()
