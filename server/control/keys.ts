/**
 * Checks between server blocks: what no key can tell by itself, because it depends on the addresses that `bind` names
 * and on the other blocks.
 */
import { CorefileError, type ErrorCollector } from '../corefile/error.ts'
import type { Token } from '../corefile/lexer.ts'
import { type BlockSite, hostPort } from './site.ts'

/** Reports zones served twice, and zones served both on one and on every address. */
export function checkKeys(sites: readonly BlockSite[], errors: ErrorCollector): void {
  const served = new Map<string, Token>()
  const everywhere = new Map<string, Token>()
  const bound = new Map<string, Token>()
  for (const site of sites) {
    // What `bind` could not read was reported; guessing its addresses would report more than is wrong.
    if (site.listen.addresses.length === 0 && site.block.directives.some(({ name }) => name.text === 'bind')) continue
    for (const { zone, port, key } of site.endpoints) {
      if (key.transport !== 'dns') continue
      for (const address of site.addresses) {
        const at = `${zone} ${hostPort(address, port)}`
        const zoneAndPort = `${zone} ${port}`
        const earlier = served.get(at) ?? (address === '' ? bound : everywhere).get(zoneAndPort)
        if (earlier !== undefined) {
          errors.add(servedTwice(zone, hostPort(address, port), key.token, earlier))
          break
        }
        served.set(at, key.token)
        const seen = address === '' ? everywhere : bound
        if (!seen.has(zoneAndPort)) seen.set(zoneAndPort, key.token)
      }
    }
  }
}

/** Reports transports that are missing here. */
export function refuseTransports(sites: readonly BlockSite[], errors: ErrorCollector): void {
  const keys = sites.flatMap(({ block }) => block.serverKeys).filter(({ transport }) => transport !== 'dns')
  // A CIDR is one key for many zones.
  for (const [token, transport] of new Map(keys.map(key => [key.token, key.transport]))) {
    const text = `transport "${transport}" of CoreDNS is not part of Sextant yet, expected dns`
    errors.add(new CorefileError('COREFILE_INVALID_KEY', token, text))
  }
}

function servedTwice(zone: string, where: string, token: Token, earlier: Token): CorefileError {
  const at = `${earlier.source.file}:${earlier.line}:${earlier.column}`
  const text = `zone "${zone}" on ${where} is served at ${at} already, expected one server block for each zone and address`
  return new CorefileError('COREFILE_DUPLICATE_KEY', token, text)
}
