/** A question that the two servers answered differently, and words to say how. */
import { SECTIONS, sameButForTtl, textsOf } from './compare.ts'
import { type Reply, TYPE } from './dns.ts'
import type { Block } from './peers.ts'
import type { Question } from './questions.ts'

export interface Difference {
  block: Block
  over: 'udp' | 'tcp'
  question: Question
  ours: Reply | undefined
  theirs: Reply | undefined
  /** What compare.ts found: rcode, aa, tc, answer, authority, additional, case, … */
  in: readonly string[]
}

/** A difference taken apart: the question's name as the directive's zones part it, in lower case. */
export interface Case {
  block: Block
  over: 'udp' | 'tcp'
  in: readonly string[]
  question: Question
  type: number
  ours: Reply
  theirs: Reply
  /** Undefined outside all zones. */
  zone: string | undefined
  /** Labels left of the zone, the one next to it first: `svc`, namespace, service, … */
  left: readonly string[]
}

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const

/** What stands for a reply that did not come. */
export const SILENCE: Reply = {
  rcode: -1,
  aa: false,
  tc: false,
  ra: false,
  octets: 0,
  question: undefined,
  answer: [],
  authority: [],
  additional: [],
}

export function caseOf(difference: Difference): Case {
  const { block, over, question, ours = SILENCE, theirs = SILENCE } = difference
  const name = question.labels.map(label => label.toString('latin1').toLowerCase())
  const zones = block.zones.map(zone =>
    zone
      .toLowerCase()
      .split('.')
      .filter(label => label !== ''),
  )
  const fitting = zones.filter(zone => zone.every((label, i) => name.at(i - zone.length) === label))
  const zone = fitting.sort((a, b) => b.length - a.length)[0]
  const left = zone === undefined ? [] : name.slice(0, name.length - zone.length).reverse()
  return { block, over, in: difference.in, question, type: question.type, ours, theirs, zone: zone?.join('.'), left }
}

export function hasOption(block: Block, option: string): boolean {
  return block.configuration.body?.some(line => line.startsWith(option)) ?? false
}

export function isReverse({ zone }: Case): boolean {
  return zone?.endsWith('arpa') ?? false
}

export const isAddressType = (type: number): boolean => type === TYPE.A || type === TYPE.AAAA

/** Said by the server itself. */
export const exists = (reply: Reply): boolean => reply.aa && reply.rcode === RCODE.NOERROR
export const isNoData = (reply: Reply): boolean => exists(reply) && reply.answer.length === 0
/** Said not to exist, or left to whoever comes next. */
export const isDenied = (reply: Reply): boolean => reply !== SILENCE && (reply.rcode === RCODE.NXDOMAIN || !reply.aa)

export function ttlsOf(reply: Reply): number[] {
  return SECTIONS.flatMap(section => reply[section].map(({ ttl }) => ttl))
}

export function hasText(reply: Reply, text: string): boolean {
  return SECTIONS.some(section => [...textsOf(reply[section])].some(record => record.includes(text)))
}

/** What `cache` may differ in: TTLs, and AA of what was forwarded. */
export function differsInTtl({ block, in: found, ours, theirs }: Case): boolean {
  const isForwarded = !ours.aa && theirs.aa
  const parts: readonly string[] = isForwarded ? [...SECTIONS, 'aa'] : SECTIONS
  return block.cached && found.every(part => parts.includes(part)) && sameButForTtl(ours, theirs)
}

/** True if ours says all that theirs says, and more. */
export function saysMore(ours: Reply, theirs: Reply): boolean {
  const known = textsOf(ours.answer)
  return ours.answer.length > theirs.answer.length && [...textsOf(theirs.answer)].every(text => known.has(text))
}
