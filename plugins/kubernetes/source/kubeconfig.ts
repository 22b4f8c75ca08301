/**
 * Credentials from a kubeconfig file: server, CA, client certificates, tokens, passwords, all of them from the file or
 * from files that it names. What needs a program or a login (exec, auth-provider) is left to the client library, in
 * kubeconfig-library.ts.
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../informer/clock.ts'
import { isJson, type Json, listAt, objectAt, textAt, textsAt } from '../object/object.ts'
import {
  bearer,
  type Credentials,
  firstRead,
  type RequestHeaders,
  RotatingFile,
  type TlsMaterial,
} from './credentials.ts'
import { serverUrl } from './in-cluster.ts'
import { libraryIdentity } from './kubeconfig-library.ts'

export interface KubeconfigPlace {
  /** Absolute path. */
  readonly file: string
  /** Undefined: the current one of the file. */
  readonly context: string | undefined
}

/** @throws Error with one line that says what is missing or wrong, and where */
export async function kubeconfigCredentials(place: KubeconfigPlace, clock: Clock): Promise<Credentials> {
  const config = await readKubeconfig(place.file)
  const { cluster, user, context } = chosen(config, place)
  const server = serverUrl(textAt(cluster, 'server'), `server in kubeconfig "${place.file}":`)
  const proxy = textAt(cluster, 'proxy-url') || undefined
  const folder = dirname(place.file)
  const ca = await material(cluster, 'certificate-authority', folder, clock)
  const trust = (): Promise<TlsMaterial> => trustOf(cluster, ca)
  if (isJson(user.exec) || isJson(user['auth-provider'])) {
    const identity = await libraryIdentity({ ...place, context }, clock)
    return {
      server,
      proxy,
      tls: async () => ({ ...(await trust()), ...(await identity.tls()) }),
      headers: async () => ({ ...impersonation(user), ...(await identity.headers()) }),
      refused() {
        ca?.refused()
        identity.refused()
      },
    }
  }
  const cert = await material(user, 'client-certificate', folder, clock)
  const key = await material(user, 'client-key', folder, clock)
  const token = await tokenFile(user, folder, clock)
  return {
    server,
    proxy,
    tls: async () => ({
      ...(await trust()),
      ...(cert && { cert: await cert.read() }),
      ...(key && { key: await key.read() }),
    }),
    headers: async () => ({ ...impersonation(user), ...(token ? bearer(await token.read()) : authorization(user)) }),
    refused() {
      for (const file of [ca, cert, key, token]) file?.refused()
    },
  }
}

async function readKubeconfig(file: string): Promise<Json> {
  let config: unknown
  try {
    const { load } = await import('js-yaml')
    config = load(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new Error(`cannot read kubeconfig "${file}"`, { cause })
  }
  if (isJson(config)) return config
  throw new Error(`found no kubeconfig in "${file}", expected clusters, users and contexts`)
}

function chosen(
  config: Json,
  { file, context: wanted }: KubeconfigPlace,
): { cluster: Json; user: Json; context: string } {
  const context = wanted ?? textAt(config, 'current-context')
  if (context === '')
    throw new Error(`found no current-context in kubeconfig "${file}", expected one, or "kubeconfig FILE CONTEXT"`)
  const chosenContext = named(config, 'context', context, file)
  const userName = textAt(chosenContext, 'user')
  return {
    cluster: named(config, 'cluster', textAt(chosenContext, 'cluster'), file),
    user: userName === '' ? {} : named(config, 'user', userName, file),
    context,
  }
}

/** An entry of `contexts`, `clusters` or `users`. */
function named(config: Json, kind: 'context' | 'cluster' | 'user', name: string, file: string): Json {
  const entries = listAt(config, `${kind}s`).filter(isJson)
  const entry = entries.find(candidate => candidate.name === name)
  if (entry) return objectAt(entry, kind)
  const known = entries.map(({ name: each }) => `"${each}"`).join(', ') || 'none'
  throw new Error(`found no ${kind} "${name}" in kubeconfig "${file}", expected one of those it has: ${known}`)
}

/** Something that stands in the file itself (`FIELD-data`, base64), or in a file that it names. */
interface Material {
  read(): Promise<Buffer>
  refused(): void
}

async function material(from: Json, field: string, folder: string, clock: Clock): Promise<Material | undefined> {
  const data = textAt(from, `${field}-data`)
  if (data !== '') {
    const octets = Buffer.from(data, 'base64')
    return { read: async () => octets, refused() {} }
  }
  return await namedFile(textAt(from, field), field, folder, clock)
}

function tokenFile(user: Json, folder: string, clock: Clock): Promise<Material | undefined> {
  return namedFile(textAt(user, 'tokenFile'), 'tokenFile', folder, clock)
}

async function namedFile(path: string, field: string, folder: string, clock: Clock): Promise<Material | undefined> {
  if (path === '') return undefined
  const file = new RotatingFile(resolve(folder, path), clock)
  await firstRead(file, `${field} of the kubeconfig`, resolve(folder, path))
  return file
}

async function trustOf(cluster: Json, ca: Material | undefined): Promise<TlsMaterial> {
  const servername = textAt(cluster, 'tls-server-name')
  return {
    ...(ca && { ca: await ca.read() }),
    ...(servername !== '' && { servername }),
    ...(cluster['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false }),
  }
}

function authorization(user: Json): RequestHeaders {
  const token = textAt(user, 'token')
  if (token !== '') return bearer(token)
  const username = textAt(user, 'username')
  if (username === '') return {}
  return { authorization: `Basic ${Buffer.from(`${username}:${textAt(user, 'password')}`).toString('base64')}` }
}

function impersonation(user: Json): RequestHeaders {
  const as = textAt(user, 'as')
  if (as === '') return {}
  const uid = textAt(user, 'as-uid')
  const groups = textsAt(user, 'as-groups')
  const extra = objectAt(user, 'as-user-extra')
  const extras = Object.keys(extra).map(key => [
    `impersonate-extra-${encodeURIComponent(key.toLowerCase())}`,
    textsAt(extra, key),
  ])
  return {
    'impersonate-user': as,
    ...(uid !== '' && { 'impersonate-uid': uid }),
    ...(groups.length > 0 && { 'impersonate-group': groups }),
    ...Object.fromEntries(extras),
  }
}
