/** IP addresses as the node-local role compares and writes them, and those that it gives to the node's loopback device. */
import { isIP, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import { runProgram } from './programs.ts'

export type Family = 4 | 6

export interface Address {
  readonly family: Family
  /** As inet_ntop(3) writes it, so that equal addresses are equal texts. */
  readonly text: string
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

/** Gives the node the addresses that it has not got. Packets to them are then its own, whatever device they come over. */
export async function addAddresses(addresses: readonly Address[]): Promise<Address[]> {
  const missing = addresses.filter(address => !isThere(address))
  for (const { family, text } of missing) {
    const words = family === 4 ? [`${text}/32`, 'dev', 'lo', 'scope', 'host'] : [`${text}/128`, 'dev', 'lo', 'nodad']
    await runProgram('ip', [`-${family}`, 'address', 'replace', ...words])
  }
  return missing
}

/** Takes them away again. */
export async function removeAddresses(addresses: readonly Address[]): Promise<Address[]> {
  const there = addresses.filter(isThere)
  for (const { family, text } of there) {
    await runProgram('ip', [`-${family}`, 'address', 'delete', `${text}/${family === 4 ? 32 : 128}`, 'dev', 'lo'])
  }
  return there
}

function isThere({ text }: Address): boolean {
  return networkInterfaces().lo?.some(({ address }) => address === text) ?? false
}
