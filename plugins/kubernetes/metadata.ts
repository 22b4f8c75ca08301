/**
 * What `kubernetes` tells about a query: the parts of its name, as the names of a cluster are laid out, whether it exists
 * or not, and the pod that asked. Read after the answer, and only if somebody wants to know.
 */
import type { MetadataReader, Query } from '../../server/plugin.ts'
import { labelToText } from '../../server/wire/name.ts'
import type { Index } from './index/index.ts'
import { GRAMMAR, isLabel, NAME, POD, PORT_LABELS, readName, SERVICE_LABELS, SVC } from './name.ts'
import type { Zone, Zones } from './zones.ts'

const PREFIX = 'kubernetes/'
/** What the labels of clients begin with; their key follows. */
export const CLIENT_LABEL = `${PREFIX}client-label/`
const PARSE_ERROR = 'invalid query name'
const UNDERSCORE = 0x5f

/** Which label of a name each part is, counted from the zone. */
const FROM_ZONE: Readonly<Record<string, number>> = { kind: 1, namespace: 2, service: 3 }
/** Labels left of the zone of a name with an endpoint. */
const ENDPOINT_LABELS = 4

export class ClusterMetadata {
  readonly #index: Index
  readonly #zones: Zones

  constructor(index: Index, zones: Zones) {
    this.#index = index
    this.#zones = zones
  }

  /** How to read a label, undefined if there is no such. */
  reader(label: string): MetadataReader | undefined {
    if (!label.startsWith(PREFIX)) return undefined
    const { namespaces, pods } = this.#index
    if (label.startsWith(CLIENT_LABEL)) {
      const key = label.slice(CLIENT_LABEL.length)
      return this.#ofClient(pod => pods.labelText(pod, key))
    }
    const part = label.slice(PREFIX.length)
    switch (part) {
      case 'client-namespace':
        return this.#ofClient(pod => namespaces.nameText(pods.namespace(pod)))
      case 'client-pod-name':
        return this.#ofClient(pod => pods.nameText(pod))
      case 'parse-error':
        return this.#ofName((q, left, zone) => (isClusterName(q, left, zone) ? undefined : PARSE_ERROR))
      case 'kind':
      case 'namespace':
      case 'service':
        return this.#ofPart((q, left) => (left >= 2 || part !== 'kind' ? labelText(q, left - FROM_ZONE[part]!) : ''))
      case 'endpoint':
        return this.#ofPart((q, left, zone) =>
          left === ENDPOINT_LABELS || isEndpointOfCluster(q, left, zone) ? labelText(q, 0) : '',
        )
      case 'cluster':
        return this.#ofPart((q, left, zone) => {
          if (!zone.multicluster) return undefined
          return isEndpointOfCluster(q, left, zone) ? labelsText(q, 1, left - SERVICE_LABELS) : ''
        })
      case 'zone':
        return this.#ofPart((q, left, zone) => {
          if (zone.grammar !== GRAMMAR.ZONAL) return undefined
          return isZonal(q, left, zone) ? labelsText(q, 0, left - PORT_LABELS) : ''
        })
      case 'port-name':
        return this.#ofPart((q, left, zone) => (hasPort(q, left, zone) ? withoutUnderscore(labelText(q, 0)) : ''))
      case 'protocol':
        return this.#ofPart((q, left, zone) => (hasPort(q, left, zone) ? withoutUnderscore(labelText(q, 1)) : ''))
      default:
        return undefined
    }
  }

  /** Of the question's name, if it is in one of the zones; `left` is the number of labels left of the zone. */
  #ofName(read: (q: Query, left: number, zone: Zone) => string | undefined): MetadataReader {
    return q => {
      const zone = this.#zones.match(q)
      return zone === undefined ? undefined : read(q, this.#zones.left, zone)
    }
  }

  /** Of a name that is laid out as one of a cluster; a part that it does not have is empty. */
  #ofPart(read: (q: Query, left: number, zone: Zone) => string | undefined): MetadataReader {
    return this.#ofName((q, left, zone) => (isClusterName(q, left, zone) ? read(q, left, zone) : undefined))
  }

  /** Of the pod that asked, whatever it asked; nobody knows which one did if several share the address. */
  #ofClient(read: (pod: number) => string | undefined): MetadataReader {
    const { lock } = this.#index.slab
    return q => {
      let value: string | undefined
      let seen: number
      do {
        seen = lock.now()
        const pod = this.#index.pods.soleOf(q.peer.address)
        value = pod === 0 ? undefined : read(pod)
      } while (lock.isOver(seen))
      return value
    }
  }
}

/** True for the zone itself and what is below its `svc` and `pod`, down to a port's name, or a longer one that there is. */
function isClusterName(q: Query, left: number, zone: Zone): boolean {
  if (left === 0) return true
  if (left <= PORT_LABELS) return isLabel(q, left - 1, SVC) || isLabel(q, left - 1, POD)
  return isEndpointOfCluster(q, left, zone) || isZonal(q, left, zone)
}

function isEndpointOfCluster(q: Query, left: number, zone: Zone): boolean {
  return zone.multicluster && readName(q, left, zone.grammar) === NAME.CLUSTER_ENDPOINT
}

function isZonal(q: Query, left: number, { grammar }: Zone): boolean {
  const name = grammar === GRAMMAR.ZONAL ? readName(q, left, grammar) : NAME.NONE
  return name === NAME.PIN || name === NAME.PREFER
}

function hasPort(q: Query, left: number, zone: Zone): boolean {
  return left === PORT_LABELS && !isEndpointOfCluster(q, left, zone)
}

/** Label `i` of the question's name, empty if there is no such. */
function labelText(q: Query, i: number): string {
  return i < 0 ? '' : labelToText(q.qname, q.labelAt[i]!)
}

/** Labels `from` to `end` of the question's name, between dots. */
function labelsText(q: Query, from: number, end: number): string {
  let text = labelText(q, from)
  for (let i = from + 1; i < end; i++) text += `.${labelText(q, i)}`
  return text
}

function withoutUnderscore(text: string): string {
  return text.charCodeAt(0) === UNDERSCORE ? text.slice(1) : text
}
