/**
 * The other ways to the API server, outside a pod: a kubeconfig file, and an endpoint with certificates.
 */
import { deepEqual } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { ask } from '../ask.ts'
import { STOCK_COREFILE, startServer, WEB, WEB_IP, world } from '../world.ts'

const DIR = '/etc/access'

function withLines(...lines: string[]): string {
  return STOCK_COREFILE.replace(
    '       pods insecure\n',
    `       pods insecure\n${lines.map(line => `       ${line}\n`).join('')}`,
  )
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** One context that cannot work and, behind it, one that does. */
function kubeconfig(user: Record<string, unknown>): string {
  const { cluster } = world()
  const server = `https://${cluster.host}:${cluster.port}`
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'nowhere', cluster: { server: 'https://127.0.0.1:1' } },
      { name: 'here', cluster: { server, 'certificate-authority-data': base64(cluster.credentials.ca) } },
    ],
    users: [{ name: 'somebody', user }],
    contexts: [
      { name: 'first', context: { cluster: 'nowhere', user: 'somebody' } },
      { name: 'second', context: { cluster: 'here', user: 'somebody' } },
    ],
    'current-context': 'first',
  })
}

async function resolves(name: string, corefile: string, files: Record<string, string>): Promise<void> {
  const server = await startServer(name, { corefile, files, inCluster: false })
  await server.ready()
  deepEqual((await ask(server.ip, WEB, 'A')).data, [WEB_IP])
  await server.stop()
}

test('kubeconfig: a named context, a client certificate', async () => {
  const { cert, key } = world().cluster.credentials
  const config = kubeconfig({ 'client-certificate-data': base64(cert), 'client-key-data': base64(key) })
  await resolves('kubeconfig', withLines(`kubeconfig ${DIR}/config second`), { 'access/config': config })
})

test('kubeconfig: the current context, a token', async () => {
  const config = kubeconfig({ token: world().token }).replace('"current-context":"first"', '"current-context":"second"')
  await resolves('kubeconfig-token', withLines(`kubeconfig ${DIR}/config`), { 'access/config': config })
})

test('endpoint and tls: certificate, key and CA from files', async () => {
  const { cluster } = world()
  const { ca, cert, key } = cluster.credentials
  const lines = [`endpoint https://${cluster.host}:${cluster.port}`, `tls ${DIR}/cert ${DIR}/key ${DIR}/ca`]
  await resolves('endpoint', withLines(...lines), { 'access/ca': ca, 'access/cert': cert, 'access/key': key })
})
