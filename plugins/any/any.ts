/**
 * `any`: one small answer to questions for all types (QTYPE ANY), which are mostly asked for the size of what comes back
 * (RFC 8482 §4.2). Where a stage has the name itself, it says whether there is such a name.
 */
import { isPromise } from '../../server/chain.ts'
import type { Answer, Directive, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { QUESTION } from '../../server/plugin.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'

const TTL = 8482 // CoreDNS: the same
const HINFO = Uint8Array.from([...text('ANY obsoleted'), ...text('See RFC 8482')])

/** A character string (RFC 1035 §3.3). */
function text(ascii: string): number[] {
  return [ascii.length, ...Buffer.from(ascii)]
}

export const plugin: Plugin = { name: 'any', setup }

function setup(directive: Directive, site: Site): Stage {
  const any = directive.once()
  any.noArguments()
  any.noBlock()
  return new AnyStage(site)
}

class AnyStage implements Stage {
  readonly #site: Site
  /** Those who answer from their own data. */
  #live: readonly Stage[] = []

  constructor(site: Site) {
    this.#site = site
  }

  link(): void {
    this.#live = this.#site.after(this).filter(stage => stage.live !== undefined)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    if (q.qtype !== TYPE.ANY) return next(q)
    if (!this.#live.some(stage => stage.live!(q))) return minimal(q, false)
    const answer = next(q)
    return isPromise(answer) ? answer.then(a => minimalIfNone(q, a)) : minimalIfNone(q, answer)
  }
}

/** AA only for data of our own: nobody was asked whose name it is. */
function minimal(q: Query, isAuthoritative: boolean): Answer {
  const a = q.answer.reset()
  a.authoritative = isAuthoritative
  a.answer.add(QUESTION, 0, TYPE.HINFO, TTL, HINFO)
  return a
}

/** A name that exists, and of which nothing was said. */
function minimalIfNone(q: Query, a: Answer): Answer {
  return a.rcode === RCODE.NOERROR && a.answerCount === 0 ? minimal(q, a.authoritative) : a
}
