/**
 * What is kept of an object in a manifest: its slim form, and what a cluster's controllers would read of it (selectors,
 * target ports, readiness) to make addresses and endpoints. The rest of the text is dropped.
 */
import { IMPORT_LABEL } from '../object/endpointslice.ts'
import {
  type AnyKind,
  isJson,
  type Json,
  labelsOf,
  listAt,
  objectAt,
  type SlimObject,
  textAt,
  textsAt,
} from '../object/object.ts'
import { trim } from '../object/trim.ts'

export interface ManifestObject {
  readonly kind: AnyKind
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  /** Text: why it is not served. */
  readonly slim: SlimObject | string
  /** Of an EndpointSlice of a ServiceImport: as that. */
  readonly imported?: SlimObject | string
  readonly service?: ServicePlan
  readonly pod?: PodState
}

/** What a Service asks of the controllers. */
export interface ServicePlan {
  /** Families to give addresses of; none if it has some, or wants none. */
  readonly allocate: readonly (4 | 6)[]
  /** Label = value pairs; undefined if its endpoints are not the controllers' business. */
  readonly selector: readonly (readonly [string, string])[] | undefined
  readonly publishNotReady: boolean
  readonly ports: readonly TargetPort[]
}

export interface TargetPort {
  readonly name: string
  readonly protocol: string
  /** A number, or the name of a container's port. */
  readonly target: number | string
}

export interface PodState {
  readonly ips: readonly string[]
  readonly ready: boolean
  readonly hostname: string
  readonly subdomain: string
  /** `NAME/PROTOCOL` → number. */
  readonly ports: ReadonlyMap<string, number>
}

const KINDS: Readonly<Record<string, readonly [AnyKind, group: string]>> = {
  Service: ['service', ''],
  Pod: ['pod', ''],
  Namespace: ['namespace', ''],
  EndpointSlice: ['endpointslice', 'discovery.k8s.io'],
  ServiceImport: ['serviceimport', 'multicluster.x-k8s.io'],
}

/** Undefined for objects that DNS does not show. */
export function manifestObject(json: Json): ManifestObject | undefined {
  const kindText = textAt(json, 'kind')
  const known = Object.hasOwn(KINDS, kindText) ? KINDS[kindText] : undefined
  if (!known || groupOf(textAt(json, 'apiVersion'), known[1]) !== known[1]) return undefined
  const [kind] = known
  const metadata = objectAt(json, 'metadata')
  const name = textAt(metadata, 'name')
  const labels = labelsOf(json)
  if (kind === 'namespace') return { kind, namespace: '', name, labels, slim: trim(kind, json) }
  const namespace = textAt(metadata, 'namespace') || 'default'
  const complete = { ...json, metadata: { ...metadata, namespace } }
  const slim = trim(kind, complete)
  return {
    kind,
    namespace,
    name,
    labels,
    slim,
    ...(kind === 'endpointslice' && labels.has(IMPORT_LABEL) && { imported: trim('importedslice', complete) }),
    ...(kind === 'service' && { service: servicePlan(objectAt(json, 'spec')) }),
    ...(kind === 'pod' && { pod: podState(json) }),
  }
}

/** The namespace that any object, of whatever kind, stands in; empty if it does not say so. */
export function namespaceMentioned(json: Json): string {
  return textAt(objectAt(json, 'metadata'), 'namespace')
}

/** `v1` is the core group; without an apiVersion it is taken for the group that has the kind. */
function groupOf(apiVersion: string, absent: string): string {
  if (apiVersion === '') return absent
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

function servicePlan(spec: Json): ServicePlan {
  const isExternalName = textAt(spec, 'type') === 'ExternalName'
  const hasAddresses = textAt(spec, 'clusterIP') !== '' || textsAt(spec, 'clusterIPs').some(address => address !== '')
  const selector = Object.entries(objectAt(spec, 'selector')).filter(pair => typeof pair[1] === 'string')
  return {
    allocate: isExternalName || hasAddresses ? [] : familiesOf(spec),
    selector: isExternalName || selector.length === 0 ? undefined : (selector as [string, string][]),
    publishNotReady: spec.publishNotReadyAddresses === true,
    ports: listAt(spec, 'ports').filter(isJson).map(targetPort),
  }
}

/** As the API server defaults them on a cluster whose first family is IPv4. */
function familiesOf(spec: Json): (4 | 6)[] {
  const families = textsAt(spec, 'ipFamilies').map(family => (family === 'IPv6' ? 6 : 4))
  if (families.length > 0) return families
  return /^(?:Prefer|Require)DualStack$/.test(textAt(spec, 'ipFamilyPolicy')) ? [4, 6] : [4]
}

function targetPort(port: Json): TargetPort {
  const { targetPort: target = port.port } = port
  const isName = typeof target === 'string' && !/^\d+$/.test(target)
  const protocol = textAt(port, 'protocol') || 'TCP'
  return { name: textAt(port, 'name'), protocol, target: isName ? target : Number(target ?? port.port) }
}

function podState(json: Json): PodState {
  const spec = objectAt(json, 'spec')
  const status = objectAt(json, 'status')
  const ready = listAt(status, 'conditions')
    .filter(isJson)
    .find(condition => condition.type === 'Ready')
  const ports = new Map<string, number>()
  for (const container of listAt(spec, 'containers').filter(isJson)) {
    for (const { name, containerPort, protocol = 'TCP' } of listAt(container, 'ports').filter(isJson)) {
      if (typeof name === 'string' && Number.isInteger(containerPort))
        ports.set(`${name}/${protocol}`, Number(containerPort))
    }
  }
  const phase = textAt(status, 'phase')
  const ips = listAt(status, 'podIPs')
    .filter(isJson)
    .map(item => textAt(item, 'ip'))
  const onlyIp = textAt(status, 'podIP')
  return {
    ips: phase === 'Succeeded' || phase === 'Failed' ? [] : ips.length > 0 ? ips : onlyIp === '' ? [] : [onlyIp],
    ready:
      (ready === undefined || ready.status === 'True') && objectAt(json, 'metadata').deletionTimestamp === undefined,
    hostname: textAt(spec, 'hostname'),
    subdomain: textAt(spec, 'subdomain'),
    ports,
  }
}
