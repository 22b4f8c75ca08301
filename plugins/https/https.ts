/**
 * `https`: how much a server block's `https://` keys take at a time. What they serve is said by the other directives.
 */
import type { Directive, Plugin, Property, Site, Stage } from '../../server/plugin.ts'

const MAX_STREAMS = 2 ** 32 - 1 // RFC 9113 §6.5.2: what the setting can say
const MAX_CONNECTIONS = Number.MAX_SAFE_INTEGER

export const plugin: Plugin = { name: 'https', setup }

function setup(directive: Directive, site: Site): Stage {
  const occurrence = directive.once()
  occurrence.noArguments()
  const limits: { maxConnections?: number; maxStreams?: number } = {}
  occurrence.each(
    {
      max_connections: (p: Property) => {
        limits.maxConnections = p.argument().integer(0, MAX_CONNECTIONS, 'number of connections')
      },
      max_streams: (p: Property) => {
        limits.maxStreams = p.argument().integer(0, MAX_STREAMS, 'number of streams')
      },
    },
    { once: true },
  )
  site.listen.https = limits
  return {}
}
