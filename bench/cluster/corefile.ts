/** The stock plugin list on one port; log settings are those of the Corefile for both sides: none. */
import type { Corefile } from '../sides.ts'

export type PodMode = 'insecure' | 'verified'

/** For a cluster that the line `source` names. */
export function clusterCorefile(source: string, pods: PodMode = 'insecure'): Corefile {
  return ({ dns, health, ready, metrics }) => `.:${dns} {
    bind 127.0.0.1
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
    forward . 127.0.0.1:9 {
        max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`
}
