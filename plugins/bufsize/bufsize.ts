/** `bufsize`: the most octets of a UDP reply, and what the server's OPT says that it takes. */
import type { Directive, Plugin, Site, Stage } from '../../server/plugin.ts'
import { DEFAULT_UDP_BYTES, MIN_UDP_BYTES } from '../../server/wire/edns.ts'

const MAX_UDP_BYTES = 4096 // CoreDNS: the same; also what a listener has room for

export const plugin: Plugin = { name: 'bufsize', setup }

function setup(directive: Directive, site: Site): Stage {
  const bufsize = directive.once()
  bufsize.noBlock()
  const size = bufsize.optionalArgument()?.integer(MIN_UDP_BYTES, MAX_UDP_BYTES, 'UDP size')
  site.listen.udpBytes = size ?? DEFAULT_UDP_BYTES
  return {}
}
