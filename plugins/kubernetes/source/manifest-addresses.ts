/**
 * Cluster addresses for Services of manifests that have none, as an API server would give them: from 10.96.0.0/12
 * (kubeadm's default range) and fd00:10:96::/64. An address is a hash of namespace and name, so it is the same after a
 * restart; a Service keeps it while others come and go, and the first 256 are left to those who choose their own.
 */
import { createHash } from 'node:crypto'

const IPV4_RANGE_START = 0x0a_60_00_00 // 10.96.0.0
const IPV4_RANGE_SIZE = 1 << 20
const IPV6_RANGE_PREFIX = 'fd00:10:96:0'
const RESERVED = 256

export class ManifestAddresses {
  /** `FAMILY NAMESPACE/NAME` → address. */
  readonly #given = new Map<string, string>()
  /** Addresses that Services of this round have, given or chosen. */
  readonly #taken = new Set<string>()

  /** Begins a round: `taken` are the addresses that stand in manifests, `wanting` the services that have none. */
  begin(taken: Iterable<string>, wanting: ReadonlySet<string>): void {
    this.#taken.clear()
    for (const address of taken) this.#taken.add(address)
    for (const [key, address] of this.#given) {
      const service = key.slice(2)
      if (wanting.has(service) && !this.#taken.has(address)) this.#taken.add(address)
      else this.#given.delete(key)
    }
  }

  /** The address of a service, `NAMESPACE/NAME`. */
  addressOf(service: string, family: 4 | 6): string {
    const key = `${family} ${service}`
    const given = this.#given.get(key)
    if (given !== undefined) return given
    for (let attempt = 0; ; attempt++) {
      const address = hashed(service, family, attempt)
      if (this.#taken.has(address)) continue
      this.#taken.add(address)
      this.#given.set(key, address)
      return address
    }
  }
}

function hashed(service: string, family: 4 | 6, attempt: number): string {
  const digest = createHash('sha256').update(`${service} ${attempt}`).digest()
  if (family === 6) {
    const groups = [0, 2, 4, 6].map(at => digest.readUInt16BE(at).toString(16))
    return `${IPV6_RANGE_PREFIX}:${groups.join(':')}`
  }
  const offset = RESERVED + (digest.readUInt32BE(0) % (IPV4_RANGE_SIZE - RESERVED - 1)) // the last one is no host's
  const address = IPV4_RANGE_START + offset
  return [24, 16, 8, 0].map(shift => (address >>> shift) & 255).join('.')
}
