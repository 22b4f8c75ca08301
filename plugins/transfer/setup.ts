/** Parses one `transfer`: its zones, and who may have them. */
import { together, zoneList } from '../../server/corefile/directive.ts'
import type { Argument, Occurrence, Site } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { nameFromText } from '../../server/wire/name.ts'

const DNS_PORT = 53
const ANYBODY = '*'

export interface Rule {
  readonly zones: ZoneSet
  /** True if the client with this address may have them. */
  allows(address: string): boolean
}

/** @throws CorefileError or CorefileErrors */
export function readRule(occurrence: Occurrence, site: Site): Rule {
  const to = new Set<string>()
  let zones: readonly string[] = []
  together(
    () => {
      zones = zoneList(occurrence.args, site.zoneTexts)
    },
    () =>
      occurrence.each(
        {
          to: p => {
            for (const argument of p.arguments(1)) to.add(readClient(argument))
          },
          // The address that NOTIFY comes from; no zone that is here has one sent.
          source: p => {
            p.argument().address('source address')
          },
        },
        { once: ['source'] },
      ),
    () => {
      const isThere = occurrence.properties.some(({ name }) => name.text === 'to')
      if (!isThere) throw occurrence.error('no "to", expected at least one address, or * for anybody')
    },
  )
  const isOpen = to.has(ANYBODY)
  return { zones: new ZoneSet(zones.map(nameFromText)), allows: address => isOpen || to.has(address) }
}

/** `*`, or an address; its port is where NOTIFY would go. */
function readClient(argument: Argument): string {
  if (argument.text === ANYBODY) return ANYBODY
  const { host } = argument.hostPort(DNS_PORT, 'client')
  if (isAddress(host)) return host
  const text = `invalid client "${argument.text}", expected an IP address, or * for anybody`
  throw argument.error(text, 'COREFILE_INVALID_ADDRESS')
}

/** What else `hostPort` takes is a host name, or nothing. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^[0-9.]+$/.test(host)
}
