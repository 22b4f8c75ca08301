/** Every way to be let in by an API server, over real TLS; files that rotate; and what is said when something is missing. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ApiError } from '../../../../plugins/kubernetes/informer/api-error.ts'
import { endpointCredentials, inClusterCredentials } from '../../../../plugins/kubernetes/source/in-cluster.ts'
import { kubeconfigCredentials } from '../../../../plugins/kubernetes/source/kubeconfig.ts'
import type { FakeApiServer, FakeApiServerOptions } from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { base64, CA, failure, kubeconfig, listOnce, MUTUAL, pem, run, TLS } from './credentials-world.ts'

const test = suite('credentials')

function serviceAccount(folder: string, token: string, ca = 'ca.crt'): void {
  writeFileSync(`${folder}/token`, `${token}\n`)
  copyFileSync(`${TLS}/${ca}`, `${folder}/ca.crt`)
}

const podEnvironment = ({ port }: FakeApiServer) => ({
  KUBERNETES_SERVICE_HOST: '127.0.0.1',
  KUBERNETES_SERVICE_PORT: `${port}`,
})

test('in a pod: token and CA of the service account', () =>
  run(async ({ server, folder, clock }) => {
    serviceAccount(folder, 'one')
    const credentials = await inClusterCredentials(clock, podEnvironment(server), folder)
    const request = await listOnce(server, credentials, clock)
    assert.is(request.headers.authorization, 'Bearer one')
  }))

test('a token is read again after a minute, and a second after it was refused', () =>
  run(async ({ server, folder, clock }) => {
    serviceAccount(folder, 'one')
    const credentials = await inClusterCredentials(clock, podEnvironment(server), folder)
    const token = async () => (await listOnce(server, credentials, clock)).headers.authorization
    serviceAccount(folder, 'two')
    clock.advance(59_000)
    assert.is(await token(), 'Bearer one')
    clock.advance(1_000)
    assert.is(await token(), 'Bearer two')
    serviceAccount(folder, 'three')
    server.refuse = ({ headers }) => (headers.authorization === 'Bearer three' ? undefined : { status: 401 })
    assert.is(((await failure(token())) as ApiError).status, 401)
    clock.advance(1_000)
    assert.is(await token(), 'Bearer three')
  }))

test('a CA that was rotated is read again once the server is not trusted', () =>
  run(async ({ server, folder, clock }) => {
    serviceAccount(folder, 'one', 'other-ca.crt')
    const credentials = await inClusterCredentials(clock, podEnvironment(server), folder)
    const error = await failure(listOnce(server, credentials, clock))
    assert.ok(error instanceof ApiError && error.status === 0)
    assert.match(String((error.cause as Error).message), /certificate/)
    serviceAccount(folder, 'one')
    clock.advance(1_000)
    assert.ok(await listOnce(server, credentials, clock))
  }))

test('a token file that is gone for a while: its last token goes on', () =>
  run(async ({ server, folder, clock }) => {
    serviceAccount(folder, 'one')
    const credentials = await inClusterCredentials(clock, podEnvironment(server), folder)
    rmSync(`${folder}/token`)
    clock.advance(61_000)
    assert.is((await listOnce(server, credentials, clock)).headers.authorization, 'Bearer one')
  }))

test('an IPv6 address of the API server stands in brackets', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-credentials-'))
  serviceAccount(folder, 'x')
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  assert.is((await inClusterCredentials(new FakeClock(), env, folder)).server.href, 'https://[fd00::1]/')
  rmSync(folder, { recursive: true })
})

test('no pod, no token: one line that says so', async () => {
  const outside = await failure(inClusterCredentials(new FakeClock(), {}))
  assert.match(
    outside.message,
    /^found no KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT .*, expected to run in a pod/,
  )
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }
  const missing = await failure(inClusterCredentials(new FakeClock(), env, '/none'))
  assert.is(missing.message, 'cannot read the service account token "/none/token"')
})

test('endpoint with tls: a client certificate', () =>
  run(async ({ server, clock }) => {
    const tls = { cert: `${TLS}/client.crt`, key: `${TLS}/client.key`, ca: `${TLS}/ca.crt` }
    assert.ok(await listOnce(server, await endpointCredentials(server.url, tls, clock), clock))
    const error = await failure(listOnce(server, await endpointCredentials(server.url, undefined, clock), clock))
    assert.is((error as ApiError).status, 0)
  }, MUTUAL))

for (const { name, cluster = CA, user, expected, options } of [
  { name: 'a token', user: { token: 'abc' }, expected: { authorization: 'Bearer abc' } },
  {
    name: 'a token file, which goes before a token',
    user: { token: 'abc', tokenFile: 'token' },
    expected: { authorization: 'Bearer from-file' },
  },
  {
    name: 'a password',
    user: { username: 'u', password: 'p:w' },
    expected: { authorization: `Basic ${btoa('u:p:w')}` },
  },
  { name: 'impersonation', user: { token: 'abc', as: 'other' }, expected: { 'impersonate-user': 'other' } },
  {
    name: 'impersonation in full',
    user: {
      token: 'abc',
      as: 'other',
      'as-uid': '7',
      'as-groups': ['a', 'b'],
      'as-user-extra': { 'Example.org/Scopes': ['view', 'dev'] },
    },
    expected: {
      'impersonate-user': 'other',
      'impersonate-uid': '7',
      'impersonate-group': 'a, b',
      'impersonate-extra-example.org%2fscopes': 'view, dev',
    },
  },
  { name: 'a CA file beside it', cluster: { 'certificate-authority': 'ca.crt' }, user: { token: 'abc' }, expected: {} },
  { name: 'no verification', cluster: { 'insecure-skip-tls-verify': true }, user: { token: 'abc' }, expected: {} },
  {
    name: 'a server name of its own',
    cluster: { ...CA, 'tls-server-name': 'api.test' },
    user: { token: 'abc' },
    expected: {},
  },
  {
    name: 'client certificates in it',
    user: { 'client-certificate-data': base64('client.crt'), 'client-key-data': base64('client.key') },
    expected: {},
    options: MUTUAL,
  },
  {
    name: 'client certificates beside it',
    user: { 'client-certificate': 'client.crt', 'client-key': 'client.key' },
    expected: {},
    options: MUTUAL,
  },
] as {
  name: string
  cluster?: object
  user: object
  expected: Record<string, string>
  options?: FakeApiServerOptions
}[]) {
  test(`kubeconfig with ${name}`, () =>
    run(async ({ server, folder, clock }) => {
      for (const file of ['ca.crt', 'client.crt', 'client.key']) copyFileSync(`${TLS}/${file}`, `${folder}/${file}`)
      writeFileSync(`${folder}/token`, 'from-file\n')
      const file = `${folder}/config`
      writeFileSync(file, kubeconfig(server.url, cluster, user))
      const { headers } = await listOnce(
        server,
        await kubeconfigCredentials({ file, context: undefined }, clock),
        clock,
      )
      for (const [header, value] of Object.entries(expected)) assert.is(headers[header], value)
    }, options))
}

test('kubeconfig with a server name that the certificate lacks is not trusted', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    writeFileSync(file, kubeconfig(server.url, { ...CA, 'tls-server-name': 'evil.test' }, { token: 'abc' }))
    const error = await failure(
      listOnce(server, await kubeconfigCredentials({ file, context: undefined }, clock), clock),
    )
    assert.match(String((error.cause as Error).message), /altnames|evil\.test/)
    assert.is(server.requests.length, 0)
  }))

test('kubeconfig with a program that makes tokens goes through the client library, in a process of its own', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    const apiVersion = 'client.authentication.k8s.io/v1'
    const answer = { apiVersion, kind: 'ExecCredential', status: { token: 'from-program' } }
    const exec = {
      apiVersion,
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(answer))})`],
    }
    writeFileSync(file, kubeconfig(server.url, CA, { exec: { ...exec, interactiveMode: 'Never' } }))
    const credentials = await kubeconfigCredentials({ file, context: undefined }, clock)
    assert.is((await listOnce(server, credentials, clock)).headers.authorization, 'Bearer from-program')
  }))

test('the program is told what it is asked for, as client-go tells it', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    const script = `
      const { apiVersion, kind, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO)
      console.log(JSON.stringify({ status: { token: [process.env.HINT, apiVersion, kind, spec.interactive].join() } }))`
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: process.execPath,
      args: ['-e', script],
      env: [{ name: 'HINT', value: 'x' }],
    }
    writeFileSync(file, kubeconfig(server.url, CA, { exec }))
    const { headers } = await listOnce(server, await kubeconfigCredentials({ file, context: undefined }, clock), clock)
    assert.is(headers.authorization, 'Bearer x,client.authentication.k8s.io/v1beta1,ExecCredential,false')
  }))

test('a program that makes a client certificate', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    const status = { clientCertificateData: pem('client.crt'), clientKeyData: pem('client.key') }
    writeFileSync(`${folder}/credential.json`, JSON.stringify({ status }))
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'cat',
      args: [`${folder}/credential.json`],
      interactiveMode: 'Never',
    }
    writeFileSync(file, kubeconfig(server.url, CA, { exec }))
    const { headers } = await listOnce(server, await kubeconfigCredentials({ file, context: undefined }, clock), clock)
    assert.is(headers.authorization, undefined)
  }, MUTUAL))

test('kubeconfig with a program that fails says so', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/none/program', interactiveMode: 'Never' }
    writeFileSync(file, kubeconfig(server.url, CA, { exec }))
    const error = await failure(kubeconfigCredentials({ file, context: undefined }, clock))
    assert.is(error.message, `cannot log in as context "main" of kubeconfig "${file}" says`)
    assert.match(String((error.cause as Error).message), /ENOENT|program/)
  }))

for (const { name, text, context, expected } of [
  { name: 'no YAML', text: '{', context: undefined, expected: /^cannot read kubeconfig/ },
  { name: 'no kubeconfig', text: '[]', context: undefined, expected: /^found no kubeconfig in/ },
  { name: 'no current context', text: '{}', context: undefined, expected: /^found no current-context/ },
  {
    name: 'an unknown context',
    text: kubeconfig('https://x', {}, {}),
    context: 'other',
    expected: /^found no context "other" in kubeconfig ".*", expected one of those it has: "main"$/,
  },
  {
    name: 'a server that is no URL',
    text: kubeconfig('ftp://x', {}, {}),
    context: undefined,
    expected: /^found server in kubeconfig/,
  },
  {
    name: 'a file that is missing',
    text: kubeconfig('https://x', {}, { 'client-key': 'gone.key' }),
    context: 'main',
    expected: /^cannot read client-key of the kubeconfig ".*gone\.key"$/,
  },
]) {
  test(`kubeconfig: ${name}`, () =>
    run(async ({ folder, clock }) => {
      const file = `${folder}/config`
      writeFileSync(file, text)
      assert.match((await failure(kubeconfigCredentials({ file, context }, clock))).message, expected)
    }))
}

test.run()
