/**
 * What `kubernetes` tells about a query: the parts of its name, as the names of a cluster are laid out, whether it exists
 * or not, and the pod that asked. Read after the answer, and only if somebody wants to know.
 */
import type { MetadataReader, Query } from '../../server/plugin.ts'
import { equalOctets, labelToText } from '../../server/wire/name.ts'
import { readAddress } from './index/address.ts'
import type { Index } from './index/index.ts'
import type { Zones } from './zones.ts'

const PREFIX = 'kubernetes/'
/** What the labels of clients begin with; their key follows. */
export const CLIENT_LABEL = `${PREFIX}client-label/`
const PARSE_ERROR = 'invalid query name'
const SVC = Buffer.from('svc', 'latin1')
const POD = Buffer.from('pod', 'latin1')
const UNDERSCORE = 0x5f

/** Which label of a name each part is, counted from the zone. */
const FROM_ZONE: Readonly<Record<string, number>> = { kind: 1, namespace: 2, service: 3 }
/** Labels left of the zone of a name with an endpoint, and of one with a port. */
const ENDPOINT_LABELS = 4
const PORT_LABELS = 5

const address = new Uint8Array(16)

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
        return this.#ofName((q, left) => (isClusterName(q, left) ? undefined : PARSE_ERROR))
      case 'kind':
      case 'namespace':
      case 'service':
        return this.#ofPart((q, left) => (left >= 2 || part !== 'kind' ? labelText(q, left - FROM_ZONE[part]!) : ''))
      case 'endpoint':
        return this.#ofPart((q, left) => (left === ENDPOINT_LABELS ? labelText(q, 0) : ''))
      case 'port-name':
        return this.#ofPart((q, left) => (left === PORT_LABELS ? withoutUnderscore(labelText(q, 0)) : ''))
      case 'protocol':
        return this.#ofPart((q, left) => (left === PORT_LABELS ? withoutUnderscore(labelText(q, 1)) : ''))
      default:
        return undefined
    }
  }

  /** Of the question's name, if it is in one of the zones; `left` is the number of labels left of the zone. */
  #ofName(read: (q: Query, left: number) => string | undefined): MetadataReader {
    return q => (this.#zones.match(q) === undefined ? undefined : read(q, this.#zones.left))
  }

  /** Of a name that is laid out as one of a cluster; a part that it does not have is empty. */
  #ofPart(read: (q: Query, left: number) => string): MetadataReader {
    return this.#ofName((q, left) => (isClusterName(q, left) ? read(q, left) : undefined))
  }

  /** Of the pod that asked, whatever it asked; nobody knows which one did if several share the address. */
  #ofClient(read: (pod: number) => string | undefined): MetadataReader {
    return q => {
      const length = readAddress(q.peer.address, address, 0)
      const pod = length === 0 ? 0 : this.#index.pods.sole(address, 0, length)
      return pod === 0 ? undefined : read(pod)
    }
  }
}

/** True for the zone itself and what is below its `svc` and `pod`, down to a port's name. */
function isClusterName(q: Query, left: number): boolean {
  if (left === 0) return true
  return left <= PORT_LABELS && (isLabel(q, left - 1, SVC) || isLabel(q, left - 1, POD))
}

function isLabel(q: Query, i: number, text: Uint8Array): boolean {
  const at = q.labelAt[i]!
  return q.qname[at] === text.length && equalOctets(q.qname, at + 1, text, 0, text.length)
}

/** Label `i` of the question's name, empty if there is no such. */
function labelText(q: Query, i: number): string {
  return i < 0 ? '' : labelToText(q.qname, q.labelAt[i]!)
}

function withoutUnderscore(text: string): string {
  return text.charCodeAt(0) === UNDERSCORE ? text.slice(1) : text
}
