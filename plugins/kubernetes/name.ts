/**
 * The question's name, read as the DNS specification for Kubernetes lays names out (version 1.1.0). Says what a name could
 * be by its labels alone; whether it is, the index knows.
 *
 *   1  ZONE                             the apex
 *   2  svc.ZONE, pod.ZONE, dns.ZONE     exist because names below them do (RFC 8020 §2)
 *   3  NS.svc.ZONE                      a namespace
 *   4  NS.pod.ZONE                      a namespace, where pods have names
 *   5  SVC.NS.svc.ZONE                  a service
 *   6  EP.SVC.NS.svc.ZONE               an endpoint, or the protocol above the ports of case 7
 *   7  _PORT._PROTO.SVC.NS.svc.ZONE     a named port; the underscores may be left out
 *   8  IP.NS.pod.ZONE                   a pod by its address, dashes for the separators
 *   9  ns.dns.ZONE                      this server
 *  10  dns-version.ZONE                 the specification's version
 *  11  everything else                  no name. No wildcards
 *
 * In multicluster zones (KEP-1645; one of the labels in case 7 begins with an underscore there):
 *  12  EP.CLUSTER.SVC.NS.svc.ZONE       an endpoint by the cluster it is in, whose id may be several labels
 *
 * With `zonal`, but not there:
 *  13  TZ.pin._zone.SVC.NS.svc.ZONE     the endpoints in topology zone TZ, which may be several labels
 *  14  TZ.prefer._zone.SVC.NS.svc.ZONE  the same, or all endpoints if there is none
 *  15  pin._zone.SVC.NS.svc.ZONE, prefer._zone.SVC.NS.svc.ZONE, _zone.SVC.NS.svc.ZONE
 *                                       exist because names below them do
 *
 * Of reverse zones:
 *  16  D.C.B.A.in-addr.arpa             an IPv4 address (RFC 1035 §3.5)
 *  17  32 nibbles.ip6.arpa              an IPv6 address (RFC 3596 §2.5)
 *  18  the apex of a reverse zone
 *  19  everything else                  no name
 */
import type { Query } from '../../server/plugin.ts'
import { equalOctets, nameFromText } from '../../server/wire/name.ts'

export const NAME = {
  NONE: 0,
  APEX: 1,
  EMPTY: 2,
  SERVICE_NAMESPACE: 3,
  POD_NAMESPACE: 4,
  SERVICE: 5,
  ENDPOINT: 6,
  PORT: 7,
  POD: 8,
  THIS_SERVER: 9,
  VERSION: 10,
  CLUSTER_ENDPOINT: 12,
  PIN: 13,
  PREFER: 14,
  ZONAL: 15,
  ADDRESS: 16,
} as const

const label = (text: string): Uint8Array => nameFromText(text).slice(0, -1)
/** Labels with their length octets. */
export const SVC = label('svc')
export const POD = label('pod')
export const DNS = label('dns')
export const NS = label('ns')
export const VERSION = label('dns-version')
const ZONE = label('_zone')
const PIN = label('pin')
const PREFER = label('prefer')
const UNDERSCORE = 0x5f

/** Labels left of the zone of names of the cases 5 to 7. */
export const SERVICE_LABELS = 3
const ENDPOINT_LABELS = 4
export const PORT_LABELS = 5

/** What names a zone has besides those of every zone. */
export const GRAMMAR = { PLAIN: 0, MULTICLUSTER: 1, ZONAL: 2 } as const

/** Which of the cases 1 to 15 the question's name is; `zone` is the number of labels left of the zone. */
export function readName(q: Query, zone: number, grammar: number): number {
  if (zone === 0) return NAME.APEX
  if (isLabel(q, zone - 1, SVC)) {
    if (zone <= SERVICE_LABELS || grammar === GRAMMAR.PLAIN) return SVC_NAMES[zone] ?? NAME.NONE
    return grammar === GRAMMAR.ZONAL ? readZonalName(q, zone) : readSetName(q, zone)
  }
  if (isLabel(q, zone - 1, POD)) return POD_NAMES[zone] ?? NAME.NONE
  if (isLabel(q, zone - 1, DNS)) {
    if (zone === 1) return NAME.EMPTY
    return zone === 2 && isLabel(q, 0, NS) ? NAME.THIS_SERVER : NAME.NONE
  }
  return zone === 1 && isLabel(q, 0, VERSION) ? NAME.VERSION : NAME.NONE
}

