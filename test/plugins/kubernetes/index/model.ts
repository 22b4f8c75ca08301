/** A naive cluster to hold the index against: maps of objects, and every answer computed from all of them. */
import type { EndpointSlice } from '../../../../plugins/kubernetes/object/endpointslice.ts'
import type { Kind, SlimObject } from '../../../../plugins/kubernetes/object/object.ts'
import type { Pod } from '../../../../plugins/kubernetes/object/pod.ts'
import type { Service } from '../../../../plugins/kubernetes/object/service.ts'

export class Model {
  readonly #objects: Record<Kind, Map<string, SlimObject>> = {
    service: new Map(),
    endpointslice: new Map(),
    pod: new Map(),
    namespace: new Map(),
  }

  put(object: SlimObject): void {
    const namespace = object.kind === 'namespace' ? '' : object.namespace
    this.#objects[object.kind].set(`${namespace}/${object.name}`, object)
  }

  delete(kind: Kind, namespace: string, name: string): void {
    this.#objects[kind].delete(`${namespace}/${name}`)
  }

  /** Only these objects of the kind are left. */
  relist(kind: Kind, objects: readonly SlimObject[]): void {
    this.#objects[kind].clear()
    for (const object of objects) this.put(object)
  }

  #exists(namespace: string): boolean {
    return this.#objects.namespace.has(`/${namespace}`)
  }

  #service(namespace: string, name: string): Service | undefined {
    if (!this.#exists(namespace)) return undefined
    return this.#objects.service.get(`${namespace}/${name}`) as Service | undefined
  }

  #slices(namespace: string, name: string): EndpointSlice[] {
    const slices = [...this.#objects.endpointslice.values()] as EndpointSlice[]
    return slices.filter(slice => slice.namespace === namespace && slice.service === name)
  }

  /** Addresses of a family under a service's name, sorted; undefined where the name does not exist. */
  addresses(namespace: string, name: string, family: 4 | 6): string[] | undefined {
    const service = this.#service(namespace, name)
    if (service === undefined) return undefined
    const all = service.headless
      ? this.#slices(namespace, name).flatMap(slice => slice.endpoints.flatMap(({ addresses }) => addresses))
      : service.clusterIPs
    if (service.headless && all.length === 0) return undefined
    return [...new Set(all.filter(address => address.includes(':') === (family === 6)))].sort()
  }

  /** Addresses of a family under an endpoint's name, of the slices of a cluster; none is this cluster. */
  endpoint(namespace: string, name: string, label: string, family: 4 | 6, cluster = ''): string[] | undefined {
    if (this.#service(namespace, name) === undefined) return undefined
    const all = this.#slices(namespace, name)
      .filter(slice => (slice.cluster ?? '') === cluster)
      .flatMap(slice => slice.endpoints)
      .flatMap(({ addresses, hostname }) => addresses.filter(address => (hostname || dashed(address)) === label))
    if (all.length === 0) return undefined
    return [...new Set(all.filter(address => address.includes(':') === (family === 6)))].sort()
  }

  /** True if slices of the cluster belong to the service. */
  isCluster(namespace: string, name: string, cluster: string): boolean {
    if (this.#service(namespace, name) === undefined) return false
    return this.#slices(namespace, name).some(slice => slice.cluster === cluster && isKept(slice))
  }

  /** Addresses of a family in a topology zone of a headless service; undefined where there are no such names. */
  inZone(namespace: string, name: string, zone: string, family: 4 | 6): string[] | undefined {
    if (!this.#service(namespace, name)?.headless) return undefined
    const all = this.#slices(namespace, name).flatMap(slice => {
      const zones = new Map<string, string>() // of an endpoint that stands twice in a slice the first counts
      for (const { addresses, hostname, zone: of = '' } of slice.endpoints) {
        for (const address of addresses) {
          const key = `${address} ${hostname}`
          if (!zones.has(key)) zones.set(key, of)
        }
      }
      return [...zones].filter(([, of]) => of === zone).map(([key]) => key.slice(0, key.indexOf(' ')))
    })
    return [...new Set(all.filter(address => address.includes(':') === (family === 6)))].sort()
  }

  /** Names behind an address, sorted. */
  names(address: string): string[] {
    const services = ([...this.#objects.service.values()] as Service[]).filter(({ namespace }) =>
      this.#exists(namespace),
    )
    const byClusterIP = services.filter(({ clusterIPs }) => clusterIPs.includes(address))
    if (byClusterIP.length > 0) return byClusterIP.map(({ name, namespace }) => `${name}.${namespace}`).sort()
    const names = services.flatMap(({ name, namespace }) =>
      this.#slices(namespace, name)
        .flatMap(slice => slice.endpoints)
        .filter(({ addresses }) => addresses.includes(address))
        .map(({ hostname }) => `${hostname || dashed(address)}.${name}.${namespace}`),
    )
    return [...new Set(names)].sort()
  }

  /** True if a pod of the namespace has the address. */
  hasPod(namespace: string, address: string): boolean {
    const pods = [...this.#objects.pod.values()] as Pod[]
    return this.#exists(namespace) && pods.some(pod => pod.namespace === namespace && pod.ips.includes(address))
  }
}

function isKept({ endpoints }: EndpointSlice): boolean {
  return endpoints.some(({ addresses }) => addresses.length > 0)
}

export function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, '-').replace(/-$/, '-0')
}
