/**
 * The chain of a server block: its stages with a `handle`, bound to one another when the configuration is built, so that
 * a query walks plain calls. A stage that does not wait makes no promise.
 */
import type { Next, Stage } from './plugin.ts'
import * as reply from './reply.ts'
import type { Answer } from './wire/answer.ts'
import { EDE } from './wire/codes.ts'
import { NO_STAGE, type Query } from './wire/query.ts'

/**
 * Binds the stages in order; `q.stage` tells afterwards which one a query reached last. Behind the last one nobody has
 * the name: REFUSED (RFC 8906 §3.1.4 has no other word).
 */
export function buildChain(stages: readonly Stage[]): Next {
  let next: Next = q => {
    q.stage = NO_STAGE
    return reply.refused(q, EDE.NOT_AUTHORITATIVE, 'no plugin has this name')
  }
  for (let i = stages.length - 1; i >= 0; i--) {
    const stage = stages[i]!
    if (stage.handle === undefined) continue
    const after = next
    const handle = stage.handle.bind(stage)
    next = q => {
      q.stage = i
      return handle(q, after)
    }
  }
  return next
}

/** What answers in class CH: the first stage that does, alone. */
export function chaosOf(stages: readonly Stage[]): Next | undefined {
  const at = stages.findIndex(({ chaos }) => chaos !== undefined)
  if (at < 0) return undefined
  return q => {
    q.stage = at
    return stages[at]!.chaos!(q, refuseClass)
  }
}

/** REFUSED for a class that this server has nothing in. */
export function refuseClass(q: Query): Answer {
  q.stage = NO_STAGE
  return reply.refused(q, EDE.NOT_SUPPORTED, 'nothing is known in this class')
}

/** True if the chain has to wait. */
export function isPromise(answer: Answer | Promise<Answer>): answer is Promise<Answer> {
  return typeof (answer as Promise<Answer>).then === 'function'
}
