/**
 * Kubernetes objects the tests create, in the shortest form the API server takes. There is no controller manager:
 * a Service has the EndpointSlices that a test creates for it.
 */
import type { KubernetesObject } from './api-client.ts'

export interface Port {
  name?: string
  port: number
  protocol?: 'TCP' | 'UDP'
}

export const HTTP: readonly Port[] = [{ name: 'http', port: 80, protocol: 'TCP' }]

export function namespace(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
}

/** `spec` holds what differs from a ClusterIP service with one port. */
export function service(ns: string, name: string, spec: Record<string, unknown> = {}): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: ns }, spec: { ports: HTTP, ...spec } }
}

export interface Endpoint {
  ip: string
  hostname?: string
  ready?: boolean
}

export function slice(
  ns: string,
  of: string,
  endpoints: readonly Endpoint[],
  ports = HTTP,
  suffix = 'a',
): KubernetesObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-${suffix}`, namespace: ns, labels: { 'kubernetes.io/service-name': of } },
    addressType: endpoints.some(({ ip }) => ip.includes(':')) ? 'IPv6' : 'IPv4',
    ports,
    endpoints: endpoints.map(endpoint),
  }
}

export function endpoint({ ip, hostname, ready = true }: Endpoint): Record<string, unknown> {
  return { addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}) }
}

/** A service account whose cluster role has list and watch on exactly these resources. */
export function account(name: string, resources: readonly [group: string, resource: string][]): KubernetesObject[] {
  const api = 'rbac.authorization.k8s.io'
  const rules = resources.map(([group, resource]) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: ['list', 'watch'],
  }))
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'kube-system' } },
    { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: api, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }],
    },
  ]
}
