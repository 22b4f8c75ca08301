/** Corefiles for servers that forward: the stock plugin list without a cluster. */
import type { Corefile } from '../sides.ts'

export interface Forwarding {
  /** Address and port, with `tls://` where that is meant. */
  readonly upstream: string
  /** Lines of the `forward` block. */
  readonly forward?: readonly string[]
  /** The `cache` directive, whole; none without it. */
  readonly cache?: string
  /** Directives besides. */
  readonly more?: readonly string[]
}

export function forwardCorefile({ upstream, forward = [], cache = '', more = [] }: Forwarding): Corefile {
  return ({ dns, health, ready, metrics }) => `.:${dns} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${health}
    ready 127.0.0.1:${ready}
    ${more.join('\n    ')}
    prometheus 127.0.0.1:${metrics}
    forward . ${upstream} {
        ${forward.join('\n        ')}
    }
    ${cache}
    loop
    reload
    loadbalance
}
`
}
