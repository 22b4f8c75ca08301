/**
 * `autopath`: completes names for clients. A resolver appends one search domain after the other, and asks each time; where
 * the first of these names does not exist, the others are tried here, and the first that does is the answer.
 *
 *   next ─► exists, or failed ──────────────────────────► as it is
 *     └──► NXDOMAIN ─► another type was decided ─────────► the same
 *                └───► name + 2nd element, … + name alone ─► exists: CNAME and its answer
 *                                                         └► none, or one failed: NXDOMAIN, the client goes on itself
 */
import { isPromise } from '../../server/chain.ts'
import { warn } from '../../server/log.ts'
import { cells, counter } from '../../server/metrics.ts'
import { type Answer, type Next, type Plugin, Query, type Site, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { type Routes, ZoneSet } from '../../server/route.ts'
import { EDE, RCODE } from '../../server/wire/codes.ts'
import { countLabels, equalOctets, type Name, nameFromText } from '../../server/wire/name.ts'
import { askInstead } from '../../server/wire/query.ts'
import { answerAlias } from './alias.ts'
import { Decisions, LEFT_ALONE, UNDECIDED } from './decisions.ts'
import { type Options, readOptions } from './setup.ts'

const NAME = 'autopath'
const ROOT = Uint8Array.of(0)
const MAX_SPARE = 256
const successes = counter('coredns_autopath_success_total', 'Names that were completed.', 'server')

export const plugin: Plugin = {
  name: NAME,
  setup: (directive, site) => new Autopath(readOptions(directive.once(), site), site),
}

/** A name on its way through the elements of a path. Taken again for the next one. */
class Walk {
  q!: Query
  /** What the question is answered as it stands. */
  first!: Answer
  next!: Next
  path!: readonly Name[]
  /** Labels of the name that is completed. */
  labels = 0
  /** The element is that of another type: the name exists there. */
  isDecided = false
  /** What asks for each completed name. */
  readonly asker = new Query()
}

class Autopath implements Stage {
  readonly #options: Options
  readonly #site: Site
  readonly #zones: ZoneSet
  readonly #decisions = new Decisions()
  readonly #spare: Walk[] = []
  /** The whole path behind what a stage said. */
  readonly #paths = new WeakMap<readonly Name[], readonly Name[]>()
  readonly #ownPath: readonly Name[]
  /** The counter of each listener. */
  readonly #cells = new WeakMap<Routes, number>()
  #source: Stage | undefined

  constructor(options: Options, site: Site) {
    this.#options = options
    this.#site = site
    this.#zones = new ZoneSet(options.zones.map(nameFromText))
    this.#ownPath = [...options.search, ROOT]
  }

  link(): void {
    const { plugin: name } = this.#options
    if (name === undefined) return
    this.#source = this.#site.peers(name).find(stage => stage.searchPath !== undefined)
    if (this.#source === undefined) warn(NAME, `has no effect without ${name} and "pods verified" in its server block`)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    const answer = next(q)
    return isPromise(answer) ? answer.then(a => this.#complete(q, a, next)) : this.#complete(q, answer, next)
  }

  /** `first` is what the question is answered as it stands: the first element of the path is in it. */
  #complete(q: Query, first: Answer, next: Next): Answer | Promise<Answer> {
    // A look-up of the server's own is for a name that nobody would complete.
    if (first.rcode !== RCODE.NXDOMAIN || q.depth > 0 || this.#zones.match(q) < 0) return first
    const decisions = this.#decisions
    const pending = decisions.pending(q)
    if (pending !== undefined) return pending.then(() => this.#decide(q, first, next))
    return this.#decide(q, first, next)
  }

  #decide(q: Query, first: Answer, next: Next): Answer | Promise<Answer> {
    const known = this.#decisions.recall(q)
    if (known === LEFT_ALONE) return first
    const path = this.#pathOf(q)
    const labels = path === undefined ? 0 : labelsBefore(q, path[0]!)
    if (path === undefined || labels <= 0 || known >= path.length) {
      if (known === UNDECIDED) this.#decisions.keep(q, LEFT_ALONE)
      return first
    }
    const walk = this.#spare.pop() ?? new Walk()
    walk.q = q
    walk.first = first
    walk.next = next
    walk.path = path
    walk.labels = labels
    walk.isDecided = known !== UNDECIDED
    const answer = this.#walk(walk, known === UNDECIDED ? 1 : known)
    if (isPromise(answer)) this.#decisions.hold(q, answer)
    return answer
  }

  /** Tries the elements from `from` on. */
  #walk(walk: Walk, from: number): Answer | Promise<Answer> {
    for (let i = from; i < walk.path.length; i++) {
      if (!askInstead(walk.asker, walk.q, walk.labels, walk.path[i]!)) continue
      const answer = walk.next(walk.asker)
      if (isPromise(answer)) return answer.then(a => this.#judge(walk, i, a) ?? this.#walk(walk, i + 1))
      const judged = this.#judge(walk, i, answer)
      if (judged !== undefined) return judged
    }
    return this.#end(walk, LEFT_ALONE, walk.first)
  }

  /** The answer, if what element `i` was answered ends the search. */
  #judge(walk: Walk, i: number, a: Answer): Answer | undefined {
    const { q, asker, isDecided } = walk
    const isMissing = a.rcode === RCODE.NXDOMAIN || a.rcode === RCODE.REFUSED
    if (isMissing && !isDecided) return undefined
    // RFC 4074 §4.2: there are servers that deny the whole name where it has no AAAA record.
    if (a.rcode === RCODE.NOERROR || a.rcode === RCODE.NXDOMAIN) {
      cells[this.#successesOf(q)]! += 1
      return this.#end(walk, i, answerAlias(q, asker, a, RCODE.NOERROR))
    }
    if (isDecided) return this.#end(walk, i, failAs(q, a))
    // CoreDNS: goes on to the next element, and another type that did not fail has another answer.
    return this.#end(walk, LEFT_ALONE, walk.first)
  }

  #end(walk: Walk, decision: number, answer: Answer): Answer {
    // Who follows does not prolong it: a client that never stops asking sees a name that has come into being.
    if (!walk.isDecided) this.#decisions.keep(walk.q, decision)
    if (this.#spare.length < MAX_SPARE) this.#spare.push(walk)
    return answer
  }

  /** The search path of the client, the name alone at its end. */
  #pathOf(q: Query): readonly Name[] | undefined {
    if (this.#options.plugin === undefined) return this.#ownPath
    const known = this.#source?.searchPath?.(q)
    if (known === undefined) return undefined
    let path = this.#paths.get(known)
    if (path === undefined) {
      path = [...known, ...this.#ownPath]
      this.#paths.set(known, path)
    }
    return path
  }

  #successesOf(q: Query): number {
    const routes = q.routes!
    let cell = this.#cells.get(routes)
    if (cell === undefined) {
      cell = successes(routes.server)
      this.#cells.set(routes, cell)
    }
    return cell
  }
}

/** SERVFAIL for the reason that `a` has. */
function failAs(q: Query, a: Answer): Answer {
  return reply.servfail(q, Math.max(EDE.OTHER, a.extendedError), a.error, a.extendedErrorText)
}

/** Labels of the question before `suffix`, -1 if it does not end so. */
function labelsBefore(q: Query, suffix: Name): number {
  const labels = q.labelCount - countLabels(suffix)
  if (labels < 0 || q.qnameLength - q.labelAt[labels]! !== suffix.length) return -1
  return equalOctets(q.qname, q.labelAt[labels]!, suffix, 0, suffix.length) ? labels : -1
}
