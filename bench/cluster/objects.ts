/**
 * A cluster to measure with: namespaces, services, their slices and pods, as the API would list them. Deterministic, so
 * that both sides of a comparison see the same. Every fifth service is headless. What a change moved (`moves`) is the only
 * state.
 */

export interface ClusterSize {
  namespaces: number
  services: number
  /** Endpoints of each service; 4 if absent. With pods, these are the pods, in turn. */
  endpoints?: number
  pods?: number
  /** Endpoints of one more headless service, `wide.team-0`, a hundred to a slice. */
  wide?: number
}

export interface BenchService {
  namespace: string
  name: string
  /** Undefined for a headless service. */
  clusterIP: string | undefined
  endpoints: readonly string[]
}

export const PORT_NAME = 'http'
export const WIDE_NAME = 'wide'
const WIDE_NAMESPACE = 'team-0'
export const PER_SLICE = 100
const DEFAULT_ENDPOINTS = 4
const WIDE_BASE = 172
/** A pod of a real cluster, with its managed fields, takes about this much more than what is written out here. */
const FILLER = 'x'.repeat(500)

/** The n-th address of 10.BASE.0.0/16 and upwards, host parts 1 to 250. */
export function address(base: number, n: number): string {
  return `10.${base + Math.floor(n / 62_500)}.${Math.floor(n / 250) % 250}.${(n % 250) + 1}`
}

/** The n-th endpoint of the wide service, after `moves` moves. */
function wideAddress(n: number, moves = 0): string {
  return address(WIDE_BASE + 16 * (moves & 1), n)
}

function endpointsOf(i: number, { services, endpoints = DEFAULT_ENDPOINTS, pods = 0 }: ClusterSize): string[] {
  if (pods === 0) return Array.from({ length: endpoints }, (_, e) => address(128, i * endpoints + e))
  const all: string[] = []
  for (let pod = i; pod < pods; pod += services) all.push(address(128, pod))
  return all
}

export function services(size: ClusterSize): BenchService[] {
  return Array.from({ length: size.services }, (_, i) => ({
    namespace: `team-${i % size.namespaces}`,
    name: `service-${Math.floor(i / size.namespaces)}`,
    clusterIP: i % 5 === 0 ? undefined : address(96, i),
    endpoints: endpointsOf(i, size),
  }))
}

export type Resource = 'namespaces' | 'services' | 'endpointslices' | 'pods'

/** What an object is known by, and its place among those of its resource. */
export interface Metadata {
  readonly namespace: string
  readonly name: string
  readonly i: number
  readonly labels: Readonly<Record<string, string>>
}

export interface EndpointItem {
  readonly address: string
  readonly hostname: string
  readonly pod: string
}

/** One object, before it is written in either form. */
export interface Item {
  readonly metadata: Metadata
  readonly clusterIP?: string
  readonly port?: number
  readonly endpoints?: readonly EndpointItem[]
  readonly podIP?: string
}

export class BenchCluster {
  readonly size: ClusterSize
  readonly #services: BenchService[]
  /** How often the first endpoint of a slice moved. */
  readonly #moves = new Map<number, number>()

  constructor(size: ClusterSize) {
    this.size = size
    this.#services = services(size)
  }

  count(resource: Resource): number {
    const { namespaces, pods = 0, wide = 0 } = this.size
    if (resource === 'namespaces') return namespaces
    if (resource === 'pods') return pods
    const extra = resource === 'services' ? Math.min(1, wide) : Math.ceil(wide / PER_SLICE)
    return this.#services.length + extra
  }

  item(resource: Resource, i: number): Item {
    if (resource === 'namespaces') return { metadata: { namespace: '', name: `team-${i}`, i, labels: {} } }
    if (resource === 'pods') return this.#pod(i)
    if (i >= this.#services.length) return this.#wide(resource, i - this.#services.length)
    const { namespace, name, clusterIP } = this.#services[i]!
    if (resource === 'services') {
      const metadata = { namespace, name, i, labels: { app: name } }
      return { metadata, clusterIP: clusterIP ?? 'None', port: 80 }
    }
    return this.#slice(i)
  }

  /** Moves the first endpoint of slice `i` to another address, and gives that. */
  move(i: number): string {
    this.#moves.set(i, (this.#moves.get(i) ?? 0) + 1)
    return this.item('endpointslices', i).endpoints![0]!.address
  }

  #slice(i: number): Item {
    const { namespace, name, endpoints } = this.#services[i]!
    const labels = { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'bench' }
    const moves = this.#moves.get(i) ?? 0
    return {
      metadata: { namespace, name: `${name}-a1b2c`, i, labels },
      port: 8080,
      endpoints: endpoints.map((each, e) => ({
        address: e === 0 && moves > 0 ? address(200 + (moves & 1), i) : each,
        hostname: '',
        pod: `${name}-${e}`,
      })),
    }
  }

  #wide(resource: Resource, n: number): Item {
    const i = this.#services.length + n
    const metadata = { namespace: WIDE_NAMESPACE, name: WIDE_NAME, i, labels: {} }
    if (resource === 'services') return { metadata, clusterIP: 'None', port: 80 }
    const moves = this.#moves.get(i) ?? 0
    const count = Math.min(PER_SLICE, this.size.wide! - n * PER_SLICE)
    return {
      metadata: { ...metadata, name: `${WIDE_NAME}-${n}`, labels: { 'kubernetes.io/service-name': WIDE_NAME } },
      port: 8080,
      endpoints: Array.from({ length: count }, (_, e) => ({
        address: wideAddress(n * PER_SLICE + e, e === 0 ? moves : 0),
        hostname: `${WIDE_NAME}-${n * PER_SLICE + e}`,
        pod: `${WIDE_NAME}-${n * PER_SLICE + e}`,
      })),
    }
  }

  #pod(i: number): Item {
    const { namespace, name } = this.#services[i % this.#services.length]!
    const labels = { app: name, 'pod-template-hash': '5d8f7c9b6d', 'app.kubernetes.io/name': name }
    const podName = `${name}-5d8f7c9b6d-${i.toString(36).padStart(5, '0')}`
    return { metadata: { namespace, name: podName, i, labels }, podIP: address(128, i) }
  }
}

export function uid(i: number): string {
  return `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
}

export { FILLER }
