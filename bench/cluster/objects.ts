/**
 * A cluster to measure with: namespaces, services and their slices as the API would list them. Deterministic, so that
 * both sides of a comparison see the same. Every fifth service is headless with four endpoints.
 */

export interface ClusterSize {
  namespaces: number
  services: number
}

export interface BenchService {
  namespace: string
  name: string
  /** Undefined for a headless service. */
  clusterIP: string | undefined
  endpoints: readonly string[]
}

export const PORT_NAME = 'http'
const ENDPOINTS = 4

/** The n-th address of 10.BASE.0.0/16 and upwards, host parts 1 to 250. */
function address(base: number, n: number): string {
  return `10.${base + Math.floor(n / 62_500)}.${Math.floor(n / 250) % 250}.${(n % 250) + 1}`
}

export function services({ namespaces, services }: ClusterSize): BenchService[] {
  return Array.from({ length: services }, (_, i) => ({
    namespace: `team-${i % namespaces}`,
    name: `service-${Math.floor(i / namespaces)}`,
    clusterIP: i % 5 === 0 ? undefined : address(96, i),
    endpoints: Array.from({ length: ENDPOINTS }, (_, e) => address(128, i * ENDPOINTS + e)),
  }))
}

const meta = (namespace: string | undefined, name: string, i: number, labels: Record<string, string> = {}) => ({
  name,
  ...(namespace && { namespace }),
  uid: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  resourceVersion: '1000',
  creationTimestamp: '2026-11-01T00:00:00Z',
  labels,
})

/** The items of one resource, as LIST gives them. */
export function items(resource: 'namespaces' | 'services' | 'endpointslices', size: ClusterSize): object[] {
  const all = services(size)
  if (resource === 'namespaces') {
    return Array.from({ length: size.namespaces }, (_, i) => ({
      metadata: meta(undefined, `team-${i}`, i),
      status: { phase: 'Active' },
    }))
  }
  if (resource === 'services') {
    return all.map((s, i) => ({
      metadata: meta(s.namespace, s.name, i, { app: s.name }),
      spec: {
        type: 'ClusterIP',
        clusterIP: s.clusterIP ?? 'None',
        clusterIPs: [s.clusterIP ?? 'None'],
        ipFamilies: ['IPv4'],
        ports: [{ name: PORT_NAME, port: 80, protocol: 'TCP', targetPort: 8080 }],
        selector: { app: s.name },
      },
    }))
  }
  return all.map((s, i) => ({
    metadata: meta(s.namespace, `${s.name}-a1b2c`, i, { 'kubernetes.io/service-name': s.name }),
    addressType: 'IPv4',
    ports: [{ name: PORT_NAME, port: 8080, protocol: 'TCP' }],
    endpoints: s.endpoints.map((ip, e) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${e}`,
      targetRef: { kind: 'Pod', namespace: s.namespace, name: `${s.name}-${e}`, uid: `pod-${i}-${e}` },
    })),
  }))
}
