/** IP addresses as the node-local role compares and writes them, and those that it gives to the node's loopback device. */
import { isIP, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import { runProgram } from './programs.ts'

export type Family = 4 | 6

/**
 * Seconds for which the kernel leaves a Service's address with the node. Nobody has to take it away when the node is to have it no
 * longer; until then kube-proxy has it all the same.
 */
const LENT_S = 300

export interface Address {
  readonly family: Family
  /** As inet_ntop(3) writes it, so that equal addresses are equal texts. */
  readonly text: string
}

interface Given {
  readonly addresses: readonly Address[]
  /** Those of them that are the Service's are here too. */
  readonly fallback: readonly Address[]
}

/** undefined where the text is no address, or has a zone as `fe80::1%eth0`. */
export function addressOf(text: string): Address | undefined {
  const family = isIP(text)
  if ((family !== 4 && family !== 6) || text.includes('%')) return undefined
  return { family, text: new SocketAddress({ address: text, family: `ipv${family}` }).address }
}

/** Whether other network namespaces can send to it: it is not unspecified, loopback, multicast or IPv6 link-local. */
export function isReachable({ family, text }: Address): boolean {
  if (family === 6) return !/^(?:::1?$|ff|fe[89ab])/.test(text)
  const first = Number.parseInt(text, 10)
  return first !== 0 && first !== 127 && first < 224
}

/**
 * Gives the node the addresses that it has not got. Packets to them are then its own, whatever device they come over. Those of
 * the Service are lent for `LENT_S` from now on.
 * @returns those that it had not got
 */
export async function addAddresses({ addresses, fallback }: Given): Promise<Address[]> {
  const missing = addresses.filter(address => !isThere(address))
  for (const address of addresses) {
    const isLent = fallback.some(({ text }) => text === address.text)
    if (!isLent && !missing.includes(address)) continue
    const lifetime = isLent ? `${LENT_S}` : 'forever'
    // No source of what the node asks others, for every node has it. IPv6 has no such scope: there it is one that is preferred no more.
    const [kind, preferred] = address.family === 4 ? [['scope', 'host'], lifetime] : [['nodad'], '0']
    const words = ['dev', 'lo', ...kind, 'valid_lft', lifetime, 'preferred_lft', preferred]
    await runProgram('ip', [`-${address.family}`, 'address', 'replace', withPrefix(address), ...words])
  }
  return missing
}

/** Takes them away again. */
export async function removeAddresses(addresses: readonly Address[]): Promise<Address[]> {
  const there = addresses.filter(isThere)
  for (const address of there) {
    await runProgram('ip', [`-${address.family}`, 'address', 'delete', withPrefix(address), 'dev', 'lo'])
  }
  return there
}

/** Of one address, as ip(8) takes it. */
function withPrefix({ family, text }: Address): string {
  return `${text}/${family === 4 ? 32 : 128}`
}

function isThere({ text }: Address): boolean {
  return networkInterfaces().lo?.some(({ address }) => address === text) ?? false
}
