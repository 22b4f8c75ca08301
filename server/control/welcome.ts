/**
 * What is printed at start: what is served where, the version, and for the default Corefile what to try.
 */
import { VERSION } from '../version.ts'
import type { Server } from './server.ts'

/** One text per listener, a line per zone: `cluster.local.:53 on 10.0.0.1`, `tls://.:853`. Listeners sorted by port and address. */
export function listenerLines(server: Server): string[] {
  const open = [...(server.current?.plans ?? [])].filter(([key]) => server.sockets.portOf(key) !== undefined)
  const plans = open.toSorted(([, a], [, b]) => a.port - b.port || (a.address < b.address ? -1 : 1))
  return plans.map(([key, { scheme, address, port, zones }]) => {
    const open = server.sockets.portOf(key) ?? port
    const prefix = scheme === 'dns' ? '' : `${scheme}://`
    const on = address === '' ? '' : ` on ${address}`
    return zones
      .toSorted()
      .map(zone => `${prefix}${zone}:${open}${on}`)
      .join('\n')
  })
}

export function versionLines(): string {
  return `Sextant-${VERSION}\n${process.platform}/${process.arch}, node ${process.version}`
}

/** Three questions that the example manifests answer. */
export function defaultLines(server: Server): string {
  const plan = [...(server.current?.plans.values() ?? [])][0]
  const at = `dig @${plan?.address || '127.0.0.1'} -p ${plan?.port}`
  return [
    'Serving the example cluster of examples/manifests as cluster.local. Edit a file there and ask again. Try:',
    `  ${at} web.shop.svc.cluster.local`,
    `  ${at} SRV _sql._tcp.db.shop.svc.cluster.local`,
    `  ${at} -x 10.96.0.10`,
  ].join('\n')
}
