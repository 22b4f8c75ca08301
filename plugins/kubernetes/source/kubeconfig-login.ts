/**
 * What the child process of kubeconfig-library.ts runs: loads a kubeconfig with the client library, logs in, and prints one
 * JSON object. On its standard input stands what an earlier login left: tokens that the kubeconfig does not have.
 *
 * OpenID Connect is done here, with the library that the client library brings for it: its own renewal (2.0.1) fails
 * before it asks anybody, and knows no client secrets.
 */

/** Arguments: URL or path of the client library, kubeconfig, context. */
export const LOGIN_SCRIPT = `
const { createRequire } = await import('node:module')
const { text: readText } = await import('node:stream/consumers')
const tls = await import('node:tls')
const { readFileSync } = await import('node:fs')
const [library, file, context] = process.argv.slice(1)

/** client-go renews tokens that end within this time. */
const LEEWAY_S = 10

function endS(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).exp ?? 0
  } catch {
    return 0
  }
}

async function idToken(config) {
  if (endS(config['id-token']) > Date.now() / 1000 + LEEWAY_S) return config['id-token']
  for (const key of ['refresh-token', 'client-id', 'idp-issuer-url']) {
    if (!config[key]) throw new Error('found no ' + key + ' of auth-provider "oidc", expected one, as its id-token has ended')
  }
  const openid = await import(createRequire(library).resolve('openid-client'))
  const data = config['idp-certificate-authority-data']
  const ca = config['idp-certificate-authority']
  if (ca || data) tls.setDefaultCACertificates([ca ? readFileSync(ca, 'utf8') : Buffer.from(data, 'base64').toString()])
  const secret = config['client-secret']
  const client = await openid.discovery(
    new URL(config['idp-issuer-url']),
    config['client-id'],
    undefined,
    secret ? openid.ClientSecretBasic(secret) : openid.None(),
  )
  const tokens = await openid.refreshTokenGrant(client, config['refresh-token'])
  if (!tokens.id_token) throw new Error('found no id_token in the answer of the issuer')
  config['id-token'] = tokens.id_token
  if (tokens.refresh_token) config['refresh-token'] = tokens.refresh_token
  return tokens.id_token
}

async function logIn() {
  const { KubeConfig } = await import(library)
  const config = new KubeConfig()
  config.loadFromFile(file)
  config.setCurrentContext(context)
  const user = config.getCurrentUser()
  const provider = user.authProvider
  const before = JSON.stringify(provider?.config)
  const left = JSON.parse(await readText(process.stdin))
  if (left !== null && left.before === before) provider.config = left.config
  if (user.exec) {
    const info = { apiVersion: user.exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
    process.env.KUBERNETES_EXEC_INFO = JSON.stringify(info)
  }
  if (provider?.name === 'oidc') {
    user.token = await idToken(provider.config)
    user.authProvider = undefined
  }
  const options = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const text = value => (value === undefined || value === null ? undefined : value.toString())
  const { cert, key, headers } = options
  const authorization = headers.Authorization ?? headers.authorization
  if (authorization === undefined && !cert) {
    throw new Error('found no credentials from ' + (user.exec ? 'exec' : 'auth-provider "' + provider.name + '"'))
  }
  const leaves = provider && { before, config: provider.config }
  return { cert: text(cert), key: text(key), authorization, leaves }
}

const reasons = error => [error.message, error.error, error.cause && reasons(error.cause)].filter(Boolean).join(': ')
try {
  process.stdout.write(JSON.stringify(await logIn()) + '\\n', () => process.exit(0))
} catch (error) {
  process.stderr.write('Error: ' + reasons(error).replaceAll('\\n', ' ') + '\\n', () => process.exit(1))
}
`
