/**
 * Text of an argument → value: numbers, durations, addresses. Pure; each returns undefined for text of another shape, and
 * the caller says what was expected. Ranges are checked by the caller too.
 */
import ipaddr from 'ipaddr.js'

/** Milliseconds per unit of a Go duration. Both micro signs are accepted. */
const UNIT_MS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['\u00b5s', 1e-3],
  ['\u03bcs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** Go's durations end at 2^63 ns. */
const MAX_DURATION_MS = 2 ** 63 / 1e6

/** Keeps the pattern's cost small whatever the text. */
const MAX_DURATION_LENGTH = 64

const MAX_PORT = 65_535

/** An IP address and prefix length; `bytes` has the host bits cleared. */
export interface Cidr {
  readonly family: 4 | 6
  /** 4 or 16 octets. */
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

export interface HostPort {
  /** IP address without brackets, or host name; empty for every address. */
  readonly host: string
  readonly port: number
}

/** Decimal digits with an optional sign. */
export function parseInteger(text: string): number | undefined {
  return /^[+-]?[0-9]{1,20}$/.test(text) ? Number(text) + 0 : undefined
}

/** Decimal number, with fraction and exponent if wanted. */
export function parseNumber(text: string): number | undefined {
  if (!/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Go duration syntax (`300ms`, `1.5h`, `1m30s`, `0`) → milliseconds; negative for a leading minus sign. */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_DURATION_LENGTH) return undefined
  const unsigned = text.replace(/^[+-]/, '')
  if (unsigned === '0') return 0
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/u.test(unsigned)) return undefined
  let totalMs = 0
  for (const [, count, unit] of unsigned.matchAll(/([0-9.]+)([^0-9.]+)/gu))
    totalMs += Number(count) * UNIT_MS.get(unit!)!
  if (totalMs >= MAX_DURATION_MS) return undefined
  return text.startsWith('-') ? -totalMs : totalMs
}

/** Milliseconds as an operator would write them: `1h30m`, `2s`, `1.5ms`. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s'
  let rest = durationMs
  let text = ''
  for (const [unit, unitMs] of [
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const) {
    const count = Math.floor(rest / unitMs)
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs
  }
  if (rest >= 1000 || (rest > 0 && text !== '')) return `${text}${rest / 1000}s`
  return rest > 0 ? `${text}${rest}ms` : text
}

/** Go's spellings of true and false, and on and off. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True|on)$/.test(text)) return true
  if (/^(0|f|F|false|FALSE|False|off)$/.test(text)) return false
  return undefined
}

/** An IP address in its canonical text; IPv6 without brackets, with its zone (`fe80::1%eth0`) if there is one. */
export function parseAddress(text: string): string | undefined {
  if (!text.includes(':')) return isIpv4(text) ? text : undefined
  const [address = '', zone] = splitAt(text, '%')
  if (zone !== undefined && !/^[\w.-]+$/.test(zone)) return undefined
  const parsed = parseIpv6(address)
  if (parsed === undefined) return undefined
  // RFC 5952 §5
  const canonical = parsed.isIPv4MappedAddress() ? `::ffff:${parsed.toIPv4Address()}` : parsed.toRFC5952String()
  return zone === undefined ? canonical : `${canonical}%${zone}`
}

/** `ADDRESS/LENGTH`; with `bareAddress` an address alone too, as a prefix of its whole length. */
export function parseCidr(text: string, bareAddress = false): Cidr | undefined {
  const [addressText = '', lengthText] = splitAt(text, '/')
  const address = addressText.includes('%') ? undefined : parseAddress(addressText)
  if (address === undefined || (lengthText === undefined && !bareAddress)) return undefined
  const bytes = Uint8Array.from(ipaddr.parse(address).toByteArray())
  const bits = bytes.length * 8
  if (lengthText !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined
  const prefixLength = lengthText === undefined ? bits : Number(lengthText)
  if (prefixLength > bits) return undefined
  clearHostBits(bytes, prefixLength)
  return { family: bytes.length === 4 ? 4 : 6, bytes, prefixLength }
}

/** `host:port`, `[v6]:port`, `:port`; a host alone, bracketed or not, where there is a default port. */
export function parseHostPort(text: string, defaultPort?: number): HostPort | undefined {
  const whole = parseAddress(text)
  if (whole !== undefined) return defaultPort === undefined ? undefined : { host: whole, port: defaultPort }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, name = '', portText] = match
  const host = bracketed === undefined ? name : parseAddress(bracketed)
  const port = portText === undefined ? defaultPort : Number(portText)
  if (host === undefined || port === undefined || port > MAX_PORT) return undefined
  if (host === '' && portText === undefined) return undefined
  return bracketed !== undefined || isHost(host) ? { host, port } : undefined
}

/** Empty, an IPv4 address or a host name. What ends in a number can only be an address. */
function isHost(host: string): boolean {
  if (host === '' || parseAddress(host) !== undefined) return true
  return (
    /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(host) &&
    !/(^|\.)[0-9]+\.?$/.test(host)
  )
}

/** The shape is looked at first: the library throws and catches an error for whatever is no address. */
function isIpv4(text: string): boolean {
  return /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(text) && ipaddr.IPv4.isValidFourPartDecimal(text)
}

/** The library reads `::1.2.3.4` as `::ffff:1.2.3.4` and `::05.1.1.1` as octal, so it never sees an embedded address. */
function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return undefined
  const tail = text.slice(text.lastIndexOf(':') + 1)
  let address = text
  if (tail.includes('.')) {
    if (!isIpv4(tail)) return undefined
    const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number]
    address = `${text.slice(0, -tail.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  }
  return ipaddr.IPv6.isValid(address) ? ipaddr.IPv6.parse(address) : undefined
}

function clearHostBits(bytes: Uint8Array, prefixLength: number): void {
  bytes.forEach((octet, index) => {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8))
    bytes[index] = octet & (0xff00 >> kept)
  })
}

function splitAt(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
