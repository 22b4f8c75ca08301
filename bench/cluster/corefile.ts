/** The stock plugin list on one port; log settings are those of the Corefile for both sides: none. */
import type { Corefile } from '../sides.ts'

export type PodMode = 'insecure' | 'verified'

export interface ClusterOptions {
  readonly pods?: PodMode
  /** Where the rest is forwarded to; a port that nobody has if not said. */
  readonly upstream?: string
  /** Lines of the `forward` block. */
  readonly forward?: readonly string[]
  /** Directives besides. */
  readonly more?: readonly string[]
}

/** For a cluster that the line `source` names. */
export function clusterCorefile(source: string, options: ClusterOptions = {}): Corefile {
  const { pods = 'insecure', upstream = '127.0.0.1:9', forward = [], more = [] } = options
  return ({ dns, health, ready, metrics }) => `.:${dns} {
    bind 127.0.0.1
    ${more.join('\n    ')}
    errors
    health 127.0.0.1:${health} {
        lameduck 5s
    }
    ready 127.0.0.1:${ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${source}
        pods ${pods}
        startup_timeout 60s
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${metrics}
    forward . ${upstream} {
        max_concurrent 1000
        ${forward.join('\n        ')}
    }
    cache 30
    loop
    reload
    loadbalance
}
`
}
