/** Parses and checks the `kubernetes` directive. The grammar is CoreDNS's, and `manifests`, `snapshot` and `compare`, which are ours. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { fallthrough, zoneList } from '../../server/corefile/directive.ts'
import { warn } from '../../server/log.ts'
import type { Argument, Occurrence, Property, Site } from '../../server/plugin.ts'
import { readWhole } from '../../server/read-file.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { CLIENT_LABEL } from './metadata.ts'
import type { AnyKind } from './object/object.ts'
import { isDnsLabel } from './object/object.ts'
import { type LabelSelector, parseSelector } from './object/selector.ts'
import type { PodMode, Settings } from './settings.ts'
import type { ApiSettings, ManifestsSettings, Selection, Tuning } from './source/source.ts'

const DEFAULT_TTL = 5
const MAX_TTL = 3600
const DEFAULT_STARTUP_TIMEOUT_MS = 5000
const MAX_LIMIT = 1_000_000
const DEFAULT_COMPARE_MS = 600_000
const MIN_COMPARE_MS = 60_000
const MAX_COMPARE_MS = 86_400_000

/** Properties that mean nothing to a folder of manifests. */
const OF_API = [
  'endpoint',
  'tls',
  'kubeconfig',
  'snapshot',
  'compare',
  'apiserver_qps',
  'apiserver_burst',
  'apiserver_max_inflight',
]
const SOURCES = ['manifests', 'kubeconfig', 'endpoint', 'tls']
const NO_TUNING: Tuning = { qps: 0, burst: 0, maxInflight: 0, compareMs: 0 }

/** What is written while the block is read. */
interface Draft {
  ttl: number
  pods: PodMode
  namespaces: string[]
  endpointPodNames: boolean
  multicluster: string[]
  zonal: boolean
  noEndpoints: boolean
  ignoreEmptyService: boolean
  fallthrough: string[] | undefined
  startupTimeoutMs: number
  labels: LabelSelector | undefined
  namespaceLabels: LabelSelector | undefined
  endpoint: string | undefined
  tls: ApiSettings['tls']
  kubeconfig: ApiSettings['kubeconfig']
  qps: number
  burst: number
  maxInflight: number
  compareMs: number
  manifests: string | undefined
  snapshot: Settings['snapshot']
}

/**
 * What the directive says.
 * @throws CorefileError or CorefileErrors
 */
export function readSettings(occurrence: Occurrence, site: Site): Settings {
  const zones = zoneList(occurrence.args, site.zoneTexts)
  const draft: Draft = {
    ttl: DEFAULT_TTL,
    pods: 'disabled',
    namespaces: [],
    endpointPodNames: false,
    multicluster: [],
    zonal: false,
    noEndpoints: false,
    ignoreEmptyService: false,
    fallthrough: undefined,
    startupTimeoutMs: DEFAULT_STARTUP_TIMEOUT_MS,
    labels: undefined,
    namespaceLabels: undefined,
    endpoint: undefined,
    tls: undefined,
    kubeconfig: undefined,
    qps: 0,
    burst: 0,
    maxInflight: 0,
    compareMs: DEFAULT_COMPARE_MS,
    manifests: undefined,
    snapshot: undefined,
  }
  occurrence.each({ ...answerProperties(draft, zones), ...sourceProperties(draft, site) })
  if (zones.every(isReverse)) {
    const found = zones.map(zone => `"${zone}"`).join(' and ')
    throw occurrence.error(`only reverse zones, ${found}, expected a zone for cluster names such as cluster.local`)
  }
  exclude(occurrence, 'namespaces', 'namespace_labels')
  exclude(occurrence, 'zonal', 'noendpoints')
  for (const name of OF_API) exclude(occurrence, 'manifests', name)
  return {
    zones: zones.map(nameFromText),
    ttl: draft.ttl,
    pods: draft.pods,
    namespaces: draft.namespaces,
    endpointPodNames: draft.endpointPodNames,
    multicluster: draft.multicluster.map(nameFromText),
    zonal: draft.zonal,
    noEndpoints: draft.noEndpoints,
    ignoreEmptyService: draft.ignoreEmptyService,
    fallthrough: draft.fallthrough?.map(nameFromText),
    startupTimeoutMs: draft.startupTimeoutMs,
    snapshot: draft.snapshot,
    podLabels: wantedPodLabels(draft.pods, site),
    place: placeOfSource(occurrence),
    source: sourceSettings(draft),
  }
}

