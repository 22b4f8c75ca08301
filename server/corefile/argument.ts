/**
 * One argument of a directive or property, and its readings: number, duration, word, address, zone, pattern.
 * Each reading checks shape and range where the value enters, and throws an error at the argument itself.
 */
import { RE2JS } from 're2js'
import type { CorefileErrorCode } from './codes.ts'
import { CorefileError, orList } from './error.ts'
import { parseZone } from './key.ts'
import type { Token } from './lexer.ts'
import { didYouMean } from './suggest.ts'
import {
  type Cidr,
  formatDuration,
  type HostPort,
  parseAddress,
  parseBoolean,
  parseCidr,
  parseDuration,
  parseHostPort,
  parseInteger,
  parseNumber,
} from './values.ts'

const MAX_REGEXP_LENGTH = 10_000

export interface DurationRange {
  /** Inclusive, default 0. */
  readonly minMs?: number
  /** Inclusive, default no limit. */
  readonly maxMs?: number
  /** Refuse 0. */
  readonly positive?: boolean
  /** Whole numbers without a unit are seconds; without this they are errors. */
  readonly bareSeconds?: boolean
}

export class Argument {
  readonly text: string
  readonly token: Token
  readonly #directive: string

  constructor(token: Token, directive: string) {
    this.text = token.text
    this.token = token
    this.#directive = directive
  }

  /** An error at this argument, to be thrown: say what was found, then what was expected. */
  error(message: string, code: CorefileErrorCode = 'COREFILE_INVALID_VALUE', cause?: unknown): CorefileError {
    return new CorefileError(code, this.token, message, { directive: this.#directive, cause })
  }

  /** A whole number within a range, both ends included. `what` names it in the error: `ttl`. */
  integer(min: number, max: number, what = 'number'): number {
    const value = parseInteger(this.text)
    if (value !== undefined && value >= min && value <= max) return value
    throw this.#invalid(what, `a whole number ${rangeText(min, max)}`, 'COREFILE_INVALID_NUMBER')
  }

  /** A decimal number within a range, both ends included. */
  number(min: number, max: number, what = 'number'): number {
    const value = parseNumber(this.text)
    if (value !== undefined && value >= min && value <= max) return value
    throw this.#invalid(what, `a number ${rangeText(min, max)}`, 'COREFILE_INVALID_NUMBER')
  }

  /** Go duration syntax → milliseconds, possibly a fraction. Negative ones are refused. */
  duration(range: DurationRange = {}, what = 'duration'): number {
    const { minMs = 0, maxMs = Number.POSITIVE_INFINITY, positive = false, bareSeconds = false } = range
    const seconds = bareSeconds ? parseInteger(this.text) : undefined
    const valueMs = seconds === undefined ? parseDuration(this.text) : seconds * 1000
    if (valueMs === undefined) {
      const forms = bareSeconds ? 'whole seconds or a duration' : 'a duration with a unit'
      throw this.#invalid(what, `${forms} such as 300ms, 5s or 1m30s`, 'COREFILE_INVALID_DURATION')
    }
    const tooLow = valueMs < minMs || (positive && valueMs === 0)
    if (!tooLow && valueMs <= maxMs) return valueMs
    throw this.#invalid(what, durationRangeText(minMs, maxMs, positive), 'COREFILE_INVALID_DURATION')
  }

  /** One of a few words, as they are written, or in any case. */
  oneOf<const T extends readonly string[]>(values: T, what = 'value', anyCase = false): T[number] {
    const text = anyCase ? this.text.toLowerCase() : this.text
    const value = values.find(known => known === text)
    if (value !== undefined) return value
    const hint = didYouMean(this.text, values)
    throw this.error(`unknown ${what} "${this.text}"${hint}, expected ${orList(values)}`, 'COREFILE_UNKNOWN_VALUE')
  }

  /** `true`, `false` and Go's other spellings; `on` and `off`. */
  boolean(what = 'value'): boolean {
    const value = parseBoolean(this.text)
    if (value !== undefined) return value
    throw this.#invalid(what, 'true or false', 'COREFILE_UNKNOWN_VALUE')
  }

  /** An IPv4 or IPv6 address in its canonical text; a `%zone` stays. */
  address(what = 'address'): string {
    const value = parseAddress(this.text)
    if (value !== undefined) return value
    throw this.#invalid(what, 'an IPv4 or IPv6 address', 'COREFILE_INVALID_ADDRESS')
  }

  /** `host:port`, `[v6]:port` or `:port` (empty host); without a port where there is a default. */
  hostPort(defaultPort?: number, what = 'address'): HostPort {
    const value = parseHostPort(this.text, defaultPort)
    if (value !== undefined) return value
    const expected = defaultPort === undefined ? 'host:port or :port' : 'host, host:port or :port'
    throw this.#invalid(
      what,
      `${expected}, a port from 0 to 65535 and an IPv6 address in [ ]`,
      'COREFILE_INVALID_ADDRESS',
    )
  }

  /** A zone, or the reverse zones of a CIDR: absolute, lower-case. */
  zones(): string[] {
    const zones = parseZone(this.text)
    // CoreDNS: drops what is no zone in silence, so that a slip widens or narrows what the plugin does.
    if (typeof zones === 'string') throw this.error(zones, 'COREFILE_INVALID_ZONE')
    return zones
  }

  /** `ADDRESS/LENGTH`; with `bareAddress` an address alone is a prefix of its whole length. */
  cidr(bareAddress = false): Cidr {
    const value = parseCidr(this.text, bareAddress)
    if (value !== undefined) return value
    const expected = `${bareAddress ? 'an address or CIDR' : 'a CIDR'} such as 10.0.0.0/8 or 2001:db8::/32`
    throw this.#invalid('network', expected, 'COREFILE_INVALID_ADDRESS')
  }

  /** An RE2 pattern: linear time whatever it is matched against. */
  regexp(): RE2JS {
    const { length } = this.text
    if (length > MAX_REGEXP_LENGTH) {
      const text = `regular expression of ${length} characters, expected at most ${MAX_REGEXP_LENGTH}`
      throw this.error(text, 'COREFILE_INVALID_REGEXP')
    }
    try {
      return RE2JS.compile(this.text)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : String(cause)
      const text = `invalid regular expression "${this.text}" (${reason}), expected RE2 syntax`
      throw this.error(text, 'COREFILE_INVALID_REGEXP', cause)
    }
  }

  #invalid(what: string, expected: string, code: CorefileErrorCode): CorefileError {
    return this.error(`invalid ${what} "${this.text}", expected ${expected}`, code)
  }
}

/** All zones of a list of arguments, each once; the defaults (the server block's zones) where the list is empty. */
export function zoneList(args: readonly Argument[], defaults: readonly string[]): string[] {
  return [...new Set(args.length === 0 ? defaults : args.flatMap(argument => argument.zones()))]
}

function rangeText(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY || max >= Number.MAX_SAFE_INTEGER) return `of at least ${min}`
  return min === Number.NEGATIVE_INFINITY ? `of at most ${max}` : `from ${min} to ${max}`
}

function durationRangeText(minMs: number, maxMs: number, positive: boolean): string {
  const least = positive && minMs === 0 ? 'more than 0s' : `at least ${formatDuration(minMs)}`
  return maxMs === Number.POSITIVE_INFINITY ? least : `${least} and at most ${formatDuration(maxMs)}`
}
