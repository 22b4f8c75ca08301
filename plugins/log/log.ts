/** Logs queries: one line for each that a rule covers, after its reply was written. */
import { together } from '../../server/corefile/directive.ts'
import { info } from '../../server/log.ts'
import type { Answer, Directive, Occurrence, Plugin, Query, Stage } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { RESPONSE, responseKind } from '../../server/wire/response.ts'
import { compileFormat, Fields, type Format } from './format.ts'

const NAME = 'log'
const CLASSES = ['all', 'success', 'denial', 'error'] as const
type Class = (typeof CLASSES)[number]

const SUCCESS = 1
const DENIAL = 2
const ERROR = 4
const CLASS_BITS: Record<Class, number> = {
  all: SUCCESS | DENIAL | ERROR,
  success: SUCCESS,
  denial: DENIAL,
  error: ERROR,
}

interface Rule {
  /** Names at or below which it holds. */
  readonly zones: ZoneSet
  readonly format: Format
  /** Bits of the classes it logs. */
  readonly classes: number
}

export const plugin: Plugin = {
  name: NAME,
  setup: (directive: Directive) => new LogStage(directive.map(parseRules)),
}

function parseRules(occurrence: Occurrence): Rule {
  const { args } = occurrence
  // A single argument is always a name.
  const last = args.length > 1 ? args.at(-1) : undefined
  const format = last?.text.includes('{') ? last : undefined
  const names = format === undefined ? args : args.slice(0, -1)
  let classes = 0
  let zones: readonly string[] = []
  together(
    ...names.map(name => () => {
      zones = [...zones, ...name.zones()]
    }),
    () =>
      occurrence.each({
        class: p => {
          for (const word of p.arguments(1)) classes |= CLASS_BITS[word.oneOf(CLASSES, 'class')]
        },
      }),
  )
  return {
    zones: new ZoneSet((names.length === 0 ? ['.'] : zones).map(nameFromText)),
    format: compileFormat(format?.text),
    classes: classes || CLASS_BITS.all,
  }
}

class LogStage implements Stage {
  readonly #rules: readonly Rule[]
  readonly #fields = new Fields()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  observe(q: Query, a: Answer, octets: number): void {
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i]!
      if (rule.zones.match(q) < 0) continue
      // The first rule for the name decides, whether it logs this class or not.
      if (rule.classes === CLASS_BITS.all || (rule.classes & classOf(a)) !== 0) {
        info(undefined, rule.format(q, a, octets), this.#fields.of(q, a, octets))
      }
      return
    }
  }
}

function classOf(a: Answer): number {
  switch (responseKind(a)) {
    case RESPONSE.ANSWER:
    case RESPONSE.DELEGATION:
      return SUCCESS
    case RESPONSE.NODATA:
    case RESPONSE.NXDOMAIN:
      return DENIAL
    default:
      return ERROR
  }
}
