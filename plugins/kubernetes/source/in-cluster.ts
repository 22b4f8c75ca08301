/**
 * Credentials of a pod: what kubelet puts into every container that has a service account.
 */
import type { Clock } from '../informer/clock.ts'
import { bearer, type Credentials, firstRead, RotatingFile } from './credentials.ts'

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * @param env has KUBERNETES_SERVICE_HOST (an IPv6 address without brackets) and KUBERNETES_SERVICE_PORT
 * @throws Error with what is missing, if this is no pod or it has no service account
 */
export async function inClusterCredentials(
  clock: Clock,
  env: NodeJS.ProcessEnv = process.env,
  folder = FOLDER,
): Promise<Credentials> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new Error(
      'found no KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in the environment, expected to run in a pod, ' +
        'or "endpoint", "kubeconfig" or "manifests" in the Corefile',
    )
  }
  const token = new RotatingFile(`${folder}/token`, clock)
  const ca = new RotatingFile(`${folder}/ca.crt`, clock)
  await firstRead(token, 'the service account token', `${folder}/token`)
  await firstRead(ca, "the cluster's CA certificate", `${folder}/ca.crt`)
  return {
    server: new URL(`https://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`),
    tls: async () => ({ ca: await ca.read() }),
    headers: async () => bearer(await token.read()),
    refused() {
      token.refused()
      ca.refused()
    },
  }
}

/**
 * `endpoint URL`, with `tls CERT KEY CA` if it is https and asks for a certificate.
 * @throws Error if the URL or a file is none
 */
export async function endpointCredentials(
  endpoint: string,
  tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined,
  clock: Clock,
): Promise<Credentials> {
  const server = serverUrl(endpoint, 'endpoint')
  if (tls === undefined) return { server, tls: async () => ({}), headers: async () => ({}), refused() {} }
  const files = [tls.cert, tls.key, tls.ca].map(path => new RotatingFile(path, clock))
  const [cert, key, ca] = files as [RotatingFile, RotatingFile, RotatingFile]
  await firstRead(cert, 'the client certificate', tls.cert)
  await firstRead(key, 'the client key', tls.key)
  await firstRead(ca, 'the CA certificate', tls.ca)
  return {
    server,
    tls: async () => ({ cert: await cert.read(), key: await key.read(), ca: await ca.read() }),
    headers: async () => ({}),
    refused() {
      for (const file of files) file.refused()
    },
  }
}

/** @throws Error if the text is no http or https URL; without a scheme it is http, as client-go has it */
export function serverUrl(text: string, what: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new Error(`found ${what} "${text}", expected a URL such as "https://10.0.0.1:6443"`)
}
