/** EndpointSlice (discovery.k8s.io/v1), cut down to what is served: the endpoints that are ready. */
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
}

export interface EndpointSlice {
  readonly kind: 'endpointslice'
  readonly namespace: string
  readonly name: string
  /** Name of the Service it belongs to; empty if it belongs to none, then nothing of it is served. */
  readonly service: string
  /** The ready ones. */
  readonly endpoints: readonly Endpoint[]
  readonly ports: readonly Port[]
  /** When what it shows happened, in Unix milliseconds; 0 if the annotation is missing. */
  readonly lastChangeTriggerMs: number
}

const SERVICE_LABEL = 'kubernetes.io/service-name'
const TRIGGER_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

export function trimEndpointSlice(json: unknown): Trimmed<EndpointSlice> {
  if (!isJson(json)) return 'is no object'
  const { namespace, name } = identityOf(json)
  if (!isDnsSubdomain(name)) return `name "${name}" is no DNS name`
  if (!isDnsLabel(namespace)) return `namespace "${namespace}" is no DNS label`
  const metadata = objectAt(json, 'metadata')
  const service = textAt(objectAt(metadata, 'labels'), SERVICE_LABEL)
  const triggerMs = Date.parse(textAt(objectAt(metadata, 'annotations'), TRIGGER_ANNOTATION))
  const endpoints: Endpoint[] = []
  for (const item of listAt(json, 'endpoints')) if (isJson(item) && isReady(item)) endpoints.push(trimEndpoint(item))
  return {
    kind: 'endpointslice',
    namespace,
    name,
    service: isDnsLabel(service) ? service : '',
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
  return {
    addresses: textsAt(endpoint, 'addresses'),
    hostname: isDnsLabel(hostname) ? hostname : '',
    podName: isDnsLabel(podName) ? podName : '',
  }
}
