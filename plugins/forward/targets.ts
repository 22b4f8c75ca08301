/**
 * The TO list: addresses, resolv.conf files and host names, and how they become addresses. Files are read at setup and
 * looked at again while serving; host names are resolved once, at start.
 */

import { lookup, Resolver } from 'node:dns/promises'
import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { resolve as resolvePath } from 'node:path'
import { warn } from '../../server/log.ts'
import type { Argument } from '../../server/plugin.ts'
import { addressText, type UpstreamAddress } from './upstream.ts'

const DNS_PORT = 53
const REREAD_MS = 10_000
const EXPECTED = 'an IP address, address:port, host name or resolv.conf file'

export type Target =
  | { readonly kind: 'address'; readonly address: UpstreamAddress }
  | { readonly kind: 'file'; readonly path: string; addresses: readonly UpstreamAddress[] }
  | { readonly kind: 'host'; readonly host: string; readonly port: number; addresses: readonly UpstreamAddress[] }

/** All addresses of a list, in its order; one that is named twice counts once. */
export function addressesOf(targets: readonly Target[]): UpstreamAddress[] {
  const all = targets.flatMap(target => (target.kind === 'address' ? [target.address] : target.addresses))
  return [...new Map(all.map(address => [addressText(address), address])).values()]
}

/**
 * Reads one TO argument.
 * @throws CorefileError
 */
export function readTarget(argument: Argument, folder: string): Target {
  const { text } = argument
  const scheme = /^([A-Za-z0-9]+):\/\//.exec(text)?.[1]
  if (scheme !== undefined) refuseScheme(argument, scheme)
  const plain = scheme === undefined ? text : text.slice(scheme.length + 3)
  const address = parseAddressPort(plain)
  if (address !== undefined) {
    if (address.port === 0) throw argument.error(`port 0 in "${text}", expected 1 to 65535`, 'COREFILE_INVALID_ADDRESS')
    return { kind: 'address', address }
  }
  if (scheme === undefined) {
    const path = resolvePath(folder, text)
    if (text.includes('/') || isFile(path)) return { kind: 'file', path, addresses: readFileAddresses(argument, path) }
  }
  const host = parseHostPort(plain)
  if (host === undefined)
    throw argument.error(`invalid upstream "${text}", expected ${EXPECTED}`, 'COREFILE_INVALID_ADDRESS')
  return { kind: 'host', ...host, addresses: [] }
}

function refuseScheme(argument: Argument, scheme: string): void {
  if (scheme === 'dns') return
  const { text } = argument
  if (['tls', 'https', 'https3', 'quic', 'grpc'].includes(scheme)) {
    const found = `encrypted upstream "${text}" is not supported by this version`
    throw argument.error(`${found}, expected a plain upstream such as dns://10.0.0.1`, 'COREFILE_INVALID_ADDRESS')
  }
  throw argument.error(`unknown scheme "${scheme}" in "${text}", expected dns`, 'COREFILE_INVALID_ADDRESS')
}

/** `IP`, `IP:port`, `[v6]`, `[v6]:port`. */
export function parseAddressPort(text: string): UpstreamAddress | undefined {
  if (isIP(text) !== 0) return { host: canonical(text), port: DNS_PORT }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2]!
  const family = isIP(host)
  if (family === 0 || (family === 6) !== (match[1] !== undefined)) return undefined
  const port = match[3] === undefined ? DNS_PORT : Number(match[3])
  return port > 65_535 ? undefined : { host: canonical(host), port }
}

function parseHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^([^:/[\]]+)(?::([0-9]{1,5}))?$/.exec(text)
  const host = match?.[1]?.replace(/\.$/, '')
  const port = match?.[2] === undefined ? DNS_PORT : Number(match[2])
  if (host === undefined || port < 1 || port > 65_535 || host.length > 253) return undefined
  const isName = host.split('.').every(label => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  return isName && !/(?:^|\.)[0-9]+$/.test(host) ? { host, port } : undefined
}

