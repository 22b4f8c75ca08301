/**
 * `debug`: debug lines in the log, and the stack of every error.
 */
import type { Directive, Occurrence, Plugin, Site, Stage } from '../../server/plugin.ts'

export const plugin: Plugin = { name: 'debug', setup }

// CoreDNS: ends the process when a plugin panics under debug. Here the query is SERVFAIL and the stack is logged.
function setup(directive: Directive, site: Site): Stage {
  directive.map(takesNothing)
  site.debug.enabled = true
  return {}
}

function takesNothing(occurrence: Occurrence): void {
  occurrence.noArguments()
  occurrence.noBlock()
}
