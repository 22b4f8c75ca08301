/**
 * `nsid`: a name for this server, that replies to those who ask for it bring along (RFC 5001). Which ones did is read with
 * the rest of EDNS; this is the name only.
 */
import { hostname } from 'node:os'
import type { Directive, Plugin, Site, Stage } from '../../server/plugin.ts'

export const plugin: Plugin = { name: 'nsid', setup }

function setup(directive: Directive, site: Site): Stage {
  const nsid = directive.once()
  nsid.noBlock()
  const name = nsid.args.map(({ text }) => text).join(' ')
  site.listen.nsid = Uint8Array.from(Buffer.from(name || hostname() || 'localhost'))
  return {}
}
