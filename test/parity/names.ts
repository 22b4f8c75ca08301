/** Names that the cluster has, or that somebody could think it has, taken from the objects. */
import { cluster } from './cluster.ts'
import { type Labels, labelsOf } from './dns.ts'
import type { ApiObject } from './objects.ts'

// biome-ignore lint/suspicious/noExplicitAny: API objects of many kinds
const specOf = (object: ApiObject): any => object.spec ?? {}

/** Of an address, as it stands in names of endpoints and pods. */
export function dashed(address: string): string {
  const text = address.replaceAll(/[.:]/g, '-')
  return text.endsWith('-') ? `${text}0` : text
}

interface NamedPort {
  name?: string
  protocol: string
}

function portNames(ports: readonly NamedPort[]): string[] {
  return ports.map(({ name = '', protocol }) => `_${name}._${protocol.toLowerCase()}`)
}

interface Endpoint {
  addresses: string[]
  hostname?: string
  targetRef?: { name: string }
}

/** Labels left of `svc.ZONE` and `pod.ZONE`, as far as one object gives them. */
function namesOf(object: ApiObject): string[] {
  const { name, namespace } = object.metadata
  switch (object.kind) {
    case 'Namespace':
      return [`${name}.svc`, `${name}.pod`]
    case 'Service':
    case 'ServiceImport': {
      const own = `${name}.${namespace}.svc`
      return [own, own, `_tcp.${own}`, ...portNames(specOf(object).ports ?? []).map(port => `${port}.${own}`)]
    }
    case 'EndpointSlice':
      return sliceNames(object)
    default:
      return podAddresses(object).map(address => `${dashed(address)}.${namespace}.pod`)
  }
}

function sliceNames({ metadata, endpoints, ports }: ApiObject): string[] {
  const { labels } = metadata
  const cluster = labels['multicluster.kubernetes.io/source-cluster']
  const of = labels['kubernetes.io/service-name'] ?? labels['multicluster.kubernetes.io/service-name']
  const own = `${of}.${metadata.namespace}.svc`
  const all = (endpoints as Endpoint[]).slice(0, 6)
  const hosts = all.flatMap(({ addresses, hostname, targetRef }) =>
    [...addresses.map(dashed), hostname, targetRef?.name].filter(label => label !== undefined),
  )
  const below = cluster ? `${cluster}.${own}` : own
  const zonal = ['zone-a.pin', 'ZONE-b.prefer', 'zone.b.pin', 'zone-x.pin', 'zone-x.prefer', 'pin', 'zone-a.other']
  return [
    ...hosts.map(host => `${host}.${below}`),
    ...portNames(ports as NamedPort[]).map(port => `${port}.${own}`),
    ...zonal.map(zone => `${zone}._zone.${own}`),
  ]
}

function podAddresses(object: ApiObject): string[] {
  return ((object.status as { podIPs?: { ip: string }[] }).podIPs ?? []).map(({ ip }) => ip)
}

function addressesOf(object: ApiObject): string[] {
  switch (object.kind) {
    case 'Service':
      return [...(specOf(object).clusterIPs ?? []), ...(specOf(object).externalIPs ?? [])].filter(ip => ip !== 'None')
    case 'EndpointSlice':
      return (object.endpoints as Endpoint[]).slice(0, 6).flatMap(({ addresses }) => addresses)
    case 'Pod':
      return podAddresses(object)
    default:
      return []
  }
}

