/**
 * An upstream as it is written and shown: `[SCHEME://]ADDRESS[%SERVERNAME][:PORT]`. Text only: who is behind a host name
 * is looked up in targets.ts.
 */
import { isIP } from 'node:net'

/** Transports by scheme, each with its default port. */
export const DEFAULT_PORTS = { dns: 53, tls: 853, https: 443 } as const // RFC 1035 §4.2, RFC 7858 §3.1, RFC 8484
export type Scheme = keyof typeof DEFAULT_PORTS

/** Where an upstream is and how it is asked: an IP address, IPv6 without brackets. */
export interface UpstreamAddress {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  /** Whom its certificate must name, where that is not the address; lower case. */
  readonly serverName: string | undefined
}

/** A host name, or an address as `UpstreamAddress` has it, and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** `10.0.0.1:53`, `[2001:db8::1]:53`: the `to` label, as in CoreDNS without scheme and server name. */
export function hostPortText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The name in logs, and what tells upstreams apart: `10.0.0.1:53`, `tls://9.9.9.9:853`,
 * `tls://[2620:fe::fe%dns.quad9.net]:853`.
 */
export function addressText({ scheme, host, port, serverName }: UpstreamAddress): string {
  if (scheme === 'dns') return hostPortText({ host, port })
  return `${scheme}://${hostPortText({ host: serverName === undefined ? host : `${host}%${serverName}`, port })}`
}

/** `IP`, `IP:port`, `[v6]`, `[v6]:port`. */
export function parseAddressPort(text: string, defaultPort: number = DEFAULT_PORTS.dns): HostPort | undefined {
  if (isIP(text) !== 0) return { host: canonical(text), port: defaultPort }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2]!
  const family = isIP(host)
  if (family === 0 || (family === 6) !== (match[1] !== undefined)) return undefined
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  return port > 65_535 ? undefined : { host: canonical(host), port }
}

/** `name`, `name:port`; no name ends in a label of digits only, which would be an address that is mistyped. */
export function parseNamePort(text: string, defaultPort: number): HostPort | undefined {
  const match = /^([^:/[\]]+)(?::([0-9]{1,5}))?$/.exec(text)
  const host = match?.[1]?.replace(/\.$/, '')
  const port = match?.[2] === undefined ? defaultPort : Number(match[2])
  if (host === undefined || port < 1 || port > 65_535) return undefined
  return isHostName(host) ? { host, port } : undefined
}

/**
 * Takes the server name out of `IP%name`, `IP%name:port` or `[v6%name]:port`: what is left, and the name. Undefined for
 * a port after an IPv6 address without brackets, which could be part of the address.
 */
export function splitServerName(text: string): { rest: string; serverName: string | undefined } | undefined {
  const at = text.lastIndexOf('%')
  if (at < 0) return { rest: text, serverName: undefined }
  const before = text.slice(0, at)
  const match = /^([^:\]]*)(\]?(?::[0-9]+)?)$/.exec(text.slice(at + 1))
  if (match === null || (isIP(before) === 6 && match[2] !== '')) return undefined
  return { rest: before + match[2], serverName: match[1]! }
}

/** A name that certificates have: an address or a host name, in lower case. Undefined if the text is neither. */
export function parseServerName(text: string): string | undefined {
  if (isIP(text) !== 0) return canonical(text)
  const host = text.replace(/\.$/, '').toLowerCase()
  return isHostName(host) ? host : undefined
}

function isHostName(host: string): boolean {
  const isName = host.split('.').every(label => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  return isName && host.length <= 253 && !/(?:^|\.)[0-9]+$/.test(host)
}

/** IPv6 in one spelling, so that an address is recognised as the same. */
export function canonical(host: string): string {
  if (!host.includes(':')) return host
  const [address, zone] = host.split('%')
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  return zone === undefined ? short : `${short}%${zone}`
}
