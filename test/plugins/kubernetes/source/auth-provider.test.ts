/** kubeconfig users with an auth-provider, through the client library: OpenID Connect with an issuer, and cloud programs. */
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Credentials } from '../../../../plugins/kubernetes/source/credentials.ts'
import { kubeconfigCredentials } from '../../../../plugins/kubernetes/source/kubeconfig.ts'
import type { FakeClock } from '../../../harness/fake-clock.ts'
import { base64, CA, failure, kubeconfig, listOnce, run, SERVER } from './credentials-world.ts'

const test = suite('auth-provider')

const CLIENT_ID = 'dns'
const nowS = () => Math.floor(Date.now() / 1000)

/** An OpenID Connect issuer that gives one token for one refresh token, which is void then. */
class Issuer {
  /** `GRANT REFRESH-TOKEN CLIENT`, the client as it proved who it is. */
  readonly granted: string[] = []
  /** How many seconds its tokens are good for. */
  goodForS = 3600
  #valid = 'refresh-0'
  readonly #server = createServer(SERVER, (request, response) => void this.#answer(request, response))

  static async run(scenario: (issuer: Issuer) => Promise<void>): Promise<void> {
    const issuer = new Issuer()
    await new Promise<void>(resolve => issuer.#server.listen(0, '127.0.0.1', resolve))
    try {
      await scenario(issuer)
    } finally {
      issuer.#server.closeAllConnections()
      await new Promise(resolve => issuer.#server.close(resolve))
    }
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** An id-token, which nobody but its issuer needs to be able to verify. */
  token(number: number, goodForS: number): string {
    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')
    const claims = { iss: this.url, sub: 'dns', aud: CLIENT_ID, iat: nowS() - 60, exp: nowS() + goodForS, number }
    return `${part({ alg: 'RS256' })}.${part(claims)}.${part({})}`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const answer = (status: number, json: object) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(json))
    }
    const { url } = this
    if (request.url === '/.well-known/openid-configuration') {
      answer(200, { issuer: url, token_endpoint: `${url}/token`, authorization_endpoint: `${url}/login` })
      return
    }
    const form = new URLSearchParams(body)
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const client = basic ? Buffer.from(basic, 'base64').toString() : form.get('client_id')
    this.granted.push(`${form.get('grant_type')} ${form.get('refresh_token')} ${client}`)
    if (form.get('refresh_token') !== this.#valid) {
      answer(400, { error: 'invalid_grant' })
      return
    }
    const number = this.granted.length
    this.#valid = `refresh-${number}`
    const token = { access_token: 'opaque', token_type: 'Bearer', expires_in: this.goodForS }
    answer(200, { ...token, id_token: this.token(number, this.goodForS), refresh_token: this.#valid })
  }
}

/** Which of the issuer's tokens a request carried. */
function numberOf(authorization: string | undefined): number {
  const [, claims] = /^Bearer [^.]+\.([^.]+)\./.exec(authorization ?? '') ?? []
  return JSON.parse(Buffer.from(claims ?? 'e30', 'base64url').toString()).number
}

interface Oidc {
  issuer: Issuer
  clock: FakeClock
  /** Makes credentials of a kubeconfig whose auth-provider has this besides issuer and client. */
  logIn(config: Record<string, string>): Promise<Credentials>
  /** Lists once, and tells which token that took. */
  ask(credentials: Credentials): Promise<number>
}

const oidc = (scenario: (world: Oidc) => Promise<void>) => () =>
  Issuer.run(issuer =>
    run(({ server, folder, clock }) => {
      const logIn = (config: Record<string, string>) => {
        const whole = {
          'client-id': CLIENT_ID,
          'idp-issuer-url': issuer.url,
          'idp-certificate-authority-data': base64('ca.crt'),
          ...config,
        }
        const user = { 'auth-provider': { name: 'oidc', config: whole } }
        writeFileSync(`${folder}/config`, kubeconfig(server.url, CA, user))
        return kubeconfigCredentials({ file: `${folder}/config`, context: undefined }, clock)
      }
      const ask = async (credentials: Credentials) =>
        numberOf((await listOnce(server, credentials, clock)).headers.authorization)
      return scenario({ issuer, clock, logIn, ask })
    }),
  )

test(
  'oidc: a token that is still good is used, and nobody is asked',
  oidc(async ({ issuer, logIn, ask }) => {
    assert.is(await ask(await logIn({ 'id-token': issuer.token(0, 3600), 'refresh-token': 'refresh-0' })), 0)
    assert.equal(issuer.granted, [])
  }),
)

test(
  'oidc: one that has ended is replaced, with the refresh token',
  oidc(async ({ issuer, logIn, ask }) => {
    assert.is(await ask(await logIn({ 'id-token': issuer.token(0, -60), 'refresh-token': 'refresh-0' })), 1)
    assert.equal(issuer.granted, ['refresh_token refresh-0 dns'])
  }),
)

test(
  'oidc: a client with a secret proves who it is',
  oidc(async ({ issuer, logIn }) => {
    await logIn({ 'id-token': issuer.token(0, -60), 'refresh-token': 'refresh-0', 'client-secret': 'geheim' })
    assert.equal(issuer.granted, ['refresh_token refresh-0 dns:geheim'])
  }),
)

test(
  'oidc: a refresh token that is good once: the next one is remembered',
  oidc(async ({ issuer, clock, logIn, ask }) => {
    issuer.goodForS = 5 // to be replaced at once
    const credentials = await logIn({ 'id-token': issuer.token(0, -60), 'refresh-token': 'refresh-0' })
    assert.is(await ask(credentials), 1)
    for (const number of [2, 3]) {
      clock.advance(600_000)
      assert.is(await ask(credentials), number)
    }
    assert.equal(
      issuer.granted.map(text => text.split(' ')[1]),
      ['refresh-0', 'refresh-1', 'refresh-2'],
    )
  }),
)

test(
  'oidc: a kubeconfig that somebody edited goes before what is remembered',
  oidc(async ({ issuer, clock, logIn, ask }) => {
    issuer.goodForS = 5
    const credentials = await logIn({ 'id-token': issuer.token(0, -60), 'refresh-token': 'refresh-0' })
    await ask(credentials)
    await logIn({ 'id-token': issuer.token(77, 3600), 'refresh-token': 'other' })
    clock.advance(600_000)
    assert.is(await ask(credentials), 77)
  }),
)

test(
  'oidc: a refused refresh token says so, and so does none at all',
  oidc(async ({ issuer, logIn }) => {
    const refused = await failure(logIn({ 'id-token': issuer.token(0, -60), 'refresh-token': 'void' }))
    assert.match(refused.message, /^cannot log in as context "main" of kubeconfig/)
    assert.match(String((refused.cause as Error).message), /invalid_grant/)
    const none = await failure(logIn({ 'id-token': issuer.token(0, -60) }))
    assert.match(String((none.cause as Error).message), /^found no refresh-token of auth-provider "oidc", expected one/)
  }),
)

/** A program that prints what gcloud and az print. */
const printer = (token: string) => {
  const printed = { credential: { access_token: token, token_expiry: '2999-01-01T00:00:00Z' } }
  return {
    'cmd-path': process.execPath,
    'cmd-args': `-e "console.log('${JSON.stringify(printed).replaceAll('"', '\\x22')}')"`,
    'token-key': '{.credential.access_token}',
    'expiry-key': '{.credential.token_expiry}',
  }
}
const providers: { name: string; provider: object; expected: string }[] = [
  {
    name: 'gcp: a program makes the token',
    provider: { name: 'gcp', config: printer('from-gcloud') },
    expected: 'Bearer from-gcloud',
  },
  {
    name: 'gcp: a token that is still good',
    provider: { name: 'gcp', config: { ...printer('new'), 'access-token': 'old', expiry: '2999-01-01T00:00:00Z' } },
    expected: 'Bearer old',
  },
  {
    name: 'gcp: a token that has ended',
    provider: { name: 'gcp', config: { ...printer('new'), 'access-token': 'old', expiry: '2020-01-01T00:00:00Z' } },
    expected: 'Bearer new',
  },
  {
    name: 'azure: a program makes the token',
    provider: { name: 'azure', config: printer('from-az') },
    expected: 'Bearer from-az',
  },
  {
    name: 'azure: a token that is still good',
    provider: { name: 'azure', config: { 'access-token': 'good', 'expires-on': '32472144000' } },
    expected: 'Bearer good',
  },
]
for (const { name, provider, expected } of providers) {
  test(name, () =>
    run(async ({ server, folder, clock }) => {
      const file = `${folder}/config`
      writeFileSync(file, kubeconfig(server.url, CA, { 'auth-provider': provider, as: 'other' }))
      const credentials = await kubeconfigCredentials({ file, context: undefined }, clock)
      const { headers } = await listOnce(server, credentials, clock)
      assert.equal([headers.authorization, headers['impersonate-user']], [expected, 'other'])
    }),
  )
}

test('an auth-provider that nobody knows', () =>
  run(async ({ server, folder, clock }) => {
    const file = `${folder}/config`
    writeFileSync(file, kubeconfig(server.url, CA, { 'auth-provider': { name: 'openstack', config: {} } }))
    const error = await failure(kubeconfigCredentials({ file, context: undefined }, clock))
    assert.match(String((error.cause as Error).message), /found no credentials from auth-provider "openstack"/)
  }))

test.run()
