/**
 * The text of both nftables tables of the node-local role; nothing is run here.
 *
 * ```
 * query to 169.254.20.10 ─► own table, before conntrack: served, and a socket is bound to it? ─ yes ─► untracked ─► server
 *                                   │ no
 *                           fallback table: to the Service's address instead ─► kube-proxy's rules ─► an endpoint
 *                                   │
 * answer from 169.254.20.10 ◄─ fallback table, after conntrack: the Service's address becomes the one that was asked
 * ```
 *
 * The own table is the watcher's: the kernel deletes it as its owner ends. The fallback outlives every process.
 * What is untracked is seen by no rule that translates addresses, so that a Service address that is served on the node is
 * not kube-proxy's for that long.
 */
import type { Address, Family } from './addresses.ts'

export const FALLBACK_TABLE = 'sextant-fallback'
/** Of each watcher's own table, which has a word of its own behind it. */
export const OWN_PREFIX = 'sextant-node-'

export function isOwnTable(name: string): boolean {
  return name.startsWith(OWN_PREFIX)
}

/**
 * How long after the last heartbeat a server still counts as serving: the kernel counts. musl asks a second time, and the last one,
 * after 2.5 s: what hangs is passed over by then, also where the heartbeat came late, as on a busy node.
 */
export const SERVED_MS = 1500
/** A TCP connection that is silent for as long is closed by every server before (docs/limits.md: 10 s). */
const FLOW_TIMEOUT = '1m'
/** Of both directions and all addresses; one more goes to the Service. Each costs the kernel some 100 octets. */
const MAX_FLOWS = 65_536

/** Before conntrack, which is at -200; the fallback sees what the own table has let go. */
const OWN_PRIORITY = -310
const FALLBACK_PRIORITY = -305
/** After conntrack, before the translation of addresses at -100. */
const NOTE_PRIORITY = -150
/** Before kube-proxy's, at 100: the first that translates a source is the one that does. */
const MASQUERADE_PRIORITY = 90
/** After the last translation. */
const BACK_PRIORITY = 300

/**
 * The bit of packet and connection mark that says "rewritten by the fallback". Neither kube-proxy's (0x4000, 0x8000), nor
 * that of portmap (0x2000), of the VPC CNI (0x80), of Cilium (0x0f00, 0xffff0000) or Calico (0xffff0000).
 */
const MARK = '0x1000'
const NOT_MARK = '0xffffefff'

/** What the kernel and nft of this node know. */
export interface Features {
  /** A table that ends with its owner: Linux 5.12. */
  readonly owner: boolean
  /** `socket wildcard`: Linux 5.11. */
  readonly socket: boolean
}

/** At this moment a socket is bound to the very address that the packet is for. */
const BOUND = 'socket wildcard 0 '
/** The first packet of a connection. */
const OPENS = 'tcp flags & (syn | ack) == syn'

const FAMILIES = [
  { family: 4, ip: 'ip', type: 'ipv4_addr' },
  { family: 6, ip: 'ip6', type: 'ipv6_addr' },
] as const

/** The own table, as one line, as a child that is fed line by line takes it. */
export function ownTable(table: string, addresses: readonly Address[], { owner, socket }: Features): string {
  const sets = FAMILIES.flatMap(({ family, type }) => [
    `set ours${family} { type ${type}; ${elements(of(family, addresses))}}`,
    `set served${family} { type ${type}; flags timeout; }`,
    `set flows${family} { type ${type} . inet_service . ${type}; flags dynamic,timeout; size ${MAX_FLOWS}; timeout ${FLOW_TIMEOUT}; }`,
  ])
  const both = (rule: (family: Family, ip: string) => string) => FAMILIES.map(({ family, ip }) => rule(family, ip))
  const bound = socket ? BOUND : ''
  const chains = [
    chain('prerouting', `type filter hook prerouting priority ${OWN_PRIORITY}`, [
      ...both((family, ip) => `udp dport 53 ${ip} daddr @served${family} ${bound}notrack accept`),
      ...(socket ? FAMILIES.flatMap(({ family, ip }) => hold(`udp dport 53 ${ip} daddr @ours${family}`)) : []),
      'tcp dport 53 jump streams',
    ]),
    chain('output', `type filter hook output priority ${OWN_PRIORITY}`, [
      ...both((family, ip) => `udp sport 53 ${ip} saddr @ours${family} notrack`),
      ...both((family, ip) => `tcp sport 53 ${ip} saddr @ours${family} notrack`),
      ...both((family, ip) => `udp dport 53 ${ip} daddr @served${family} notrack`),
      'tcp dport 53 jump host-streams',
    ]),
  ]
  const flags = owner ? 'flags owner; ' : ''
  // A chain must be there before it is jumped to.
  const jumped = [streams('streams', bound), streams('host-streams', '')]
  return `add table inet ${table} { ${flags}${[...sets, ...jumped, ...chains].join('; ')}; }`
}

/**
 * The node's own questions are untracked as they leave, on the word of the last heartbeat; in the milliseconds after the end of
 * a server they come here in vain. They are dropped, so that resolvers ask again: a refusal would end their attempts.
 */
