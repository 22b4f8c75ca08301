/**
 * ExternalName services: a CNAME, and for address queries what its target resolves to, asked of this server as the client
 * would ask. Targets within the cluster's own zones come the same way.
 */
import { isPromise } from '../../server/chain.ts'
import { type Answer, QUESTION, type Query, type Section, type Site } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { equalOctets, type Name } from '../../server/wire/name.ts'
import { recordsThatFit } from './room.ts'

const MAX_CNAMES = 10
const LEAST_DATA_BYTES = 2 // a CNAME that is a pointer

/**
 * Answers `q` with a CNAME to `target`, a copy that stays, and with the target's records for A and AAAA. A look-up that
 * fails leaves the CNAME; a chain is followed for ten CNAMES, a loop until it repeats.
 */
export function answerExternal(q: Query, target: Name, ttl: number, site: Site): Answer | Promise<Answer> {
  const a = q.answer.reset()
  a.authoritative = true
  a.answer.add(QUESTION, 0, TYPE.CNAME, ttl, target)
  if (q.qtype !== TYPE.A && q.qtype !== TYPE.AAAA) return a
  const resolved = site.lookup(q, target, q.qtype)
  return isPromise(resolved) ? resolved.then(answer => append(q, target, answer)) : append(q, target, resolved)
}

function append(q: Query, target: Name, resolved: Answer): Answer {
  const a = q.answer
  const from = resolved.answer
  let cnames = 1
  // Of a chain each step would copy all of a large set, nearly none of which may be sent.
  const count = Math.min(from.count, recordsThatFit(q, LEAST_DATA_BYTES))
  for (let i = 0; i < count; i++) {
    // The look-up's question is the target.
    const owner = from.owner[i] ?? target
    const ownerAt = from.ownerAt[i]!
    const type = from.type[i]!
    if (type === TYPE.CNAME && (++cnames > MAX_CNAMES || hasCname(q, a.answer, owner, ownerAt))) break
    a.answer.add(owner, ownerAt, type, from.ttl[i]!, from.data[i]!, from.dataAt[i]!, from.dataLength[i]!)
  }
  a.truncated ||= resolved.truncated
  a.upstream = resolved.upstream
  a.extendedError = resolved.extendedError // why there is no address, or that it is stale
  a.extendedErrorText = resolved.extendedErrorText
  return a
}

/** True if the section has a CNAME with this owner: the chain is a loop. */
function hasCname(q: Query, section: Section, owner: Uint8Array, ownerAt: number): boolean {
  for (let i = 0; i < section.count; i++) {
    if (section.type[i] === TYPE.CNAME && sameName(section.owner[i] ?? q.qname, section.ownerAt[i]!, owner, ownerAt))
      return true
  }
  return false
}

function sameName(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; ; i += a[aAt + i]! + 1) {
    if (!equalOctets(a, aAt + i, b, bAt + i, a[aAt + i]! + 1)) return false
    if (a[aAt + i] === 0) return true
  }
}
