/** What the Corefile says, after parsing. */
import type { Argument, Property } from '../../server/plugin.ts'
import type { Name } from '../../server/wire/name.ts'
import type { ApiSettings, ManifestsSettings } from './source/source.ts'

export type PodMode = 'disabled' | 'insecure' | 'verified'

export interface Settings {
  readonly zones: readonly Name[]
  /** TTL of all records but dns-version's, 0 to 3600. */
  readonly ttl: number
  readonly pods: PodMode
  /** Namespaces that are served; empty: all of them. */
  readonly namespaces: readonly string[]
  readonly endpointPodNames: boolean
  /** Those of the zones whose services are ServiceImports. */
  readonly multicluster: readonly Name[]
  /** Headless services have names for each topology zone. */
  readonly zonal: boolean
  readonly noEndpoints: boolean
  readonly ignoreEmptyService: boolean
  /** Zones below which a name that does not exist goes to the next plugin; undefined: nowhere. */
  readonly fallthrough: readonly Name[] | undefined
  readonly startupTimeoutMs: number
  /** `snapshot FILE`: absolute path, and where it stands in the Corefile. */
  readonly snapshot: { readonly file: string; readonly argument: Argument } | undefined
  /** Keys of the pod labels that somebody asks for. */
  readonly podLabels: readonly string[]
  /** What says where objects come from, for errors that show when the source starts. */
  readonly place: Pick<Property, 'error'>
  readonly source: { readonly manifests: ManifestsSettings } | { readonly api: ApiSettings }
}
