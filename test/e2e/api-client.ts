/**
 * A small REST client of the Kubernetes API for the suite itself. Shares no code with the server under test.
 */
import { Agent, request } from 'node:https'

export interface Endpoint {
  host: string
  port: number
  ca: string
  cert: string
  key: string
}

/** Just enough of any API object. */
export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; [field: string]: unknown }
  [field: string]: unknown
}

export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const PLURALS = new Map([
  ['Namespace', 'namespaces'],
  ['Service', 'services'],
  ['EndpointSlice', 'endpointslices'],
  ['Pod', 'pods'],
  ['ServiceAccount', 'serviceaccounts'],
  ['ClusterRole', 'clusterroles'],
  ['ClusterRoleBinding', 'clusterrolebindings'],
  ['CustomResourceDefinition', 'customresourcedefinitions'],
  ['ServiceImport', 'serviceimports'],
])

export class ApiClient {
  readonly #endpoint: Endpoint
  readonly #agent: Agent

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8, ca: endpoint.ca, cert: endpoint.cert, key: endpoint.key })
  }

  /** Resolves when the API server has answered with 2xx: from then on the change is law. */
  call(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers: Record<string, string> = { accept: 'application/json' }
      if (text !== undefined)
        Object.assign(headers, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) })
      const { host, port } = this.#endpoint
      const req = request({ host, port, method, path, headers, agent: this.#agent, timeout: 20_000 }, res => {
        const chunks: Buffer[] = []
        res.on('data', chunk => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          const answer = Buffer.concat(chunks).toString()
          const status = res.statusCode ?? 0
          if (status < 200 || status > 299)
            reject(new ApiError(status, `${method} ${path}: ${status} ${answer.slice(0, 500)}`))
          else resolve(res.headers['content-type']?.startsWith('application/json') ? JSON.parse(answer) : answer)
        })
      })
      req.on('timeout', () => req.destroy(new Error(`${method} ${path}: no answer in 20 s`)))
      req.on('error', reject)
      req.end(text)
    })
  }

  create(object: KubernetesObject): Promise<unknown> {
    return this.call('POST', collection(object.apiVersion, object.kind, object.metadata.namespace), object)
  }

  /** A JSON merge patch of the object that has this kind and name. */
  patch(object: KubernetesObject, patch: unknown): Promise<unknown> {
    return this.call('PATCH', pathOf(object), patch, 'application/merge-patch+json')
  }

  delete(object: KubernetesObject): Promise<unknown> {
    return this.call('DELETE', pathOf(object), { gracePeriodSeconds: 0 })
  }

  async deleteIfThere(object: KubernetesObject): Promise<void> {
    try {
      await this.delete(object)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
  }

  /** A token of the service account, by the TokenRequest API, as kubelet asks for one. */
  async token(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
    const answer = (await this.call('POST', path, body)) as { status: { token: string } }
    return answer.status.token
  }

  close(): void {
    this.#agent.destroy()
  }
}

function collection(apiVersion: string, kind: string, namespace?: string): string {
  const plural = PLURALS.get(kind)
  if (!plural) throw new Error(`no path known for kind "${kind}"`)
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace ? `${group}/namespaces/${namespace}/${plural}` : `${group}/${plural}`
}

function pathOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  return `${collection(apiVersion, kind, metadata.namespace)}/${metadata.name}`
}