/** Names below any zone of cluster names, in labels left of it. */
export const clusterNames: readonly string[] = [
  ...cluster.flatMap(namesOf),
  ...['', 'svc', 'pod', 'dns', 'ns.dns', 'dns-version', 'other', 'ns', 'x.dns', 'x.dns-version', 'x.ns.dns', 'www'],
  ...[
    '1-2-3-4',
    '01-2-3-4',
    '1-2-3-256',
    '1-2-3',
    '1-2-3-4-5',
    '--1',
    '1--',
    'fd00--1',
    '0-0-0-0-0-0-0-1',
    '1-2--3',
  ].flatMap(ip => [`${ip}.default.pod`, `${ip}.nowhere.pod`, `x.${ip}.default.pod`]),
  ...['--ffff-1-2-3-4', 'FD00--A', 'fd00-0-0-0-0-0-0-1', '1-2-3-4.', 'g--1', '1-2-3-4-'].map(ip => `${ip}.default.pod`),
  'ns.dns.cluster.local.default.svc',
  'www.example.com.default.svc',
  'www.example.com.svc',
  'www.example.com',
]

/** Reverse names, whole and in parts. */
export const reverseNames: readonly string[] = [
  ...[...new Set(cluster.flatMap(addressesOf))].map(reverseName),
  ...['in-addr.arpa', '10.in-addr.arpa', '96.10.in-addr.arpa', '1.96.10.in-addr.arpa', '1.1.96.10.10.in-addr.arpa'],
  ...[
    '04.1.96.10.in-addr.arpa',
    '256.1.96.10.in-addr.arpa',
    'x.1.96.10.in-addr.arpa',
    '4.1.96.10.ip6.arpa',
    '9.9.9.10.in-addr.arpa',
  ],
  ...['ip6.arpa', 'd.f.ip6.arpa', '6.4.0.0.ip6.arpa', '1.100.51.198.in-addr.arpa', '5.5.0.192.in-addr.arpa'],
  `0.${reverseName('fd00:96::6')}`,
  `66.${reverseName('fd00:96::6').slice(4)}`,
  `x.${reverseName('10.96.1.4')}`,
]

export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  return `${[...nibbles(address)].reverse().join('.')}.ip6.arpa`
}

/** 32 hexadecimal digits. */
function nibbles(address: string): string {
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string | undefined): string[] =>
    (text ? text.split(':') : []).map(group => group.padStart(4, '0'))
  const [left, right] = [groups(head), groups(tail)]
  const zeros = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0000')
  return [...left, ...zeros, ...right].join('')
}

/** Reverse names of all addresses that objects have. */
export const addressNames: ReadonlySet<string> = new Set(cluster.flatMap(addressesOf).map(ip => `${reverseName(ip)}.`))

/** `tcp.SERVICE.NAMESPACE` where a port of that protocol has a name. */
export const protocolNames: ReadonlySet<string> = new Set(
  cluster.flatMap(object => {
    const { name, namespace, labels } = object.metadata
    const service = labels['kubernetes.io/service-name'] ?? labels['multicluster.kubernetes.io/service-name'] ?? name
    const ports: NamedPort[] = object.ports ?? specOf(object).ports ?? []
    return ports.filter(port => port.name).map(port => `${port.protocol.toLowerCase()}.${service}.${namespace}`)
  }),
)

/** `CLUSTER.SERVICE.NAMESPACE`, and the part of it that a dot in the cluster's id makes a name of its own. */
export const clusterIds: ReadonlySet<string> = new Set(
  cluster.flatMap(({ metadata: { labels, namespace } }) => {
    const id = labels['multicluster.kubernetes.io/source-cluster']
    const own = `${labels['multicluster.kubernetes.io/service-name']}.${namespace}`
    return id === undefined ? [] : id.split('.').map((_, i, parts) => `${parts.slice(i).join('.')}.${own}`)
  }),
)

/** Names outside all zones of cluster names. */
export const outsideNames: readonly string[] = [
  ...['www', 'alias', 'gone', 'nodata', 'fails', 'refused', 'big', 'liar', 'x.y.z'].map(name => `${name}.example.com`),
  ...['localhost', 'com', '', 'cluster', 'local', 'xcluster.local', 'svc.cluster', 'arpa'],
]

export function under(zone: string, name: string): Labels {
  return labelsOf(name === '' ? zone : `${name}.${zone}`)
}