/** A name below a service's, in a multicluster zone. */
function readSetName(q: Query, zone: number): number {
  if (zone === ENDPOINT_LABELS) return NAME.ENDPOINT
  if (zone === PORT_LABELS && (startsWithUnderscore(q, 0) || startsWithUnderscore(q, 1))) return NAME.PORT
  return NAME.CLUSTER_ENDPOINT
}

/** A name below a service's, where topology zones have names. */
function readZonalName(q: Query, zone: number): number {
  if (!isLabel(q, zone - ENDPOINT_LABELS, ZONE)) return SVC_NAMES[zone] ?? NAME.NONE
  if (zone === ENDPOINT_LABELS) return NAME.ZONAL
  const directive = zone - PORT_LABELS
  const name = isLabel(q, directive, PIN) ? NAME.PIN : isLabel(q, directive, PREFER) ? NAME.PREFER : NAME.NONE
  return directive === 0 && name !== NAME.NONE ? NAME.ZONAL : name
}

function startsWithUnderscore(q: Query, i: number): boolean {
  return q.qname[q.labelAt[i]! + 1] === UNDERSCORE
}

/** By the number of labels left of the zone. */
const SVC_NAMES: readonly number[] = [
  NAME.APEX,
  NAME.EMPTY,
  NAME.SERVICE_NAMESPACE,
  NAME.SERVICE,
  NAME.ENDPOINT,
  NAME.PORT,
]
const POD_NAMES: readonly number[] = [NAME.APEX, NAME.EMPTY, NAME.POD_NAMESPACE, NAME.POD]

/** True if label `i` of the question's name is this one, its length before it. */
export function isLabel(q: Query, i: number, text: Uint8Array): boolean {
  return equalOctets(q.qname, q.labelAt[i]!, text, 0, text.length)
}

const V4_LABELS = 4 + 2 // in-addr.arpa
const V6_LABELS = 32 + 2 // ip6.arpa

/**
 * Reads the address that a reverse name stands for (cases 16 and 17) into 16 octets.
 * @returns 4 or 16, the octets of the address; 0 if the name is none of a whole address
 */
export function readReverse(q: Query, family: 4 | 6, into: Uint8Array): number {
  if (family === 4) return q.labelCount === V4_LABELS ? readReverse4(q, into) : 0
  return q.labelCount === V6_LABELS ? readReverse6(q, into) : 0
}

function readReverse4(q: Query, into: Uint8Array): number {
  for (let i = 0; i < 4; i++) {
    const octet = readDecimal(q, i)
    if (octet < 0) return 0
    into[3 - i] = octet
  }
  return 4
}

/** Label `i` as a number from 0 to 255 without leading zeros, -1 if it is none. */
export function readDecimal(q: Query, i: number): number {
  const at = q.labelAt[i]!
  const digits = q.qname[at]!
  if (digits > 3 || (digits > 1 && q.qname[at + 1] === 0x30)) return -1
  let value = 0
  for (let j = 1; j <= digits; j++) {
    const digit = q.qname[at + j]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value <= 255 ? value : -1
}

function readReverse6(q: Query, into: Uint8Array): number {
  for (let octet = 0; octet < 16; octet++) {
    const low = readNibble(q, 30 - 2 * octet)
    const high = readNibble(q, 31 - 2 * octet)
    if (low < 0 || high < 0) return 0
    into[octet] = (high << 4) | low
  }
  return 16
}

/** Label `i` as one hexadecimal digit, -1 if it is none. */
export function readNibble(q: Query, i: number): number {
  const at = q.labelAt[i]!
  if (q.qname[at] !== 1) return -1
  const code = q.qname[at + 1]!
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}
