/** What tests of credentials have in common: an API server over TLS, kubeconfigs, and one request with what is to be tried. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Credentials } from '../../../../plugins/kubernetes/source/credentials.ts'
import { HttpClient } from '../../../../plugins/kubernetes/source/http-client.ts'
import { RateLimit } from '../../../../plugins/kubernetes/source/rate-limit.ts'
import {
  FakeApiServer,
  type FakeApiServerOptions,
  type FakeRequest,
  SERVICES,
} from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'

export const TLS = `${import.meta.dirname}/../../../harness/tls`
export const pem = (name: string) => readFileSync(`${TLS}/${name}`, 'utf8')
export const base64 = (name: string) => Buffer.from(pem(name)).toString('base64')
export const SERVER = { cert: pem('server.crt'), key: pem('server.key') }
export const MUTUAL = { tls: { ...SERVER, ca: pem('ca.crt') } }

/** A server, a folder for files, and a clock. */
export async function run(
  scenario: (world: { server: FakeApiServer; folder: string; clock: FakeClock }) => Promise<void>,
  options: FakeApiServerOptions = { tls: SERVER },
): Promise<void> {
  const server = await FakeApiServer.start(options)
  const folder = mkdtempSync(join(tmpdir(), 'sextant-credentials-'))
  try {
    await scenario({ server, folder, clock: new FakeClock() })
  } finally {
    await server.close()
    rmSync(folder, { recursive: true })
  }
}

/** Lists once; gives the request as the server saw it. */
export async function listOnce(
  server: FakeApiServer,
  credentials: Credentials,
  clock: FakeClock,
): Promise<FakeRequest> {
  const rateLimit = new RateLimit(clock, { qps: 0, burst: 0, maxInflight: 0 })
  const client = new HttpClient({ credentials, clock, rateLimit })
  try {
    const { signal } = new AbortController()
    const body = await client.get({ path: SERVICES, query: {}, accept: 'application/json', idleMs: 60_000, signal })
    for await (const _ of body.octets) void _
    return server.requests.at(-1)!
  } finally {
    client.close()
  }
}

export async function failure(of: Promise<unknown>): Promise<Error> {
  try {
    await of
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing failed')
}

/** Text of a kubeconfig with one cluster, user and context; JSON is YAML. */
export function kubeconfig(server: string, cluster: object, user: object): string {
  return JSON.stringify({
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
  })
}

/** Of the server in harness/tls. */
export const CA = { 'certificate-authority-data': base64('ca.crt') }
