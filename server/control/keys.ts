/**
 * Checks between server blocks: what no key can tell by itself, because it depends on the addresses that `bind` names
 * and on the other blocks.
 */
import { CorefileError, type ErrorCollector } from '../corefile/error.ts'
import type { Token } from '../corefile/lexer.ts'
import { sameTls } from '../listen/listen.ts'
import { type BlockSite, type Endpoint, hostPort, serverLabel } from './site.ts'

/** Reports zones served twice, and zones served both on one and on every address. */
export function checkKeys(sites: readonly BlockSite[], errors: ErrorCollector): void {
  const served = new Map<string, Token>()
  const everywhere = new Map<string, Token>()
  const bound = new Map<string, Token>()
  for (const site of sites) {
    // What `bind` could not read was reported; guessing its addresses would report more than is wrong.
    if (site.listen.addresses.length === 0 && site.block.directives.some(({ name }) => name.text === 'bind')) continue
    for (const { scheme, zone, port, key } of site.endpoints) {
      for (const address of site.addresses) {
        const at = `${zone} ${serverLabel(scheme, address, port)}`
        const zoneAndPort = `${zone} ${scheme} ${port}`
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

/**
 * Reports encrypted keys without certificate, blocks that share a listener and do not agree about TLS, and ports that two
 * schemes want.
 */
export function checkTls(sites: readonly BlockSite[], errors: ErrorCollector): void {
  const missing = new Set<Token>()
  const first = new Map<string, { site: BlockSite; endpoint: Endpoint }>()
  const schemes = new Map<string, Endpoint>()
  for (const site of sites) {
    for (const endpoint of site.endpoints) {
      const { scheme, port, key } = endpoint
      // What `tls` could not read was reported.
      if (scheme !== 'dns' && !site.block.directives.some(({ name }) => name.text === 'tls')) missing.add(key.token)
      for (const address of site.addresses) {
        const other = schemes.get(hostPort(address, port))
        if (port !== 0 && other !== undefined && other.scheme !== scheme)
          errors.add(servedAs(endpoint, hostPort(address, port), other))
        else schemes.set(hostPort(address, port), endpoint)
        if (scheme === 'dns') continue
        const server = serverLabel(scheme, address, port)
        const earlier = first.get(server)
        if (earlier === undefined) first.set(server, { site, endpoint })
        else reportConflict(earlier, { site, endpoint }, server, errors)
      }
    }
  }
  for (const token of missing) {
    // CoreDNS: serves such a key in clear text.
    const text = `no certificate for "${token.text}", expected "tls CERT KEY" in its server block`
    errors.add(new CorefileError('COREFILE_MISSING_CERTIFICATE', token, text))
  }
}

interface Placed {
  readonly site: BlockSite
  readonly endpoint: Endpoint
}

function reportConflict(earlier: Placed, later: Placed, server: string, errors: ErrorCollector): void {
  const [a, b] = [earlier.site.listen, later.site.listen]
  const zones = `between zones "${earlier.endpoint.zone}" and "${later.endpoint.zone}"`
  if (earlier.endpoint.scheme === 'https' && a.https?.maxStreams !== b.https?.maxStreams) {
    const text = `conflicting max_streams values for shared HTTPS listener ${server} ${zones}, expected the same`
    errors.add(new CorefileError('COREFILE_LISTENER_CONFLICT', later.endpoint.key.token, text))
  }
  if (a.tls === undefined || b.tls === undefined) return // it was reported that one is missing
  const reason = sameTls(a.tls, b.tls)
  if (reason === undefined) return
  const text = `conflicting TLS configuration for shared listener ${server} ${zones}: ${reason}, expected the same "tls"`
  errors.add(new CorefileError('COREFILE_LISTENER_CONFLICT', later.endpoint.key.token, text))
}

/** Over TCP one port speaks one protocol. */
function servedAs({ scheme, key }: Endpoint, where: string, other: Endpoint): CorefileError {
  const { source, line, column } = other.key.token
  const text = `${scheme}:// on ${where}, which is ${other.scheme}:// at ${source.file}:${line}:${column}, expected another port`
  return new CorefileError('COREFILE_LISTENER_CONFLICT', key.token, text)
}

/** Reports transports that are missing here. */
export function refuseTransports(sites: readonly BlockSite[], errors: ErrorCollector): void {
  const isServed = new Set(sites.flatMap(({ endpoints }) => endpoints.map(({ key }) => key)))
  const keys = sites.flatMap(({ block }) => block.serverKeys).filter(key => !isServed.has(key))
  // A CIDR is one key for many zones.
  for (const [token, transport] of new Map(keys.map(key => [key.token, key.transport]))) {
    const text = `transport "${transport}" of CoreDNS is not part of Sextant yet, expected dns, tls or https`
    errors.add(new CorefileError('COREFILE_INVALID_KEY', token, text))
  }
}

function servedTwice(zone: string, where: string, token: Token, earlier: Token): CorefileError {
  const at = `${earlier.source.file}:${earlier.line}:${earlier.column}`
  const text = `zone "${zone}" on ${where} is served at ${at} already, expected one server block for each zone and address`
  return new CorefileError('COREFILE_DUPLICATE_KEY', token, text)
}
