/**
 * `multisocket`: how many sockets each address of a server block has, with a thread for each. The kernel shares the
 * clients out among them; the threads are the control plane's.
 */
import { availableParallelism } from 'node:os'
import { warn } from '../../server/log.ts'
import type { Directive, Plugin, Site, Stage } from '../../server/plugin.ts'

const MAX_SOCKETS = 1024 // CoreDNS: the same

export const plugin: Plugin = { name: 'multisocket', setup }

function setup(directive: Directive, site: Site): Stage {
  const occurrence = directive.once()
  occurrence.noBlock()
  const argument = occurrence.optionalArgument()
  const cores = Math.min(availableParallelism(), MAX_SOCKETS)
  const sockets = argument?.integer(1, MAX_SOCKETS, 'number of sockets') ?? cores
  site.listen.sockets = sockets
  if (argument !== undefined && sockets > cores) {
    const { source, line, column } = argument.token
    const found = `${sockets} sockets for ${cores} ${cores === 1 ? 'core' : 'cores'}`
    warn('multisocket', `${source.file}:${line}:${column}: ${found}: more than one per core is memory without use`)
  }
  return {}
}