/** IPv6 in one spelling, so that an address is recognised as the same. */
function canonical(host: string): string {
  if (!host.includes(':')) return host
  const [address, zone] = host.split('%')
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  return zone === undefined ? short : `${short}%${zone}`
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function readFileAddresses(argument: Argument, path: string): UpstreamAddress[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const found = `cannot read "${argument.text}" (${reason})`
    throw argument.error(`${found}, expected ${EXPECTED}`, 'COREFILE_UNREADABLE_FILE', cause)
  }
  const addresses = parseResolvConf(text)
  if (addresses.length > 0) return addresses
  const found = `no nameserver in "${argument.text}"`
  throw argument.error(`${found}, expected lines such as "nameserver 10.0.0.1"`, 'COREFILE_UNREADABLE_FILE')
}

/** The name servers of a resolv.conf (resolv.conf(5)); lines that are none are passed over. */
export function parseResolvConf(text: string): UpstreamAddress[] {
  const addresses: UpstreamAddress[] = []
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    if (words[0] !== 'nameserver' || words[1] === undefined || isIP(words[1]) === 0) continue
    addresses.push({ host: canonical(words[1]), port: DNS_PORT })
  }
  return addresses
}

/**
 * Resolves the host names of a list, each as an absolute name, A and AAAA.
 * @throws Error that names the host.
 */
export async function resolveHosts(targets: readonly Target[], resolvers: readonly UpstreamAddress[]): Promise<void> {
  for (const target of targets) {
    if (target.kind !== 'host') continue
    const { host, port } = target
    const hosts = await (resolvers.length > 0 ? askResolvers(host, resolvers) : askSystem(host))
    target.addresses = hosts.map(address => ({ host: canonical(address), port }))
  }
}

async function askSystem(host: string): Promise<string[]> {
  try {
    // With its final dot no search list applies; a hosts file knows the name without.
    const found = await lookup(`${host}.`, { all: true }).catch(() => lookup(host, { all: true }))
    return found.map(one => one.address)
  } catch (cause) {
    throw new Error(`cannot resolve upstream "${host}"`, { cause })
  }
}

async function askResolvers(host: string, resolvers: readonly UpstreamAddress[]): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  resolver.setServers(resolvers.map(addressText))
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = [v4, v6].flatMap(result => (result.status === 'fulfilled' ? result.value : []))
  if (found.length > 0) return found
  const cause = v4.status === 'rejected' ? v4.reason : undefined
  throw new Error(`cannot resolve upstream "${host}" through ${resolvers.map(addressText).join(', ')}`, { cause })
}

/** Looks at the files of a list from time to time; what cannot be read, or names nobody, changes nothing. */
export class FileWatch {
  readonly #targets: readonly Target[]
  readonly #changed: () => void
  readonly #told = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  constructor(targets: readonly Target[], changed: () => void) {
    this.#targets = targets.filter(target => target.kind === 'file')
    this.#changed = changed
  }

  start(intervalMs = REREAD_MS): void {
    if (this.#targets.length === 0) return
    this.#timer = setInterval(() => void this.look(), intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async look(): Promise<void> {
    let changed = false
    for (const target of this.#targets) if (target.kind === 'file') changed = (await this.#reread(target)) || changed
    if (changed) this.#changed()
  }

  async #reread(target: Target & { kind: 'file' }): Promise<boolean> {
    try {
      const addresses = parseResolvConf(await readFile(target.path, 'utf8'))
      if (addresses.length === 0) throw new Error('it has no nameserver')
      this.#told.delete(target.path)
      if (addresses.map(addressText).join() === target.addresses.map(addressText).join()) return false
      target.addresses = addresses
      return true
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      if (this.#told.get(target.path) !== reason) warn('forward', `keeping the upstreams of ${target.path}: ${reason}`)
      this.#told.set(target.path, reason)
      return false
    }
  }
}