function hold(asked: string): string[] {
  return [`${asked} ct state untracked ${BOUND}accept`, `${asked} ct state untracked drop`]
}

/** A connection stays where it began: what it was opened to answers it to its end, also while its server leaves. */
function streams(name: string, bound: string): string {
  const rules = FAMILIES.flatMap(({ family, ip }) => {
    const flow = `{ ${ip} saddr . tcp sport . ${ip} daddr }`
    return [
      `${OPENS} delete @flows${family} ${flow}`,
      `${OPENS} ${ip} daddr @served${family} ${bound}add @flows${family} ${flow}`,
      `${ip} saddr . tcp sport . ${ip} daddr @flows${family} update @flows${family} ${flow} notrack accept`,
      ...(bound === '' ? [] : hold(`${OPENS} ${ip} daddr @ours${family}`)),
    ]
  })
  return chain(name, '', rules)
}

/** What is served from now on, in one transaction: these addresses, for `SERVED_MS`, and no others. */
export function serve(table: string, addresses: readonly Address[]): string {
  return FAMILIES.flatMap(({ family }) => {
    const set = `inet ${table} served${family}`
    const served = of(family, addresses).map(({ text }) => `${text} timeout ${SERVED_MS}ms`)
    return served.length === 0
      ? [`flush set ${set}`]
      : [`flush set ${set}`, `add element ${set} { ${served.join(', ')} }`]
  }).join('; ')
}

/** What is led where: an address of the node to the Service of its family. `isLent`: the node has the Service's address too. */
function pairsOf(addresses: readonly Address[], fallback: readonly Address[]) {
  return FAMILIES.flatMap(({ family, ip }) => {
    const [service] = of(family, fallback)
    const node = of(family, addresses).find(({ text }) => text !== service?.text)
    const isLent = addresses.some(({ text }) => text === service?.text)
    return service && node ? [{ ip, service: service.text, node: node.text, isLent }] : []
  })
}

/** False where there is no address that could be led to a Service: those that are the Service's own need no table. */
export function needsFallback(addresses: readonly Address[], fallback: readonly Address[]): boolean {
  return pairsOf(addresses, fallback).length > 0
}

/** Makes the fallback what it is to be, whatever was there, in one transaction. */
export function fallbackTable(addresses: readonly Address[], fallback: readonly Address[]): string {
  const pairs = pairsOf(addresses, fallback)
  const away = `add table inet ${FALLBACK_TABLE}\ndelete table inet ${FALLBACK_TABLE}\n`
  if (pairs.length === 0) return away
  const marked = `ct mark & ${MARK} == ${MARK}`
  const there = pairs.map(
    ({ ip, service, node }) =>
      `meta l4proto { tcp, udp } th dport 53 ${ip} daddr ${node} ct state != untracked counter meta mark set meta mark | ${MARK} ${ip} daddr set ${service}`,
  )
  // A client that asks the Service itself from a port from which it asked the node before is answered by whom it asked.
  const forget = pairs.map(
    ({ ip, service }) =>
      `meta l4proto { tcp, udp } th dport 53 ${ip} daddr ${service} meta mark & ${MARK} == 0 ${marked} ct direction original ct mark set ct mark & ${NOT_MARK}`,
  )
  const note = [
    ...forget,
    `meta mark & ${MARK} == ${MARK} ct mark set ct mark | ${MARK} meta mark set meta mark & ${NOT_MARK}`,
  ]
  const back = pairs.map(
    ({ ip, service, node }) => `${marked} ct direction reply ${ip} saddr ${service} ${ip} saddr set ${node}`,
  )
  const masquerade = pairs.flatMap(({ ip, service, node, isLent }) => [
    `${marked} ${ip} saddr ${node} masquerade`,
    ...(isLent ? [`ct status dnat ${ip} saddr ${service} masquerade`] : []),
  ])
  const chains = [
    chain('pods', `type filter hook prerouting priority ${FALLBACK_PRIORITY}`, there),
    chain('host', `type route hook output priority ${FALLBACK_PRIORITY}`, there),
    chain('pods-note', `type filter hook prerouting priority ${NOTE_PRIORITY}`, note),
    chain('host-note', `type filter hook output priority ${NOTE_PRIORITY}`, note),
    // What the host itself asks has the address that it asks for its source, to which no endpoint could answer.
    chain('host-source', `type nat hook postrouting priority ${MASQUERADE_PRIORITY}`, masquerade),
    chain('pods-back', `type filter hook postrouting priority ${BACK_PRIORITY}`, back),
    chain('host-back', `type filter hook input priority ${BACK_PRIORITY}`, back),
  ]
  return `${away}table inet ${FALLBACK_TABLE} {\n${chains.join('\n')}\n}\n`
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return `chain ${name} { ${[...(hook ? [hook] : []), ...rules].join('; ')}; }`
}

function of(family: Family, addresses: readonly Address[]): Address[] {
  return addresses.filter(address => address.family === family)
}

function elements(addresses: readonly Address[]): string {
  return addresses.length === 0 ? '' : `elements = { ${addresses.map(({ text }) => text).join(', ')} }; `
}
