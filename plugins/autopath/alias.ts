/**
 * An answer to another name as the answer to the question: a CNAME leads from one to the other, the records follow. Copied
 * whole, so that the query that found it can serve the next one.
 */
import { type Answer, QUESTION, type Query, type Section } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { nameLength } from '../../server/wire/name.ts'

/** Composes into the answer of `q` what `found` was answered, with this rcode. */
export function answerAlias(q: Query, found: Query, a: Answer, rcode: number): Answer {
  const out = q.answer.reset()
  out.rcode = rcode
  out.authoritative = a.authoritative
  out.truncated = a.truncated
  out.extendedError = a.extendedError
  out.extendedErrorText = a.extendedErrorText
  out.error = a.error
  out.upstream = a.upstream
  q.stage = found.stage
  const name = copied(out, found.qname, 0, found.qnameLength)
  const nameAt = out.scratchAt
  const ttl = a.answer.count > 0 ? a.answer.ttl[0]! : a.authority.count > 0 ? a.authority.ttl[0]! : 0
  out.answer.add(QUESTION, 0, TYPE.CNAME, ttl, name, nameAt, found.qnameLength)
  copySection(out, name, nameAt, a.answer, out.answer)
  copySection(out, name, nameAt, a.authority, out.authority)
  copySection(out, name, nameAt, a.additional, out.additional)
  return out
}

/** `name` is the one that was found, at `nameAt`: what is QUESTION there is it here. */
function copySection(out: Answer, name: Uint8Array, nameAt: number, from: Section, to: Section): void {
  for (let i = 0; i < from.count; i++) {
    let owner: Uint8Array = name
    let ownerAt = nameAt + from.ownerAt[i]!
    const own = from.owner[i]
    if (own !== null && own !== undefined) {
      owner = copied(out, own, from.ownerAt[i]!, nameLength(own, from.ownerAt[i]!))
      ownerAt = out.scratchAt
    }
    const length = from.dataLength[i]!
    const data = copied(out, from.data[i]!, from.dataAt[i]!, length)
    to.add(owner, ownerAt, from.type[i]!, from.ttl[i]!, data, out.scratchAt, length)
  }
}

function copied(out: Answer, from: Uint8Array, at: number, length: number): Uint8Array {
  const to = out.scratch(length)
  for (let i = 0; i < length; i++) to[out.scratchAt + i] = from[at + i]!
  return to
}
