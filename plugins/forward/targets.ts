/**
 * The TO list: addresses, resolv.conf files and host names, and how they become addresses. Files are read at setup and
 * looked at again while serving; host names are resolved once, at start.
 */

import { lookup, Resolver } from 'node:dns/promises'
import { statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { resolve as resolvePath } from 'node:path'
import { warn } from '../../server/log.ts'
import type { Argument } from '../../server/plugin.ts'
import { expectFile, readWhole } from '../../server/read-file.ts'
import {
  addressText,
  canonical,
  DEFAULT_PORTS,
  type HostPort,
  hostPortText,
  parseAddressPort,
  parseNamePort,
  parseServerName,
  type Scheme,
  splitServerName,
  type UpstreamAddress,
} from './address.ts'

const REREAD_MS = 10_000
const EXPECTED = 'an IP address, address:port, host name or resolv.conf file'
const EXPECTED_ENCRYPTED = 'an IP address or host name, with %SERVERNAME and :PORT if need be'
const QUIC_PORT = 853 // RFC 9250 §8

export type Target =
  | { readonly kind: 'address'; readonly address: UpstreamAddress }
  | { readonly kind: 'file'; readonly path: string; addresses: readonly UpstreamAddress[] }
  /** Resolved at start; all but `host` is what the addresses have in common. */
  | (UpstreamAddress & { readonly kind: 'host'; addresses: readonly UpstreamAddress[] })

/** All addresses of a list, in its order; one that is named twice counts once. */
export function addressesOf(targets: readonly Target[]): UpstreamAddress[] {
  const all = targets.flatMap(target => (target.kind === 'address' ? [target.address] : target.addresses))
  return [...new Map(all.map(address => [addressText(address), address])).values()]
}

/**
 * Reads one TO argument. `serverName` is what `tls_servername` says.
 * @throws CorefileError
 */
export function readTarget(argument: Argument, folder: string, serverName?: string): Target {
  const { text } = argument
  if (text === '') throw invalidUpstream(argument, EXPECTED)
  const scheme = /^([A-Za-z0-9]+):\/\//.exec(text)?.[1]
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3)
  if (scheme !== undefined && scheme !== 'dns') return readEncrypted(argument, scheme, rest, serverName)
  const address = parseAddressPort(rest)
  if (address !== undefined) {
    return { kind: 'address', address: { ...checkPort(argument, address), scheme: 'dns', serverName: undefined } }
  }
  if (scheme === undefined) {
    const path = resolvePath(folder, text)
    if (text.includes('/') || isFile(path)) return { kind: 'file', path, addresses: readFileAddresses(argument, path) }
  }
  const host = parseNamePort(rest, DEFAULT_PORTS.dns)
  if (host === undefined) throw invalidUpstream(argument, EXPECTED)
  return { kind: 'host', scheme: 'dns', ...host, serverName: undefined, addresses: [] }
}

/** The certificate must name the server name that is written, that of `tls_servername`, the host name, or the address. */
function readEncrypted(argument: Argument, scheme: string, rest: string, blockName: string | undefined): Target {
  const port = scheme === 'quic' ? QUIC_PORT : portOf(argument, scheme)
  if (scheme === 'https' && rest.includes('/')) {
    const found = `path in "${argument.text}"`
    throw argument.error(`${found}, expected none: it is always /dns-query`, 'COREFILE_INVALID_ADDRESS')
  }
  const split = splitServerName(rest)
  if (split === undefined) throw invalidUpstream(argument, EXPECTED_ENCRYPTED)
  const written = split.serverName === undefined ? undefined : readServerName(argument, split.serverName)
  if (written !== undefined && blockName !== undefined) {
    const found = `server name "${written}" in "${argument.text}" and "${blockName}" in "tls_servername"`
    throw argument.error(`${found}, expected one of them`)
  }
  const address = parseAddressPort(split.rest, port)
  const host = address === undefined ? parseNamePort(split.rest, port) : checkPort(argument, address)
  if (host === undefined) throw invalidUpstream(argument, EXPECTED_ENCRYPTED)
  if (scheme === 'quic') throw noQuic(argument)
  const serverName = written ?? blockName ?? (address === undefined ? host.host.toLowerCase() : undefined)
  const found = { ...host, scheme: scheme as Scheme, serverName }
  return address === undefined ? { kind: 'host', ...found, addresses: [] } : { kind: 'address', address: found }
}

/** The name that a certificate must have. @throws CorefileError */
export function readServerName(argument: Argument, text = argument.text): string {
  const name = parseServerName(text)
  if (name !== undefined) return name
  const found = `invalid server name "${text}"`
  throw argument.error(`${found}, expected a host name such as dns.example.org`, 'COREFILE_INVALID_ADDRESS')
}

function portOf(argument: Argument, scheme: string): number {
  if (Object.hasOwn(DEFAULT_PORTS, scheme)) return DEFAULT_PORTS[scheme as Scheme]
  const found = `unknown scheme "${scheme}" in "${argument.text}"`
  throw argument.error(`${found}, expected dns, tls, https or quic`, 'COREFILE_INVALID_ADDRESS')
}

function noQuic(argument: Argument): Error {
  const hasQuic = 'quic' in process.features && process.features.quic === true
  const missing = hasQuic ? 'this version cannot speak' : `this runtime (Node ${process.version}) does not have`
  const found = `"${argument.text}" is asked over QUIC, which ${missing}`
  return argument.error(`${found}, expected tls:// or https://`, 'COREFILE_INVALID_ADDRESS')
}

function checkPort(argument: Argument, address: HostPort): HostPort {
  if (address.port > 0) return address
  throw argument.error(`port 0 in "${argument.text}", expected 1 to 65535`, 'COREFILE_INVALID_ADDRESS')
}

function invalidUpstream(argument: Argument, expected: string): Error {
  return argument.error(`invalid upstream "${argument.text}", expected ${expected}`, 'COREFILE_INVALID_ADDRESS')
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false // no path at all, or one through what is no folder
  }
}

function readFileAddresses(argument: Argument, path: string): UpstreamAddress[] {
  let text: string
  try {
    text = readWhole(path).toString()
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
    addresses.push({ scheme: 'dns', host: canonical(words[1]), port: DEFAULT_PORTS.dns, serverName: undefined })
  }
  return addresses
}

/**
 * Resolves the host names of a list, each as an absolute name, A and AAAA.
 * @throws Error that names the host.
 */
export async function resolveHosts(targets: readonly Target[], resolvers: readonly HostPort[]): Promise<void> {
  for (const target of targets) {
    if (target.kind !== 'host') continue
    const { scheme, host, port, serverName } = target
    const hosts = await (resolvers.length > 0 ? askResolvers(host, resolvers) : askSystem(host))
    target.addresses = hosts.map(address => ({ scheme, host: canonical(address), port, serverName }))
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

async function askResolvers(host: string, resolvers: readonly HostPort[]): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  resolver.setServers(resolvers.map(hostPortText))
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = [v4, v6].flatMap(result => (result.status === 'fulfilled' ? result.value : []))
  if (found.length > 0) return found
  const cause = v4.status === 'rejected' ? v4.reason : undefined
  throw new Error(`cannot resolve upstream "${host}" through ${resolvers.map(hostPortText).join(', ')}`, { cause })
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
      expectFile(await stat(target.path))
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
