/** A `kubernetes` stage over objects that the test brings, as API JSON: no API server, no files. */

import { acquireFeed, type Feed } from '../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../plugins/kubernetes/handler.ts'
import type { Index, Store } from '../../../plugins/kubernetes/index/index.ts'
import { IMPORT_LABEL } from '../../../plugins/kubernetes/object/endpointslice.ts'
import {
  type AnyKind,
  type Json,
  KINDS,
  type Kind,
  labelsOf,
  SET_KINDS,
} from '../../../plugins/kubernetes/object/object.ts'
import { trim } from '../../../plugins/kubernetes/object/trim.ts'
import type { Settings } from '../../../plugins/kubernetes/settings.ts'
import { readSettings } from '../../../plugins/kubernetes/setup.ts'
import { parseCorefile } from '../../../server/corefile/corefile.ts'
import { Directive } from '../../../server/corefile/directive.ts'
import type { Site, Stage } from '../../../server/plugin.ts'
import { type Chain, testSite, wire } from '../../harness/stage.ts'

let feeds = 0

export interface Cluster extends Omit<Chain, 'stages'> {
  stage: Kubernetes
  index: Index
  feed: Feed
  put(...objects: Json[]): void
  remove(object: Json): void
}

export interface ClusterOptions {
  /** The directive's arguments, `cluster.local in-addr.arpa ip6.arpa` if not given. */
  zones?: string
  /** Lines of the directive's block. */
  body?: string
  objects?: readonly Json[]
  /** Kinds that are not synced. */
  unsynced?: readonly AnyKind[]
  /** Stages behind this one. */
  behind?: Stage[]
  site?: Partial<Site>
}

export function settingsOf(line: string, body: string, over: Partial<Site> = {}): Settings {
  const parsed = parseCorefile(`.:53 {\nkubernetes ${line} {\n${body}\n}\n}\n`, 'Corefile')
  return readSettings(new Directive(parsed.blocks[0]!.directives).once(), testSite([], [], over))
}

/** Sets a cluster up. All kinds are synced unless the options say otherwise. */
export function clusterOf(options: ClusterOptions = {}): Cluster {
  const { zones = 'cluster.local in-addr.arpa ip6.arpa', body = '', objects = [], unsynced = [], behind = [] } = options
  const stages: Stage[] = []
  const site = testSite(stages, ['kubernetes'], options.site)
  const settings = settingsOf(zones, body, options.site)
  const source = 'api' in settings.source ? settings.source.api : settings.source.manifests
  const feed = acquireFeed(`test ${feeds++}`, {
    kinds: source.kinds,
    endpointPodNames: settings.endpointPodNames,
    zonal: settings.zonal,
    podLabels: settings.podLabels,
    makeSource: () => ({ start: async () => {}, stop: async () => {} }),
  })
  const { index, indexes } = feed
  const stage = new Kubernetes(settings, site, feed)
  stages.push(stage, ...behind)
  for (const each of stages) each.link?.()
  const put = (...all: Json[]) => {
    for (const object of all) {
      for (const kind of kindsOf(object)) if (source.kinds.includes(kind)) putAs(indexes, kind, object)
    }
  }
  put(...objects)
  for (const kind of ALL_KINDS) if (!unsynced.includes(kind)) indexes.setSynced(kind, true)
  const remove = (object: Json) => {
    const { namespace = '', name } = object.metadata as { namespace?: string; name: string }
    for (const kind of kindsOf(object)) indexes.delete(kind, namespace, name)
  }
  return { ...wire(stages), stage, index, feed, put, remove }
}

const ALL_KINDS = [...KINDS, ...(Object.keys(SET_KINDS) as AnyKind[])]

function kindOf(object: Json): Kind {
  return String(object.kind).toLowerCase() as Kind
}

/** An EndpointSlice of a ServiceImport is also listed as that. */
function kindsOf(object: Json): AnyKind[] {
  const isImported = object.kind === 'EndpointSlice' && labelsOf(object).has(IMPORT_LABEL)
  return isImported ? [kindOf(object), 'importedslice'] : [kindOf(object)]
}

export function putObject(index: Index, object: Json): void {
  putAs(index, kindOf(object), object)
}

function putAs<K extends AnyKind>(store: Store<K>, kind: K, object: Json): void {
  const slim = trim(kind, object)
  if (typeof slim === 'string') throw new Error(`${kind} ${slim}`)
  store.put(kind, slim)
}

export function namespace(name: string, labels: Record<string, string> = {}): Json {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

/** Ports as `http:tcp:80`, `:udp:53` for an unnamed one. */
function ports(texts: readonly string[]): Json[] {
  return texts.map(text => {
    const [name, protocol, port] = text.split(':')
    return { ...(name && { name }), protocol: protocol!.toUpperCase(), port: Number(port) }
  })
}

/** A Service `NAME.NAMESPACE`; no address is headless. */
export function service(at: string, clusterIPs: readonly string[], portTexts: readonly string[] = []): Json {
  const [name, namespaceName] = at.split('.')
  const addresses = clusterIPs.length === 0 ? ['None'] : clusterIPs
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: namespaceName },
    spec: { type: 'ClusterIP', clusterIP: addresses[0], clusterIPs: addresses, ports: ports(portTexts) },
  }
}

export function externalName(at: string, target: string): Json {
  const [name, namespaceName] = at.split('.')
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: namespaceName },
    spec: { type: 'ExternalName', externalName: target },
  }
}

/** A ServiceImport `NAME.NAMESPACE`; no address is headless. */
export function serviceImport(at: string, ips: readonly string[], portTexts: readonly string[] = []): Json {
  const [name, namespaceName] = at.split('.')
  return {
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: { name, namespace: namespaceName },
    spec: { type: ips.length === 0 ? 'Headless' : 'ClusterSetIP', ips, ports: ports(portTexts) },
  }
}

/** An EndpointSlice that was imported for a ServiceImport from a cluster. */
export function importedSlice(
  at: string,
  of: string,
  cluster: string,
  endpoints: readonly string[],
  portTexts: readonly string[] = [],
): Json {
  const own = slice(at, '', endpoints, portTexts)
  const prefix = 'multicluster.kubernetes.io'
  const labels = { [`${prefix}/service-name`]: of, ...(cluster !== '' && { [`${prefix}/source-cluster`]: cluster }) }
  return { ...own, metadata: { ...(own.metadata as Json), labels } }
}

/**
 * An EndpointSlice `NAME.NAMESPACE` of a service. Endpoints as `10.0.0.1`, `10.0.0.1=hostname`, `10.0.0.1@pod`, `10.0.0.1~zone`,
 * `!` unready.
 */
export function slice(at: string, of: string, endpoints: readonly string[], portTexts: readonly string[] = []): Json {
  const [name, namespaceName] = at.split('.')
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: namespaceName, labels: { 'kubernetes.io/service-name': of } },
    endpoints: endpoints.map(text => {
      const [, unready, address, hostname, pod, zone] = /^(!?)([^=@~]+)(?:=([^@~]+))?(?:@([^~]+))?(?:~(.+))?$/.exec(
        text,
      )!
      return {
        addresses: [address],
        conditions: { ready: unready === '' },
        ...(hostname && { hostname }),
        ...(pod && { targetRef: { kind: 'Pod', name: pod } }),
        ...(zone && { zone }),
      }
    }),
    ports: ports(portTexts),
  }
}

export function pod(at: string, ...ips: string[]): Json {
  const [name, namespaceName] = at.split('.')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: namespaceName },
    status: { phase: 'Running', podIP: ips[0], podIPs: ips.map(ip => ({ ip })) },
  }
}
