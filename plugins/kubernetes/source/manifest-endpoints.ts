/**
 * EndpointSlices for Services of manifests that have none, from their selectors over Pods: what the endpoint slice
 * controller of a cluster does, as far as DNS shows it.
 */
import type { Json } from '../object/object.ts'
import type { ManifestObject, PodState, ServicePlan } from './manifest-object.ts'

/** Pods by namespace and by one of their labels, so that a selector looks at few of them. */
export class PodsByLabel {
  readonly #byLabel = new Map<string, ManifestObject[]>()

  constructor(pods: Iterable<ManifestObject>) {
    for (const pod of pods) {
      for (const [label, value] of pod.labels) {
        const key = `${pod.namespace}\0${label}\0${value}`
        const found = this.#byLabel.get(key)
        if (found) found.push(pod)
        else this.#byLabel.set(key, [pod])
      }
    }
  }

  select(namespace: string, selector: readonly (readonly [string, string])[]): ManifestObject[] {
    const [first, ...rest] = selector
    if (!first) return []
    const candidates = this.#byLabel.get(`${namespace}\0${first[0]}\0${first[1]}`) ?? []
    return candidates.filter(({ labels }) => rest.every(([label, value]) => labels.get(label) === value))
  }
}

/** EndpointSlices of a Service, as JSON of the API: one per family and set of port numbers. */
export function slicesFor(service: ManifestObject, plan: ServicePlan, pods: PodsByLabel): Json[] {
  if (plan.selector === undefined) return []
  const slices = new Map<string, { ports: Json[]; endpoints: Json[] }>()
  for (const pod of pods.select(service.namespace, plan.selector)) {
    const state = pod.pod
    if (!state || !(state.ready || plan.publishNotReady)) continue
    const ports = portsOf(plan, state)
    for (const family of ['IPv4', 'IPv6']) {
      const addresses = state.ips.filter(ip => ip.includes(':') === (family === 'IPv6'))
      if (addresses.length === 0) continue
      const key = `${family} ${JSON.stringify(ports)}`
      const slice = slices.get(key) ?? { ports, endpoints: [] }
      slices.set(key, slice)
      slice.endpoints.push(endpoint(service, pod, state, addresses.slice(0, 1)))
    }
  }
  return [...slices.values()].map(({ ports, endpoints }, number) => ({
    metadata: {
      namespace: service.namespace,
      name: `${service.name}-from-pods-${number}`,
      labels: { 'kubernetes.io/service-name': service.name },
    },
    ports,
    endpoints,
  }))
}

function endpoint(service: ManifestObject, pod: ManifestObject, state: PodState, addresses: string[]): Json {
  return {
    addresses,
    targetRef: { kind: 'Pod', namespace: pod.namespace, name: pod.name },
    // k8s-dns §2.3: a pod has a name of its own below the service that its subdomain names.
    ...(state.hostname !== '' && state.subdomain === service.name && { hostname: state.hostname }),
  }
}

/** A port whose name no container of the pod has is left out, as the controller does. */
function portsOf(plan: ServicePlan, state: PodState): Json[] {
  return plan.ports.flatMap(({ name, protocol, target }) => {
    const port = typeof target === 'number' ? target : state.ports.get(`${target}/${protocol}`)
    return port === undefined ? [] : [{ name, protocol, port }]
  })
}
