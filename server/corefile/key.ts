/**
 * Server block keys `[scheme://]zone[:port]` and zone arguments → zones as absolute, lower-case text. A CIDR stands for
 * reverse zones. Says nothing about two blocks with one key: that depends on `bind`.
 */
import { CorefileError } from './error.ts'
import type { Token } from './lexer.ts'
import { didYouMean } from './suggest.ts'
import { type Cidr, parseAddress, parseCidr } from './values.ts'

const MAX_NAME_OCTETS = 255 // RFC 1035 §2.3.4
const MAX_LABEL_OCTETS = 63 // RFC 1035 §2.3.4
const MAX_PORT = 65_535

const encoder = new TextEncoder()

export const TRANSPORTS = ['dns', 'tls', 'quic', 'grpc', 'https', 'https3', 'unix'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** The port of a key without one. That of `dns` is replaced by the flag -p. `unix` has none. */
export const DEFAULT_PORTS: ReadonlyMap<Transport, number> = new Map<Transport, number>([
  ['dns', 53],
  ['tls', 853],
  ['quic', 853],
  ['grpc', 443],
  ['https', 443],
  ['https3', 443],
])

export interface ServerKey {
  readonly transport: Transport
  /** Absolute, lower-case: `example.org.`, `.`, `10.in-addr.arpa.` */
  readonly zone: string
  /** Undefined where the key names none. */
  readonly port: number | undefined
  readonly token: Token
}

/**
 * A key of a server block. More than one result where a CIDR covers several reverse zones.
 * @throws CorefileError COREFILE_INVALID_KEY
 */
export function parseKey(token: Token): ServerKey[] {
  const parsed = split(token.text)
  const zones = typeof parsed === 'string' ? parsed : zonesOf(parsed.host)
  if (typeof parsed === 'string') throw new CorefileError('COREFILE_INVALID_KEY', token, parsed)
  if (typeof zones === 'string') throw new CorefileError('COREFILE_INVALID_KEY', token, zones)
  return zones.map(zone => ({ transport: parsed.transport, zone, port: parsed.port, token }))
}

/**
 * A zone argument of a plugin: a zone or CIDR; a scheme and port are accepted and dropped, as CoreDNS does.
 * The zones, or a sentence that says what is wrong.
 */
export function parseZone(text: string): string[] | string {
  const parsed = split(text)
  return typeof parsed === 'string' ? parsed : zonesOf(parsed.host)
}

/** The reverse zones that cover a prefix: whole octets in IPv4, nibbles in IPv6; several where it ends in between. */
export function reverseZones(cidr: Cidr): string[] {
  const step = cidr.family === 4 ? 8 : 4
  const length = Math.ceil(cidr.prefixLength / step)
  const count = 2 ** (length * step - cidr.prefixLength)
  const digits = [...cidr.bytes].flatMap(octet => (step === 8 ? [octet] : [octet >> 4, octet & 0xf])).slice(0, length)
  const suffix = cidr.family === 4 ? 'in-addr.arpa.' : 'ip6.arpa.'
  const last = digits.pop()
  if (last === undefined) return [suffix]
  const parents = digits.reverse().map(digit => `${digit.toString(step === 8 ? 10 : 16)}.`)
  const labels = Array.from({ length: count }, (_, index) => (last + index).toString(step === 8 ? 10 : 16))
  return labels.map(label => `${label}.${parents.join('')}${suffix}`)
}

interface KeyParts {
  readonly transport: Transport
  readonly host: string
  readonly port: number | undefined
}

function split(text: string): KeyParts | string {
  const schemeEnd = text.indexOf('://')
  const scheme = schemeEnd === -1 ? 'dns' : text.slice(0, schemeEnd)
  const transport = TRANSPORTS.find(known => known === scheme)
  if (transport === undefined)
    return `unknown scheme "${scheme}"${didYouMean(scheme, TRANSPORTS)} in "${text}", expected dns, tls, quic, grpc, https or https3`
  const rest = schemeEnd === -1 ? text : text.slice(schemeEnd + 3)
  const colon = rest.lastIndexOf(':')
  // A prefix such as 2001:db8::/32 has its last colon before the slash, a wrong one too.
  if (colon === -1 || (rest.includes('/', colon) && parseAddress(rest.slice(0, rest.lastIndexOf('/'))) !== undefined))
    return { transport, host: rest, port: undefined }
  return splitPort(text, transport, rest, colon)
}

function splitPort(text: string, transport: Transport, rest: string, colon: number): KeyParts | string {
  if (parseAddress(rest) !== undefined)
    return `IPv6 address "${rest}" as a zone, expected a prefix such as "${rest}/64"`
  const host = rest.slice(0, colon)
  const portText = rest.slice(colon + 1)
  if (portText === '') return `nothing after the last colon in "${text}", expected a port`
  // CoreDNS: a port that is no number becomes part of the zone's name, and the block never answers.
  if (!/^[0-9]{1,9}$/.test(portText) || Number(portText) > MAX_PORT)
    return `invalid port "${portText}" in "${text}", expected a number from 0 to ${MAX_PORT}`
  return { transport, host, port: Number(portText) }
}

function zonesOf(host: string): string[] | string {
  if (host === '') return 'empty zone, expected a name such as "example.org", or "." for the root'
  const cidr = parseCidr(host)
  if (cidr !== undefined) return reverseZones(cidr)
  const slash = host.indexOf('/')
  if (slash !== -1 && parseAddress(host.slice(0, slash)) !== undefined)
    return `invalid prefix length "${host.slice(slash + 1)}" in "${host}", expected a number from 0 to ${host.includes(':') ? 128 : 32}`
  if (/^[0-9.]+\/[0-9]+$/.test(host)) return `invalid address in "${host}", expected a CIDR such as 10.0.0.0/8`
  if (host.includes(':')) return `invalid zone "${host}", expected a domain name or CIDR`
  // A brace that misses its blank; CoreDNS takes it for a part of the zone's name.
  if (/[{}]/.test(host)) return `brace in zone "${host}", expected a domain name, and blanks around braces`
  const fault = nameFault(host)
  if (fault !== undefined) return `invalid zone "${abbreviate(host)}": ${fault}`
  const lower = host.replace(/[A-Z]/g, letter => letter.toLowerCase())
  return [isAbsolute(lower) ? lower : `${lower}.`]
}

/** Why a name in presentation format cannot be a domain name; escapes as in RFC 1035 §5.1. */
function nameFault(name: string): string | undefined {
  if (name === '.') return undefined
  if (name.length > MAX_NAME_OCTETS * 4) return `${name.length} characters, expected at most ${MAX_NAME_OCTETS} octets`
  let nameOctets = 1
  let labelOctets = 0
  const units: string[] = name.match(/\\[0-9]{3}|\\[\s\S]|[\s\S]/gu) ?? []
  if (units.at(-1) !== '.') units.push('.')
  for (const unit of units) {
    if (unit === '\\') return 'a backslash at the end, expected a character to escape'
    if (unit !== '.') {
      if (unit.length === 4 && unit.startsWith('\\') && Number(unit.slice(1)) > 255)
        return `escape ${unit}, expected \\000 to \\255`
      labelOctets += unit.startsWith('\\') ? 1 : encoder.encode(unit).length
      continue
    }
    if (labelOctets === 0) return 'an empty label, expected a name such as "example.org"'
    if (labelOctets > MAX_LABEL_OCTETS) return `a label of ${labelOctets} octets, expected at most ${MAX_LABEL_OCTETS}`
    nameOctets += labelOctets + 1
    labelOctets = 0
  }
  if (nameOctets > MAX_NAME_OCTETS) return `${nameOctets} octets, expected at most ${MAX_NAME_OCTETS}`
  return undefined
}

/** Ends in a dot that is not escaped. */
function isAbsolute(name: string): boolean {
  const backslashes = /(\\*)\.$/.exec(name)
  return backslashes !== null && backslashes[1]!.length % 2 === 0
}

function abbreviate(name: string): string {
  return name.length > 64 ? `${name.slice(0, 63)}…` : name
}
