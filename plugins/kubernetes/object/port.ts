/** Ports of Services and EndpointSlices. */
import { isDnsLabel, isJson, type Json, listAt } from './object.ts'

export interface Port {
  /** In lower case, empty for an unnamed port. */
  readonly name: string
  /** `tcp`, `udp` or `sctp`. */
  readonly protocol: string
  readonly port: number
}

/** The ports in `ports` of a spec or slice. What has no number is no port that SRV could name; it is left out. */
export function portsOf(from: Json): readonly Port[] {
  const ports: Port[] = []
  for (const item of listAt(from, 'ports')) {
    if (!isJson(item)) continue
    const { name, protocol, port } = item
    if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535) continue
    const protocolName = typeof protocol === 'string' ? protocol.toLowerCase() : 'tcp'
    if (!isDnsLabel(protocolName)) continue
    const portName = typeof name === 'string' ? name.toLowerCase() : ''
    ports.push({ name: isDnsLabel(portName) ? portName : '', protocol: protocolName, port: port as number })
  }
  return ports
}
