/** Logs queries: one line for each that a rule covers, after its reply was written. */
import { together } from '../../server/corefile/directive.ts'
import { info } from '../../server/log.ts'
import type { Answer, Directive, MetadataReader, Occurrence, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { RESPONSE, responseKind } from '../../server/wire/response.ts'
import { compileFormat, Fields, type Format, metadataLabels } from './format.ts'

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

const CLASS_NAMES = new Map(Object.entries(CLASS_BITS).map(([name, bits]) => [bits, name]))
/** CoreDNS's names of the kinds of response. */
const KIND_NAMES = new Map<number, string>([
  [RESPONSE.ANSWER, 'NOERROR'],
  [RESPONSE.NODATA, 'NODATA'],
  [RESPONSE.NXDOMAIN, 'NXDOMAIN'],
  [RESPONSE.DELEGATION, 'DELEGATION'],
  [RESPONSE.SERVER_FAILURE, 'SERVERERROR'],
  [RESPONSE.ERROR, 'OTHERERROR'],
])

interface Rule {
  /** Names at or below which it holds. */
  readonly zones: ZoneSet
  /** As it was written, undefined for the default. */
  readonly formatText: string | undefined
  /** Bits of the classes it logs. */
  readonly classes: number
}

export const plugin: Plugin = {
  name: NAME,
  setup: (directive: Directive, site: Site) => new LogStage(directive.map(parseRule), site),
}

function parseRule(occurrence: Occurrence): Rule {
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
    formatText: format?.text,
    classes: classes || CLASS_BITS.all,
  }
}

class LogStage implements Stage {
  readonly #rules: readonly Rule[]
  readonly #site: Site
  readonly #fields = new Fields()
  /** Of each rule; what metadata it can show is known once all stages are there. */
  #formats: readonly Format[] = []

  constructor(rules: readonly Rule[], site: Site) {
    this.#rules = rules
    this.#site = site
    for (const { formatText = '' } of rules)
      for (const label of metadataLabels(formatText)) site.wantedMetadata.add(label)
  }

  link(): void {
    const [known] = this.#site.peers('metadata')
    this.#formats = this.#rules.map(rule => compileFormat(rule.formatText, label => known?.metadata?.(label)))
  }

  metadata(label: string): MetadataReader | undefined {
    if (label === 'log/class') return (_, a) => CLASS_NAMES.get(classOf(a))
    return label === 'log/type' ? kindName : undefined
  }

  observe(q: Query, a: Answer, octets: number): void {
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i]!
      if (rule.zones.match(q) < 0) continue
      // The first rule for the name decides, whether it logs this class or not.
      if (rule.classes === CLASS_BITS.all || (rule.classes & classOf(a)) !== 0) {
        info(undefined, this.#formats[i]!(q, a, octets), this.#fields.of(q, a, octets))
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

function kindName(q: Query, a: Answer): string | undefined {
  if (q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) return 'META'
  return KIND_NAMES.get(responseKind(a))
}
