/**
 * EndpointSlice (discovery.k8s.io/v1), cut down to what is served: the endpoints that are ready. Those that the Multi-Cluster
 * Services API imports are slices of a ServiceImport, and of the cluster that they come from (KEP-1645).
 */
import {
  identityOf,
  isDnsLabel,
  isDnsSubdomain,
  isJson,
  type Json,
  listAt,
  objectAt,
  type Trimmed,
  textAt,
  textsAt,
} from './object.ts'
import { type Port, portsOf } from './port.ts'

export interface Endpoint {
  /** Addresses as text. What is no address is skipped by the index. */
  readonly addresses: readonly string[]
  /** A DNS label, or empty. */
  readonly hostname: string
  /** Name of the pod behind it if that is a DNS label, else empty. */
  readonly podName: string
  /** The topology zone, if there is one that can stand in a name: in lower case, labels between dots. */
  readonly zone?: string
}

export interface EndpointSlice {
  readonly kind: 'endpointslice'
  readonly namespace: string
  readonly name: string
  /** Name of the Service, or ServiceImport, it belongs to; empty if it belongs to none, then nothing of it is served. */
  readonly service: string
  /** The id of the cluster it was imported from, if that can stand in a name: in lower case, labels between dots. */
  readonly cluster?: string
  /** The ready ones. */
  readonly endpoints: readonly Endpoint[]
  readonly ports: readonly Port[]
  /** When what it shows happened, in Unix milliseconds; 0 if the annotation is missing. */
  readonly lastChangeTriggerMs: number
}

const SERVICE_LABEL = 'kubernetes.io/service-name'
export const IMPORT_LABEL = 'multicluster.kubernetes.io/service-name'
const CLUSTER_LABEL = 'multicluster.kubernetes.io/source-cluster'
export const TRIGGER_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

export function trimEndpointSlice(json: unknown): Trimmed<EndpointSlice> {
  return trimSlice(json, SERVICE_LABEL)
}

/** An EndpointSlice as the slice of a ServiceImport. */
export function trimImportedSlice(json: unknown): Trimmed<EndpointSlice> {
  return trimSlice(json, IMPORT_LABEL, CLUSTER_LABEL)
}

function trimSlice(json: unknown, serviceLabel: string, clusterLabel = ''): Trimmed<EndpointSlice> {
  if (!isJson(json)) return 'is no object'
  const { namespace, name } = identityOf(json)
  if (!isDnsSubdomain(name)) return `name "${name}" is no DNS name`
  if (!isDnsLabel(namespace)) return `namespace "${namespace}" is no DNS label`
  const metadata = objectAt(json, 'metadata')
  const labels = objectAt(metadata, 'labels')
  const service = textAt(labels, serviceLabel)
  const cluster = dottedLabels(textAt(labels, clusterLabel))
  const triggerMs = Date.parse(textAt(objectAt(metadata, 'annotations'), TRIGGER_ANNOTATION))
  const endpoints: Endpoint[] = []
  for (const item of listAt(json, 'endpoints')) if (isJson(item) && isReady(item)) endpoints.push(trimEndpoint(item))
  return {
    kind: 'endpointslice',
    namespace,
    name,
    service: isDnsLabel(service) ? service : '',
    ...(cluster !== '' && { cluster }),
    endpoints,
    ports: portsOf(json),
    lastChangeTriggerMs: Number.isNaN(triggerMs) ? 0 : triggerMs,
  }
}

/** True or absent means ready. publishNotReadyAddresses needs no code: the slice controller marks those ready. */
function isReady(endpoint: Json): boolean {
  const ready = objectAt(endpoint, 'conditions').ready
  return ready === undefined || ready === null || ready === true
}

function trimEndpoint(endpoint: Json): Endpoint {
  const hostname = textAt(endpoint, 'hostname')
  const target = objectAt(endpoint, 'targetRef')
  const podName = textAt(target, 'kind') === 'Pod' ? textAt(target, 'name') : ''
  const zone = dottedLabels(textAt(endpoint, 'zone'))
  return {
    addresses: textsAt(endpoint, 'addresses'),
    hostname: isDnsLabel(hostname) ? hostname : '',
    podName: isDnsLabel(podName) ? podName : '',
    ...(zone !== '' && { zone }),
  }
}

/**
 * The value of a Kubernetes label as part of a domain name: in lower case, empty if there is an empty label in it, or one
 * that could be taken for a port's.
 */
export function dottedLabels(value: string): string {
  const text = value.toLowerCase()
  return text.length <= 63 && /^[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9]))*$/.test(text) ? text : ''
}
