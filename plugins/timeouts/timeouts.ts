/**
 * `timeouts`: how long TCP connections of a server block's listeners may be silent, and how many queries each may ask.
 * The listeners keep to it.
 */
import type { Argument, Directive, Occurrence, Plugin, Site, Stage } from '../../server/plugin.ts'

// CoreDNS: the same limits.
const MIN_MS = 1000
const MAX_MS = 24 * 3_600_000
const MAX_QUERIES = 2 ** 31 - 1
const UNLIMITED = '-1'

export const plugin: Plugin = { name: 'timeouts', setup }

type Limits = NonNullable<Site['listen']['tcp']>
type Writable = { -readonly [K in keyof Limits]: Limits[K] }

function setup(directive: Directive, site: Site): Stage {
  const limits: Writable = {}
  directive.map(occurrence => read(occurrence, limits))
  site.listen.tcp = { ...site.listen.tcp, ...limits }
  return {}
}

/** What stands last holds, within a block and of several. */
function read(occurrence: Occurrence, limits: Writable): void {
  occurrence.noArguments()
  if (occurrence.properties.length === 0) {
    const text = 'a block that sets nothing, expected read, write, idle or maxtcpqueries in it'
    throw occurrence.error(text, 'COREFILE_MISSING_ARGUMENT')
  }
  occurrence.each({
    read: p => {
      limits.firstReadMs = time(p.argument())
    },
    write: p => {
      limits.writeMs = time(p.argument())
    },
    idle: p => {
      limits.idleMs = time(p.argument())
    },
    maxtcpqueries: p => {
      const argument = p.argument()
      const isUnlimited = argument.text === UNLIMITED
      limits.maxQueries = isUnlimited ? Number.POSITIVE_INFINITY : argument.integer(1, MAX_QUERIES, 'maxtcpqueries')
    },
  })
}

function time(argument: Argument): number {
  return argument.duration({ minMs: MIN_MS, maxMs: MAX_MS, bareSeconds: true }, 'timeout')
}
