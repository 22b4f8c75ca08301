/** API objects in a few words each, as the API server would give them. */
export interface ApiObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels: Record<string, string>; [field: string]: unknown }
  [field: string]: unknown
}

export type LabelSet = Record<string, string>

export function namespace(name: string, labels: LabelSet = {}): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
  }
}

/** Ports as `http:tcp:80`, `:udp:53` for an unnamed one, `http:tcp:` for one without a number. */
function ports(texts: readonly string[]): object[] {
  return texts.map(text => {
    const [name, protocol, port] = text.split(':')
    return { ...(name && { name }), protocol: protocol!.toUpperCase(), ...(port && { port: Number(port) }) }
  })
}

export interface ServiceOptions {
  /** None: headless. */
  ips?: readonly string[]
  ports?: readonly string[]
  external?: string
  type?: string
  labels?: LabelSet
  externalIPs?: readonly string[]
}

/** A Service `NAME.NAMESPACE`. */
export function service(at: string, options: ServiceOptions = {}): ApiObject {
  const { ips = [], external, type = 'ClusterIP', labels = {}, externalIPs } = options
  const addresses = ips.length === 0 ? ['None'] : ips
  const cluster = { type, clusterIP: addresses[0], clusterIPs: addresses, ...(externalIPs && { externalIPs }) }
  const spec = external === undefined ? cluster : { type: 'ExternalName', externalName: external }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...identity(at), labels },
    spec: { ...spec, ports: ports(options.ports ?? []) },
  }
}

export interface SliceOptions {
  ports?: readonly string[]
  labels?: LabelSet
  /** Topology zones of the endpoints, in turn. */
  zones?: readonly string[]
}

/**
 * An EndpointSlice `SERVICE-SUFFIX.NAMESPACE` of a service. Endpoints as `10.0.0.1`, with `=hostname`, `@pod`; `!` unready,
 * `?` of unknown readiness; several addresses of one endpoint with `+`.
 */
export function slice(at: string, suffix: string, endpoints: readonly string[], options: SliceOptions = {}): ApiObject {
  const { name, namespace } = identity(at)
  const { labels = {}, zones } = options
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${suffix}`, namespace, labels: { 'kubernetes.io/service-name': name, ...labels } },
    addressType: endpoints.some(text => text.includes(':')) ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map((text, i) => endpoint(text, namespace, zones?.[i % zones.length])),
    ports: ports(options.ports ?? []),
  }
}

function endpoint(text: string, namespace: string, zone: string | undefined): object {
  const [, mark, addresses, hostname, pod] = /^([!?]?)([^=@]+)(?:=([^@]+))?(?:@(.+))?$/.exec(text)!
  return {
    addresses: addresses!.split('+'),
    conditions: mark === '?' ? {} : { ready: mark === '' },
    ...(hostname && { hostname }),
    ...(pod && { targetRef: { kind: 'Pod', name: pod, namespace } }),
    ...(zone && { zone }),
  }
}

export interface PodOptions {
  phase?: string
  labels?: LabelSet
  deleted?: boolean
}

export function pod(
  at: string,
  ips: readonly string[],
  { phase = 'Running', labels = {}, deleted }: PodOptions = {},
): ApiObject {
  const status = { phase, ...(ips.length > 0 && { podIP: ips[0], podIPs: ips.map(ip => ({ ip })) }) }
  const deletion = deleted ? { deletionTimestamp: '2026-11-01T00:00:00Z', deletionGracePeriodSeconds: 30 } : {}
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...identity(at), labels, ...deletion }, spec: {}, status }
}

/** A ServiceImport (multicluster.x-k8s.io), headless without addresses. */
export function serviceImport(at: string, ips: readonly string[], portTexts: readonly string[]): ApiObject {
  return {
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: { ...identity(at), labels: {} },
    spec: {
      type: ips.length > 0 ? 'ClusterSetIP' : 'Headless',
      ...(ips.length > 0 && { ips }),
      ports: ports(portTexts),
    },
  }
}

/** A slice that belongs to a ServiceImport: of another cluster. */
export function importSlice(
  at: string,
  cluster: string,
  endpoints: readonly string[],
  portTexts: readonly string[],
): ApiObject {
  const { name } = identity(at)
  const labels = {
    'multicluster.kubernetes.io/service-name': name,
    ...(cluster !== '' && { 'multicluster.kubernetes.io/source-cluster': cluster }),
  }
  const made = slice(at, `mcs-${cluster || 'unnamed'}`, endpoints, { ports: portTexts, labels })
  delete made.metadata.labels['kubernetes.io/service-name']
  return made
}

function identity(at: string): { name: string; namespace: string } {
  const dot = at.lastIndexOf('.')
  return { name: at.slice(0, dot), namespace: at.slice(dot + 1) }
}
