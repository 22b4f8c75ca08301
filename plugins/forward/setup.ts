/**
 * A `forward` directive → its options: the grammar of CoreDNS 1.15.0. The TO list is read in targets.ts, the files of
 * `tls` in credentials.ts.
 *
 *   forward FROM TO… { except NAME… | policy NAME | health_check DURATION [no_rec] [domain FQDN] | next RCODE… | … }
 */

import { warn } from '../../server/log.ts'
import type { Argument, Occurrence, Property } from '../../server/plugin.ts'
import { RCODE, rcodeCode } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { type HostPort, parseAddressPort, type Scheme } from './address.ts'
import { readCredentials } from './credentials.ts'
import type { ForwardOptions } from './forwarder.ts'
import { POLICIES, type PolicyName } from './policy.ts'
import { readServerName, readTarget, type Target } from './targets.ts'
import type { HealthCheckOptions } from './upstream/upstream.ts'

const MAX_TARGETS = 15
const MAX_COUNT = 2 ** 31 - 1
const DEFAULTS = { expireMs: 10_000, readTimeoutMs: 2000, maxFails: 2, healthCheckMs: 500 }

/** What one occurrence says. */
export interface ForwardLine {
  readonly options: ForwardOptions
  readonly targets: readonly Target[]
  /** Who resolves host names; none: the system. */
  readonly resolvers: readonly HostPort[]
}

/**
 * @param threads how many read this line: each takes its part of what the line bounds
 * @throws CorefileError or CorefileErrors
 */
export function readForward(line: Occurrence, folder: string, threads = 1): ForwardLine {
  const [from, ...to] = line.arguments(2)
  const surplus = to[MAX_TARGETS]
  if (surplus !== undefined) {
    const text = `${to.length} upstreams, expected at most ${MAX_TARGETS}`
    throw surplus.error(text, 'COREFILE_SURPLUS_ARGUMENT')
  }
  const zones = from!.zones()
  const fromText = zones[0]!
  // CoreDNS: the same.
  if (zones.length > 1) warn('forward', `"${from!.text}" covers ${zones.length} zones, only ${fromText} is used`)
  const block = readBlock(line)
  const targets = to.map(argument => readTarget(argument, folder, block.serverName))
  const schemes = new Set(targets.map(schemeOf))
  const encrypted = schemes.has('tls') || schemes.has('https')
  const tls = encrypted || block.tls !== undefined ? readCredentials(block.tls ?? [], folder) : undefined
  warnUnused(line, schemes)
  return {
    targets,
    resolvers: block.resolvers,
    options: {
      fromText,
      from: nameFromText(fromText),
      except: block.except.map(zone => nameFromText(zone)),
      policy: block.policy,
      preferUdp: block.preferUdp,
      mixedCase: block.mixedCase,
      readTimeoutMs: block.readTimeoutMs ?? DEFAULTS.readTimeoutMs,
      readTimeoutSet: block.readTimeoutMs !== undefined,
      maxConnectAttempts: block.maxConnectAttempts,
      maxConcurrent: Math.ceil(block.maxConcurrent / threads),
      failover: block.failover,
      nextRcodes: block.nextRcodes,
      nextOnNodata: block.nextOnNodata,
      failFast: block.failFast,
      privateZones: block.privateZones?.map(zone => nameFromText(zone)),
      upstream: {
        threads,
        forceTcp: block.forceTcp,
        expireMs: block.expireMs,
        maxAgeMs: block.maxAgeMs,
        maxIdleConns: block.maxIdleConns,
        maxFails: block.maxFails,
        healthCheck: block.healthCheck,
        tls,
        dohMethod: block.dohMethod,
        sourceAddress: family => (block.source?.includes(':') === (family === 6) ? block.source : undefined),
      },
    },
  }
}

function schemeOf(target: Target): Scheme {
  return target.kind === 'file' ? 'dns' : target.kind === 'host' ? target.scheme : target.address.scheme
}

/** Tells of properties that mean nothing to the upstreams there are. */
function warnUnused(line: Occurrence, schemes: ReadonlySet<Scheme>): void {
  const encrypted = schemes.has('tls') || schemes.has('https')
  const wanted: Record<string, { readonly used: boolean; readonly by: string }> = {
    force_tcp: { used: schemes.has('dns'), by: 'plain' },
    prefer_udp: { used: schemes.has('dns'), by: 'plain' },
    tls: { used: encrypted, by: 'tls:// or https://' },
    tls_servername: { used: encrypted, by: 'tls:// or https://' },
    doh_method: { used: schemes.has('https'), by: 'https://' },
  }
  for (const { name } of line.properties) {
    const one = wanted[name.text]
    if (one === undefined || one.used) continue
    const place = `${name.source.file}:${name.line}`
    warn('forward', `"${name.text}" in ${place} has no effect: there is no ${one.by} upstream`)
  }
}

