/** Replies that many rows expect, in the world of world.ts. Serial numbers are left out by `shown`. */
import { K, Z } from './message.ts'

export const SOA = `${Z}. 5 IN SOA ns.dns.${Z}. hostmaster.${Z}. SERIAL 7200 1800 86400 5`
export const K_A = `${K}. 5 IN A 10.96.0.1`
/** The answer to K A. */
export const ANSWERED = `NOERROR aa rd
  ;; ANSWER
  ${K_A}`
export const NODATA = `NOERROR aa rd
  ;; AUTHORITY
  ${SOA}`
export const NXDOMAIN = `NXDOMAIN aa rd
  ;; AUTHORITY
  ${SOA}`
export const REFUSED = 'REFUSED rd'
/** A header alone: nothing of what was broken is said again. */
export const FORMERR = 'FORMERR rd (header)'
/** Of a query with an OPT: none of its options is answered (RFC 6891 §7). */
export const FORMERR_OPT = 'FORMERR rd\n;; OPT 1232'

/** The same with our OPT, whose options, or whose DO, are `more`. */
export function withOpt(reply: string, more = ''): string {
  const [head, ...records] = reply.split('\n')
  return [head, `;; OPT 1232${more === '' ? '' : ` ${more}`}`, ...records].join('\n')
}
