/**
 * The objects of all manifests together, as a cluster would hold them: duplicates decided, namespaces, addresses and
 * endpoints made where manifests leave them to the cluster. Knows no files but by name, and writes to no index.
 */
import type { AnyKind, SlimObject } from '../object/object.ts'
import { type LabelSelector, selects } from '../object/selector.ts'
import { trim } from '../object/trim.ts'
import { ManifestAddresses } from './manifest-addresses.ts'
import { PodsByLabel, slicesFor } from './manifest-endpoints.ts'
import type { ManifestObject } from './manifest-object.ts'
import type { Selection } from './source.ts'

/** What was read from one file. */
export interface ManifestContent {
  /** Relative to the folder. */
  readonly name: string
  readonly objects: readonly ManifestObject[]
  /** Namespaces that objects of any kind stand in. */
  readonly namespaces: ReadonlySet<string>
}

/** One object stands in two places. */
export interface Duplicate {
  readonly kind: AnyKind
  readonly namespace: string
  readonly name: string
  readonly dropped: string
  readonly kept: string
}

export interface ManifestSet {
  readonly objects: ReadonlyMap<AnyKind, readonly SlimObject[]>
  readonly duplicates: readonly Duplicate[]
}

export class ManifestMerger {
  readonly #selection: Selection
  readonly #addresses = new ManifestAddresses()

  constructor(selection: Selection) {
    this.#selection = selection
  }

  /** `contents` in the order of their names: the last one that has an object wins. */
  merge(contents: readonly ManifestContent[]): ManifestSet {
    const { kept, duplicates } = unique(contents)
    const { kinds, labels } = this.#selection
    const byKind = Map.groupBy(kept, object => object.kind)
    const services = this.#withAddresses(byKind.get('service') ?? [])
    const objects = new Map<AnyKind, SlimObject[]>()
    for (const kind of kinds) {
      const of = kind === 'service' ? services : kind === 'importedslice' ? imported(byKind) : (byKind.get(kind) ?? [])
      const selector = kind === 'serviceimport' ? undefined : labels
      objects.set(kind, kind === 'namespace' ? this.#namespaces(of, contents) : selected(of, selector))
    }
    objects.get('endpointslice')?.push(...this.#slicesFromPods(byKind))
    return { objects, duplicates }
  }

  #withAddresses(services: readonly ManifestObject[]): ManifestObject[] {
    const wanting = new Set<string>()
    const taken: string[] = []
    for (const { namespace, name, service, slim } of services) {
      if (service!.allocate.length > 0) wanting.add(`${namespace}/${name}`)
      else if (typeof slim !== 'string' && 'clusterIPs' in slim) taken.push(...slim.clusterIPs)
    }
    this.#addresses.begin(taken, wanting)
    return services.map(object => {
      const { namespace, name, service, slim } = object
      if (typeof slim === 'string' || !('clusterIPs' in slim) || service!.allocate.length === 0) return object
      const clusterIPs = service!.allocate.map(family => this.#addresses.addressOf(`${namespace}/${name}`, family))
      return { ...object, slim: { ...slim, clusterIPs } }
    })
  }

  #namespaces(written: readonly ManifestObject[], contents: readonly ManifestContent[]): SlimObject[] {
    const byName = new Map<string, ReadonlyMap<string, string>>()
    for (const { namespaces } of contents) for (const name of namespaces) byName.set(name, new Map())
    for (const { name, labels } of written) byName.set(name, labels)
    const selector = this.#selection.namespaceLabels
    const made: SlimObject[] = []
    for (const [name, labels] of byName) {
      const slim = trim('namespace', { metadata: { name } })
      if (typeof slim === 'string') continue
      // The API server gives every namespace this label.
      if (!selector || selects(selector, new Map([...labels, ['kubernetes.io/metadata.name', name]]))) made.push(slim)
    }
    return made
  }

  /** Slices of a Service carry its labels, so `labels` decides for both. */
  #slicesFromPods(byKind: ReadonlyMap<AnyKind, readonly ManifestObject[]>): SlimObject[] {
    const written = new Set<string>()
    for (const { namespace, slim } of byKind.get('endpointslice') ?? []) {
      if (typeof slim !== 'string' && 'service' in slim) written.add(`${namespace}/${slim.service}`)
    }
    const pods = new PodsByLabel(byKind.get('pod') ?? [])
    const { labels } = this.#selection
    const made: SlimObject[] = []
    for (const service of byKind.get('service') ?? []) {
      if (written.has(`${service.namespace}/${service.name}`)) continue
      if (labels && !selects(labels, service.labels)) continue
      for (const json of slicesFor(service, service.service!, pods)) {
        const slim = trim('endpointslice', json)
        if (typeof slim !== 'string') made.push(slim)
      }
    }
    return made
  }
}

function unique(contents: readonly ManifestContent[]): { kept: ManifestObject[]; duplicates: Duplicate[] } {
  const byKey = new Map<string, { object: ManifestObject; file: string }>()
  const duplicates: Duplicate[] = []
  for (const { name: file, objects } of contents) {
    for (const object of objects) {
      const { kind, namespace, name } = object
      const key = `${kind} ${namespace}/${name}`
      const known = byKey.get(key)
      if (known) duplicates.push({ kind, namespace, name, dropped: known.file, kept: file })
      byKey.set(key, { object, file })
    }
  }
  return { kept: [...byKey.values()].map(({ object }) => object), duplicates }
}

/** The EndpointSlices of ServiceImports, as such. */
function imported(byKind: ReadonlyMap<AnyKind, readonly ManifestObject[]>): ManifestObject[] {
  const slices = byKind.get('endpointslice') ?? []
  return slices.flatMap(slice => (slice.imported === undefined ? [] : [{ ...slice, slim: slice.imported }]))
}

function selected(objects: readonly ManifestObject[], labels: LabelSelector | undefined): SlimObject[] {
  const made: SlimObject[] = []
  for (const object of objects) {
    if (typeof object.slim !== 'string' && (!labels || selects(labels, object.labels))) made.push(object.slim)
  }
  return made
}
