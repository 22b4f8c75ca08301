/** The names of a cluster as zone files, for a server that is authoritative and knows no cluster. */
import { type BenchService, PORT_NAME } from '../cluster/objects.ts'
import type { Zones } from './knot.ts'

const TTL = 30
const CLUSTER_ZONE = 'cluster.local'
const REVERSE_ZONE = '10.in-addr.arpa'
const SOA = `@ SOA ns.dns.${CLUSTER_ZONE}. hostmaster.${CLUSTER_ZONE}. 1 7200 1800 86400 ${TTL}\n@ NS ns.dns.${CLUSTER_ZONE}.\n`

/** All that the kube mix asks for and gets: services, endpoints, ports, pods, and the way back from addresses. */
export function kubeZones(services: readonly BenchService[]): Zones {
  const forward: string[] = ['ns.dns A 10.96.0.2']
  const reverse: string[] = []
  for (const { namespace, name, clusterIP, endpoints } of services) {
    const at = `${name}.${namespace}.svc`
    const srv = `_${PORT_NAME}._tcp.${at} SRV 0`
    if (clusterIP !== undefined) {
      forward.push(`${at} A ${clusterIP}`, `${srv} 100 80 ${at}`)
      reverse.push(`${reversed(clusterIP)} PTR ${at}.${CLUSTER_ZONE}.`)
    }
    for (const address of endpoints) {
      const dashed = address.replaceAll('.', '-')
      forward.push(`${dashed}.${namespace}.pod A ${address}`)
      if (clusterIP !== undefined) continue
      forward.push(`${at} A ${address}`, `${dashed}.${at} A ${address}`, `${srv} 25 8080 ${dashed}.${at}`)
      reverse.push(`${reversed(address)} PTR ${dashed}.${at}.${CLUSTER_ZONE}.`)
    }
  }
  const text = (records: readonly string[]) => `$TTL ${TTL}\n${SOA}${records.join('\n')}\n`
  return { [CLUSTER_ZONE]: text(forward), [REVERSE_ZONE]: text(reverse) }
}

/** The octets of an address in 10.0.0.0/8 below its reverse zone: 10.1.2.3 is `3.2.1`. */
function reversed(address: string): string {
  return address.split('.').slice(1).reverse().join('.')
}