function emptyBlock() {
  return {
    except: [] as string[],
    forceTcp: false,
    preferUdp: false,
    expireMs: DEFAULTS.expireMs,
    maxAgeMs: 0,
    maxIdleConns: 0,
    readTimeoutMs: undefined as number | undefined,
    maxFails: DEFAULTS.maxFails,
    maxConnectAttempts: undefined as number | undefined,
    policy: undefined as PolicyName | undefined,
    mixedCase: true,
    healthCheck: rootCheck(DEFAULTS.healthCheckMs),
    maxConcurrent: 0,
    nextRcodes: new Set<number>(),
    nextOnNodata: false,
    failFast: false,
    privateZones: undefined as string[] | undefined,
    failover: new Set<number>(),
    source: undefined as string | undefined,
    resolvers: [] as HostPort[],
    tls: undefined as readonly Argument[] | undefined,
    serverName: undefined as string | undefined,
    dohMethod: 'POST' as 'GET' | 'POST',
  }
}

type Block = ReturnType<typeof emptyBlock>

function readBlock(line: Occurrence): Block {
  const b = emptyBlock()
  let maxAge: Argument | undefined
  line.each({
    except: p => b.except.push(...p.arguments(1).flatMap(argument => argument.zones())),
    force_tcp: p => {
      p.noArguments()
      b.forceTcp = true
    },
    prefer_udp: p => {
      p.noArguments()
      b.preferUdp = true
    },
    expire: p => {
      b.expireMs = p.argument().duration({}, 'expire')
    },
    max_age: p => {
      maxAge = p.argument()
      b.maxAgeMs = maxAge.duration({}, 'max_age')
    },
    max_idle_conns: p => {
      b.maxIdleConns = p.argument().integer(0, MAX_COUNT, 'max_idle_conns')
    },
    read_timeout: p => {
      b.readTimeoutMs = p.argument().duration({ positive: true }, 'read_timeout')
    },
    max_fails: p => {
      b.maxFails = p.argument().integer(0, MAX_COUNT, 'max_fails')
    },
    max_connect_attempts: p => {
      b.maxConnectAttempts = p.argument().integer(0, MAX_COUNT, 'max_connect_attempts')
    },
    policy: p => {
      b.policy = p.argument().oneOf(POLICIES, 'policy')
    },
    block_private: p => {
      b.privateZones = p.arguments(0).flatMap(argument => argument.zones())
    },
    query_case: p => {
      b.mixedCase = p.argument().oneOf(['random', 'lower'], 'query_case') === 'random'
    },
    health_check: p => {
      b.healthCheck = readHealthCheck(p)
    },
    max_concurrent: p => {
      b.maxConcurrent = p.argument().integer(0, MAX_COUNT, 'max_concurrent')
    },
    next: p => {
      for (const argument of p.arguments(1)) b.nextRcodes.add(readRcode(argument))
    },
    next_on_nodata: p => {
      p.noArguments()
      b.nextOnNodata = true
    },
    failfast_all_unhealthy_upstreams: p => {
      p.noArguments()
      b.failFast = true
    },
    failover: p => {
      for (const argument of p.arguments(1)) b.failover.add(readFailover(argument))
    },
    source_address: p => {
      b.source = p.argument().address('source_address')
    },
    resolver: p => b.resolvers.push(...p.arguments(1).map(readResolver)),
    tls: p => {
      b.tls = p.arguments(0, 3)
    },
    tls_servername: p => {
      b.serverName = readServerName(p.argument())
    },
    doh_method: p => {
      b.dohMethod = p.argument().oneOf(['GET', 'POST'], 'doh_method')
    },
  })
  if (maxAge !== undefined && b.maxAgeMs > 0 && b.maxAgeMs < b.expireMs) {
    throw maxAge.error(`max_age "${maxAge.text}" is less than expire, expected 0s or at least ${b.expireMs / 1000}s`)
  }
  return b
}

function rootCheck(intervalMs: number): HealthCheckOptions {
  return { intervalMs, recursionDesired: true, domain: Uint8Array.of(0) }
}

/** `health_check DURATION [no_rec] [domain FQDN]` */
function readHealthCheck(p: Property): HealthCheckOptions {
  const [interval, ...words] = p.arguments(1)
  let { intervalMs, recursionDesired, domain } = rootCheck(interval!.duration({}, 'health_check'))
  for (let i = 0; i < words.length; i++) {
    if (words[i]!.oneOf(['no_rec', 'domain'], 'option of "health_check"') === 'no_rec') recursionDesired = false
    else {
      const name = words[++i]
      if (name === undefined) {
        throw words[i - 1]!.error(
          '"domain" without a name, expected a domain name after it',
          'COREFILE_MISSING_ARGUMENT',
        )
      }
      domain = nameFromText(name.zones()[0]!)
    }
  }
  return { intervalMs, recursionDesired, domain }
}

function readRcode(argument: Argument): number {
  const rcode = rcodeCode(argument.text)
  if (rcode !== undefined) return rcode
  const expected = Object.keys(RCODE).slice(0, 6).join(', ')
  throw argument.error(`unknown rcode "${argument.text}", expected one such as ${expected}`, 'COREFILE_UNKNOWN_VALUE')
}

function readFailover(argument: Argument): number {
  const rcode = readRcode(argument)
  if (rcode !== RCODE.NOERROR) return rcode
  throw argument.error(`rcode "${argument.text}" in "failover", expected an error such as SERVFAIL or REFUSED`)
}

function readResolver(argument: Argument): HostPort {
  const address = parseAddressPort(argument.text)
  if (address !== undefined && address.port > 0) return address
  throw argument.error(`invalid resolver "${argument.text}", expected IP or IP:port`, 'COREFILE_INVALID_ADDRESS')
}
