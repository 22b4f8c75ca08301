/**
 * Logs why queries failed: every error that the chain left in an answer, one line each, or one line for many of a kind.
 */
import { type PropertyHandler, together } from '../../server/corefile/directive.ts'
import { debug, error, info, isDebug, setDebug, warn } from '../../server/log.ts'
import type { Answer, Argument, Directive, Plugin, Property, Query, Stage } from '../../server/plugin.ts'
import { typeName } from '../../server/wire/codes.ts'

const NAME = 'errors'
const SHOW_FIRST = 'show_first'
const WORDS = ['warning', 'error', 'info', 'debug', SHOW_FIRST] as const
const MAX_TIMER_MS = 0x7fffffff // what setTimeout takes

type Log = (plugin: string, text: string) => void
const LOGS = { warning: warn, error, info, debug, [SHOW_FIRST]: error } satisfies Record<string, Log>

export const plugin: Plugin = {
  name: NAME,
  setup: directive => parse(directive),
}

function parse(directive: Directive): Stage {
  const errors = directive.once()
  let stacks = false
  const patterns: Consolidation[] = []
  const properties: Record<string, PropertyHandler> = {
    stacktrace: p => {
      p.noArguments()
      stacks = true
    },
    consolidate: p => {
      patterns.push(parseConsolidation(p))
    },
  }
  together(
    () => checkTarget(errors.optionalArgument()),
    () => errors.each(properties),
  )
  return new ErrorsStage(stacks, patterns)
}

function checkTarget(target: Argument | undefined): void {
  if (target === undefined || target.text === 'stdout') return
  throw target.error(`unknown log file "${target.text}", expected stdout`, 'COREFILE_UNKNOWN_VALUE')
}

function parseConsolidation(property: Property): Consolidation {
  const [period, pattern, first, second] = property.arguments(2, 4)
  const periodMs = period!.duration({ positive: true, maxMs: MAX_TIMER_MS }, 'period')
  const regexp = pattern!.regexp()
  const word = first?.oneOf(WORDS, 'level') ?? 'error'
  if (word === SHOW_FIRST && second !== undefined) {
    throw second.error(`"${second.text}" after ${SHOW_FIRST}, expected the level before it`)
  }
  const showFirst = word === SHOW_FIRST || second?.oneOf([SHOW_FIRST]) !== undefined
  const matches = (text: string) => regexp.matcher(text).find()
  return new Consolidation(period!.text, periodMs, pattern!.text, matches, LOGS[word], showFirst)
}

class ErrorsStage implements Stage {
  readonly #stacks: boolean
  readonly #patterns: readonly Consolidation[]

  constructor(stacks: boolean, patterns: readonly Consolidation[]) {
    this.#stacks = stacks
    this.#patterns = patterns
  }

  observe(q: Query, a: Answer): void {
    if (a.error !== undefined) this.#log(q, a, a.error)
  }

  serving(): void {
    if (this.#stacks) setDebug(isDebug(), true)
  }

  stop(): void {
    for (const pattern of this.#patterns) pattern.flush()
  }

  #log(q: Query, a: Answer, cause: Error): void {
    const line = `${a.rcode} ${q.qnameText} ${typeName(q.qtype)}: ${cause.message}`
    for (const pattern of this.#patterns) {
      if (!pattern.matches(cause.message)) continue
      pattern.count(line)
      return
    }
    error(NAME, line, cause)
  }
}

/** Errors of one kind, counted for a period that begins with the first of them. */
class Consolidation {
  readonly #periodText: string
  readonly #periodMs: number
  readonly #pattern: string
  readonly #log: Log
  readonly #showFirst: boolean
  readonly matches: (text: string) => boolean
  #errors = 0
  #timer: NodeJS.Timeout | undefined

  constructor(
    periodText: string,
    periodMs: number,
    pattern: string,
    matches: (text: string) => boolean,
    log: Log,
    showFirst: boolean,
  ) {
    this.#periodText = periodText
    this.#periodMs = periodMs
    this.#pattern = pattern
    this.matches = matches
    this.#log = log
    this.#showFirst = showFirst
  }

  count(line: string): void {
    this.#errors++
    if (this.#errors > 1) return
    if (this.#showFirst) this.#log(NAME, line)
    this.#timer = setTimeout(() => this.flush(), this.#periodMs).unref()
  }

  /** Ends the period. */
  flush(): void {
    clearTimeout(this.#timer)
    const errors = this.#errors
    this.#errors = 0
    if (errors === 0 || (errors === 1 && this.#showFirst)) return
    this.#log(NAME, `${errors} errors like '${this.#pattern}' occurred in last ${this.#periodText}`)
  }
}