/** The property that says where objects come from; the directive if none does. */
function placeOfSource(occurrence: Occurrence): Settings['place'] {
  const named = SOURCES.map(source => occurrence.properties.find(({ name }) => name.text === source))
  return named.find(property => property !== undefined) ?? occurrence
}

/**
 * Two directives with one key can share an index: it holds the same objects of the same cluster. How the API server is
 * asked for them may change while it is there.
 */
export function feedKey({ source: wanted, endpointPodNames, zonal, podLabels }: Settings): string {
  const source = 'api' in wanted ? { api: { ...wanted.api, ...NO_TUNING } } : wanted
  const files = 'api' in source ? [source.api.kubeconfig?.file, ...Object.values(source.api.tls ?? {})] : []
  return JSON.stringify([
    source,
    endpointPodNames,
    zonal,
    podLabels,
    files.map(file => (file === undefined ? '' : digest(file))),
  ])
}

/** Fingerprint of a file that says how to reach the API: another content is another source. */
function digest(file: string): string {
  try {
    return createHash('sha256').update(readWhole(file)).digest('hex')
  } catch {
    return '' // the source complains about it when it starts
  }
}

/** Properties that say what is answered. */
function answerProperties(draft: Draft, zones: readonly string[]) {
  return {
    ttl: (p: Property) => {
      draft.ttl = p.argument().integer(0, MAX_TTL, 'ttl')
    },
    pods: (p: Property) => {
      draft.pods = p.argument().oneOf(['disabled', 'insecure', 'verified'], 'pod mode')
    },
    namespaces: (p: Property) => {
      for (const argument of p.arguments(1)) draft.namespaces.push(readNamespace(argument))
    },
    namespace_labels: (p: Property) => {
      draft.namespaceLabels = readSelector(p)
    },
    labels: (p: Property) => {
      draft.labels = readSelector(p)
    },
    endpoint_pod_names: (p: Property) => {
      p.noArguments()
      draft.endpointPodNames = true
    },
    multicluster: (p: Property) => {
      draft.multicluster = p.args.flatMap(argument => zonesAmong(argument, zones)) // CoreDNS: the last line counts, too
    },
    zonal: (p: Property) => {
      p.noArguments()
      draft.zonal = true
    },
    noendpoints: (p: Property) => {
      p.noArguments()
      draft.noEndpoints = true
    },
    fallthrough: (p: Property) => {
      draft.fallthrough = fallthrough(p)
    },
    ignore: (p: Property) => {
      const what = p.optionalArgument()
      if (what?.oneOf(['empty_service'], 'thing to ignore')) draft.ignoreEmptyService = true
    },
    startup_timeout: (p: Property) => {
      draft.startupTimeoutMs = p.argument().duration({}, 'startup_timeout')
    },
  }
}

/** Properties that say where objects come from. */
function sourceProperties(draft: Draft, site: Site) {
  const inFolder = (argument: Argument) => path.resolve(site.folder, argument.text)
  return {
    compare: (p: Property) => {
      const argument = p.argument()
      const isOff = argument.duration({}, 'time') === 0
      draft.compareMs = isOff ? 0 : argument.duration({ minMs: MIN_COMPARE_MS, maxMs: MAX_COMPARE_MS }, 'time')
    },
    manifests: (p: Property) => {
      draft.manifests = inFolder(p.argument())
    },
    snapshot: (p: Property) => {
      const argument = p.argument()
      draft.snapshot = { file: inFolder(argument), argument }
    },
    endpoint: (p: Property) => {
      const [first, second] = p.arguments(1)
      draft.endpoint = readEndpoint(first!)
      if (second !== undefined) warn('kubernetes', `several endpoints, only the first one, "${first!.text}", is used`)
    },
    tls: (p: Property) => {
      const [cert, key, ca] = p.arguments(3, 3)
      draft.tls = { cert: inFolder(cert!), key: inFolder(key!), ca: inFolder(ca!) }
    },
    kubeconfig: (p: Property) => {
      const [file, context] = p.arguments(1, 2)
      draft.kubeconfig = { file: inFolder(file!), context: context?.text }
    },
    apiserver_qps: (p: Property) => {
      draft.qps = p.argument().number(0, MAX_LIMIT, 'number of requests per second')
    },
    apiserver_burst: (p: Property) => {
      draft.burst = p.argument().integer(0, MAX_LIMIT, 'number of requests')
    },
    apiserver_max_inflight: (p: Property) => {
      draft.maxInflight = p.argument().integer(0, MAX_LIMIT, 'number of requests')
    },
  }
}

