/** A `kubernetes` stage over objects that the test brings, as API JSON: no API server, no files. */

import { acquireFeed, type Feed } from '../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../plugins/kubernetes/handler.ts'
import type { Index } from '../../../plugins/kubernetes/index/index.ts'
import { type Json, KINDS, type Kind } from '../../../plugins/kubernetes/object/object.ts'
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
  unsynced?: readonly Kind[]
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
    podLabels: settings.podLabels,
    makeSource: () => ({ start: async () => {}, stop: async () => {} }),
  })
  const { index } = feed
  const stage = new Kubernetes(settings, site, feed)
  stages.push(stage, ...behind)
  for (const each of stages) each.link?.()
  const put = (...all: Json[]) => {
    for (const object of all) if (source.kinds.includes(kindOf(object))) putObject(index, object)
  }
  put(...objects)
  for (const kind of KINDS) if (!unsynced.includes(kind)) index.setSynced(kind, true)
  const remove = (object: Json) => {
    const { namespace = '', name } = object.metadata as { namespace?: string; name: string }
    index.delete(kindOf(object), namespace, name)
  }
  return { ...wire(stages), stage, index, feed, put, remove }
}

function kindOf(object: Json): Kind {
  return String(object.kind).toLowerCase() as Kind
}

export function putObject(index: Index, object: Json): void {
  const kind = kindOf(object)
  const slim = trim(kind, object)
  if (typeof slim === 'string') throw new Error(`${kind} ${slim}`)
  index.put(kind, slim)
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

/** An EndpointSlice `NAME.NAMESPACE` of a service. Endpoints as `10.0.0.1`, `10.0.0.1=hostname`, `10.0.0.1@pod`, `!` unready. */
export function slice(at: string, of: string, endpoints: readonly string[], portTexts: readonly string[] = []): Json {
  const [name, namespaceName] = at.split('.')
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: namespaceName, labels: { 'kubernetes.io/service-name': of } },
    endpoints: endpoints.map(text => {
      const [, unready, address, hostname, pod] = /^(!?)([^=@]+)(?:=([^@]+))?(?:@(.+))?$/.exec(text)!
      return {
        addresses: [address],
        conditions: { ready: unready === '' },
        ...(hostname && { hostname }),
        ...(pod && { targetRef: { kind: 'Pod', name: pod } }),
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
