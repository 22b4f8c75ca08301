/** Pod (core/v1), cut down to its addresses and labels. */
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
} from './object.ts'

export interface Pod {
  readonly kind: 'pod'
  readonly namespace: string
  readonly name: string
  /** All its addresses as text; none once it has ended: others may have them by then. */
  readonly ips: readonly string[]
  /** It has the address of its node, as other pods and the node itself have. */
  readonly hostNetwork?: boolean
  /** metadata.labels as they came; the index keeps those that somebody asks for. */
  readonly labels?: Json
}

export function trimPod(json: unknown): Trimmed<Pod> {
  if (!isJson(json)) return 'is no object'
  const { namespace, name } = identityOf(json)
  if (!isDnsSubdomain(name)) return `name "${name}" is no DNS name`
  if (!isDnsLabel(namespace)) return `namespace "${namespace}" is no DNS label`
  const status = objectAt(json, 'status')
  const phase = textAt(status, 'phase')
  const ended = phase === 'Succeeded' || phase === 'Failed'
  const ips = ended ? [] : podIPs(status)
  return {
    kind: 'pod',
    namespace,
    name,
    ips,
    hostNetwork: ips.includes(textAt(status, 'hostIP')),
    labels: objectAt(objectAt(json, 'metadata'), 'labels'),
  }
}

function podIPs(status: Readonly<Record<string, unknown>>): readonly string[] {
  const ips: string[] = []
  for (const item of listAt(status, 'podIPs')) {
    if (isJson(item) && textAt(item, 'ip') !== '') ips.push(textAt(item, 'ip'))
  }
  const first = textAt(status, 'podIP')
  return ips.length > 0 || first === '' ? ips : [first]
}