/** The zones of an argument, each one of those that the directive answers for. */
function zonesAmong(argument: Argument, zones: readonly string[]): string[] {
  const found = argument.zones()
  const stranger = found.find(zone => !zones.includes(zone))
  if (stranger === undefined) return found
  const text = `zone "${stranger}" is none that this directive answers for, expected one of ${zones.join(', ')}`
  throw argument.error(text, 'COREFILE_INVALID_ZONE')
}

function readNamespace(argument: Argument): string {
  if (isDnsLabel(argument.text)) return argument.text
  throw argument.error(`invalid namespace "${argument.text}", expected a name such as "default"`)
}

/** A selector may stand in one argument or in several words. */
function readSelector(p: Property): LabelSelector {
  const words = p.arguments(1)
  try {
    return parseSelector(words.map(({ text }) => text).join(' '))
  } catch (cause) {
    throw words[0]!.error(cause instanceof Error ? cause.message : String(cause), 'COREFILE_INVALID_VALUE', cause)
  }
}

/** `http://` or `https://` and a host; a host and port alone is https. */
function readEndpoint(argument: Argument): string {
  const { text } = argument
  const full = text.includes('://') ? text : `https://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  const isBare = url?.search === '' && url.hash === ''
  if (isBare && /^https?:$/.test(url.protocol) && url.hostname !== '') return full
  throw argument.error(
    `invalid endpoint "${text.replace(/\/\/[^/@]*@/, '//…@')}", expected a URL such as "https://10.0.0.1:6443"`,
    'COREFILE_INVALID_ADDRESS',
  )
}

/** @throws CorefileError at the later of two properties that exclude each other */
function exclude(occurrence: Occurrence, one: string, other: string): void {
  const first = occurrence.properties.find(({ name }) => name.text === one || name.text === other)
  const second = occurrence.properties.findLast(({ name }) => name.text === one || name.text === other)
  if (first === undefined || first.name.text === second!.name.text) return
  throw second!.error(
    `"${second!.name.text}" besides "${first.name.text}" in line ${first.name.line}, expected only one of them`,
  )
}

function sourceSettings(draft: Draft): Settings['source'] {
  const kinds: AnyKind[] = ['namespace', 'service']
  if (!draft.noEndpoints) kinds.push('endpointslice')
  if (draft.pods === 'verified') kinds.push('pod')
  // CoreDNS: with noendpoints too.
  if (!draft.multicluster.every(isReverse)) kinds.push('serviceimport', 'importedslice')
  const { labels, namespaceLabels, endpoint, tls, kubeconfig, qps, burst, maxInflight, compareMs } = draft
  const selection: Selection = { kinds, labels, namespaceLabels }
  if (draft.manifests !== undefined)
    return { manifests: { ...selection, folder: draft.manifests } satisfies ManifestsSettings }
  return { api: { ...selection, endpoint, tls, kubeconfig, qps, burst, maxInflight, compareMs } }
}

/** Those of the clients' labels that a plugin of the block asks for: pods are many, what nobody reads is not kept. */
function wantedPodLabels(pods: PodMode, site: Site): string[] {
  if (pods !== 'verified' || !site.plugins.includes('metadata')) return []
  const labels = [...site.wantedMetadata].filter(label => label.startsWith(CLIENT_LABEL))
  return labels.map(label => label.slice(CLIENT_LABEL.length)).sort()
}

function isReverse(zone: string): boolean {
  return /(^|\.)(in-addr|ip6)\.arpa\.$/.test(zone)
}
