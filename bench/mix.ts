/**
 * The kube mix: what the pods of a cluster ask. 50 % A, 20 % AAAA (NODATA), 10 % search-list misses, 5 % SRV, 5 % pod
 * names, 5 % PTR, 5 % names that nobody has. Each question comes with the answer that must come back.
 */
import { type BenchService, PORT_NAME } from './cluster/objects.ts'

export interface Question {
  name: string
  type: string
  rcode: 'NOERROR' | 'NXDOMAIN'
  /** Address or target that must be in the answer section; undefined: the section is empty. */
  holds?: string
  /** Records in the answer section. */
  answers: number
}

const ZONE = 'cluster.local'

/** mulberry32: the same questions in every run. Nothing here is a secret. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function kubeMix(services: readonly BenchService[], count: number): Question[] {
  const next = random(1)
  const pick = () => services[Math.floor(next() * services.length)]!
  const withClusterIP = services.filter(s => s.clusterIP)
  const miss = (name: string, type = 'A'): Question => ({ name, type, rcode: 'NXDOMAIN', answers: 0 })
  return Array.from({ length: count }, (): Question => {
    const s = pick()
    const fqdn = `${s.name}.${s.namespace}.svc.${ZONE}`
    const part = next() * 100
    if (part < 50) {
      const answers = s.clusterIP ? 1 : s.endpoints.length
      return { name: fqdn, type: 'A', rcode: 'NOERROR', holds: s.clusterIP ?? s.endpoints[0]!, answers }
    }
    if (part < 70) return { name: fqdn, type: 'AAAA', rcode: 'NOERROR', answers: 0 }
    if (part < 80) return miss(`${fqdn}.${s.namespace}.svc.${ZONE}`)
    if (part < 85) {
      const target = s.clusterIP ? fqdn : `${s.endpoints[0]!.replaceAll('.', '-')}.${fqdn}`
      const answers = s.clusterIP ? 1 : s.endpoints.length
      return { name: `_${PORT_NAME}._tcp.${fqdn}`, type: 'SRV', rcode: 'NOERROR', holds: target, answers }
    }
    if (part < 90) {
      const ip = s.endpoints[0]!
      return {
        name: `${ip.replaceAll('.', '-')}.${s.namespace}.pod.${ZONE}`,
        type: 'A',
        rcode: 'NOERROR',
        holds: ip,
        answers: 1,
      }
    }
    if (part < 95) {
      const of = withClusterIP[Math.floor(next() * withClusterIP.length)]!
      const name = `${of.clusterIP!.split('.').reverse().join('.')}.in-addr.arpa`
      return { name, type: 'PTR', rcode: 'NOERROR', holds: `${of.name}.${of.namespace}.svc.${ZONE}`, answers: 1 }
    }
    return miss(`nobody-${Math.floor(next() * 1e9)}.${s.namespace}.svc.${ZONE}`)
  })
}
