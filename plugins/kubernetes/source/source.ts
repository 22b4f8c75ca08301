/** Where the objects come from, and what the Corefile says about it. The stage makes one source and feeds one index. */
import type { Store } from '../index/store.ts'
import type { AnyKind } from '../object/object.ts'
import type { LabelSelector } from '../object/selector.ts'

export interface Source {
  /**
   * Begins to fill `store` and keeps it current until `stop`. Resolves once the source works at it: the client is built
   * (API) or the folder was read a first time (manifests); it does not wait for the first sync, `store.setSynced` tells
   * that. Rejects, with one line that says what is missing, if it can never work: not in a cluster, no such kubeconfig
   * or folder. An API server that cannot be reached is no reason to reject.
   */
  start(store: Store): Promise<void>
  /** Ends watches, files and timers. The store keeps what it has. */
  stop(): Promise<void>
  /** Which cluster this is, as far as that can be told without asking it. After `start`. */
  cluster?(): Promise<ClusterIdentity>
  /** Asks in another way from now on. */
  retune?(tuning: Tuning): void
  /** How old what was last brought is. */
  views?(): readonly View[]
}

export interface ClusterIdentity {
  /** The API server's URL. */
  readonly server: string
  /** Fingerprint of the CA certificates that it is known by; empty if there are none. */
  readonly ca: string
}

export interface View {
  /** `services`; `manifests` for all that a folder holds. */
  readonly resource: string
  /** Milliseconds since it was last known to be current; Infinity if it never was. */
  readonly ageMs: number
}

/** What all sources have to know. */
export interface Selection {
  /** The kinds to keep: no `endpointslice` with noendpoints, `pod` only with `pods verified`. */
  readonly kinds: readonly AnyKind[]
  /** For Services, EndpointSlices and Pods. CoreDNS: not for ServiceImports. */
  readonly labels: LabelSelector | undefined
  /** For Namespaces. */
  readonly namespaceLabels: LabelSelector | undefined
}

export interface ManifestsSettings extends Selection {
  /** Absolute path. */
  readonly folder: string
}

/** How the API server is asked, whatever for. */
export interface Tuning {
  /** Requests per second and burst, 0: no limit of ours. */
  readonly qps: number
  readonly burst: number
  /** Most requests in flight, 0: no limit of ours. */
  readonly maxInflight: number
  /** What no watch told of is mended within this time; 0: never. */
  readonly compareMs: number
}

export interface ApiSettings extends Selection, Tuning {
  /** `endpoint URL`; undefined: from the kubeconfig, or the cluster this runs in. */
  readonly endpoint: string | undefined
  /** `tls CERT KEY CA`, absolute paths. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined
  /** `kubeconfig FILE [CONTEXT]`; absolute path, context undefined: the file's current one. */
  readonly kubeconfig: { readonly file: string; readonly context: string | undefined } | undefined
}
