/** What two replies to one question differ in: rcode, AA, TC, and the records of each section as sets. */
import { type Reply, type Rr, typeName } from './dns.ts'

export type Section = 'answer' | 'authority' | 'additional'
export const SECTIONS: readonly Section[] = ['answer', 'authority', 'additional']

/** One record in one line; names as they are spelled. */
export function recordText({ owner, type, ttl, data }: Rr): string {
  return `${owner} ${ttl} ${typeName(type)} ${data}`
}

/** Empty if the replies say the same. Order, and the case of names, do not count here. */
export function differences(ours: Reply | undefined, theirs: Reply | undefined): string[] {
  if (!ours || !theirs) return ours === theirs ? [] : ['reply']
  const found: string[] = []
  if (ours.rcode !== theirs.rcode) found.push('rcode')
  if (ours.aa !== theirs.aa) found.push('aa')
  if (ours.tc !== theirs.tc) found.push('tc')
  // What was cut off is a matter of the order of records.
  if (ours.tc || theirs.tc) return found
  for (const section of SECTIONS) {
    if (!sameSet(textsOf(ours[section]), textsOf(theirs[section]))) found.push(section)
  }
  return found
}

export function textsOf(records: readonly Rr[]): Set<string> {
  return new Set(records.map(record => recordText(record).toLowerCase()))
}

export function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(text => b.has(text))
}

/** True if the records are the same but for the case of names. */
export function differsInCase(ours: Reply, theirs: Reply): boolean {
  if (ours.tc || theirs.tc) return false
  const exact = (records: readonly Rr[]): Set<string> => new Set(records.map(recordText))
  return SECTIONS.some(section => !sameSet(exact(ours[section]), exact(theirs[section])))
}

/** What a reply must not do whatever the other server does; empty if it does not. */
export function faults(reply: Reply, name: string, type: string): string[] {
  const found: string[] = []
  if (reply.question !== undefined && reply.question !== `${name} ${type}`) found.push('question')
  const isName = ({ owner }: Rr): boolean => owner.toLowerCase() === name.toLowerCase() && owner !== name
  if (reply.answer.some(isName)) found.push('owner')
  if (hasRepeats(reply)) found.push('repeats')
  return found
}

/** A record twice in one section is a mistake, whoever makes it. */
function hasRepeats(reply: Reply): boolean {
  return SECTIONS.some(section => textsOf(reply[section]).size !== reply[section].length)
}

/** True if the same records are there, whatever their TTLs. */
export function sameButForTtl(ours: Reply, theirs: Reply): boolean {
  const texts = (records: readonly Rr[]): Set<string> => textsOf(records.map(record => ({ ...record, ttl: 0 })))
  return SECTIONS.every(section => sameSet(texts(ours[section]), texts(theirs[section])))
}
