/**
 * What a plugin's setup reads: all occurrences of its directive in one server block, with checked access to arguments
 * and property lines. Every error stands at the token that caused it and names the directive.
 *
 *   const cache = directive.once()
 *   cache.each({
 *     servfail: p => { options.servfailMs = p.argument().duration({ maxMs: 300_000 }) },
 *     keepttl: p => { p.noArguments(); options.keepTtl = true },
 *   })
 */
import { Argument, zoneList } from './argument.ts'
import type { CorefileErrorCode } from './codes.ts'
import { CorefileError, ErrorCollector, orList } from './error.ts'
import type { Token } from './lexer.ts'
import type { DirectiveNode, PropertyNode } from './parser.ts'
import { didYouMean } from './suggest.ts'

export { Argument, zoneList } from './argument.ts'

export class Directive {
  readonly name: string
  /** In source order, at least one. */
  readonly occurrences: readonly Occurrence[]

  /** @param nodes all nodes of one name in one server block, at least one, in source order */
  constructor(nodes: readonly DirectiveNode[]) {
    const [first] = nodes
    if (first === undefined) throw new RangeError('no nodes, expected at least one')
    this.name = first.name.text
    this.occurrences = nodes.map(node => new Occurrence(node))
  }

  /**
   * The only occurrence.
   * @throws CorefileError COREFILE_REPEATED_DIRECTIVE at the second one
   */
  once(): Occurrence {
    const [first, repeat] = this.occurrences
    if (repeat === undefined) return first!
    const { source, line } = first!.name
    const text = `used again, can only be used once per server block, expected only that of ${source.file}:${line}`
    throw repeat.error(text, 'COREFILE_REPEATED_DIRECTIVE')
  }

  /** Parses each occurrence; the errors of all of them are thrown together. */
  map<T>(parse: (occurrence: Occurrence) => T): T[] {
    const errors = new ErrorCollector()
    const results: T[] = []
    for (const occurrence of this.occurrences) errors.run(() => results.push(parse(occurrence)))
    errors.throwIfAny()
    return results
  }

  /** An error at the first occurrence, to be thrown. */
  error(message: string, code?: CorefileErrorCode, cause?: unknown): CorefileError {
    return this.occurrences[0]!.error(message, code, cause)
  }
}

/** A name and its arguments: what occurrences and properties have in common. */
class Line {
  readonly name: Token
  readonly args: readonly Argument[]
  readonly #directive: string

  constructor(name: Token, args: readonly Token[], directive: string) {
    this.name = name
    this.args = args.map(token => new Argument(token, directive))
    this.#directive = directive
  }

  /** An error at the name, to be thrown: say what was found, then what was expected. */
  error(message: string, code: CorefileErrorCode = 'COREFILE_INVALID_VALUE', cause?: unknown): CorefileError {
    return new CorefileError(code, this.name, message, { directive: this.#directive, cause })
  }

  noArguments(): void {
    this.arguments(0, 0)
  }

  /** The only argument. */
  argument(): Argument {
    return this.arguments(1, 1)[0]!
  }

  /** The only argument, if there is one. */
  optionalArgument(): Argument | undefined {
    return this.arguments(0, 1)[0]
  }

  /**
   * All arguments, their number checked; no `max` is no limit.
   * @throws CorefileError at the first surplus argument, or at the last word of the line if one is missing
   */
  arguments(min: number, max = Number.POSITIVE_INFINITY): readonly Argument[] {
    const { args } = this
    const surplus = args[max]
    if (surplus !== undefined) {
      const text = `surplus argument "${surplus.text}" of "${this.name.text}", expected ${countText(min, max)}`
      throw surplus.error(text, 'COREFILE_SURPLUS_ARGUMENT')
    }
    if (args.length >= min) return args
    const text = `missing argument of "${this.name.text}", found ${args.length}, expected ${countText(min, max)}`
    throw args.at(-1)?.error(text, 'COREFILE_MISSING_ARGUMENT') ?? this.error(text, 'COREFILE_MISSING_ARGUMENT')
  }
}

/** One line inside the block of a directive. */
export class Property extends Line {
  constructor(node: PropertyNode, directive: string) {
    super(node.name, node.args, directive)
  }
}

export type PropertyHandler = (property: Property) => void

export interface EachOptions {
  /** Gets the lines that no handler is named for (inline entries of `hosts`); without it they are errors. */
  readonly other?: PropertyHandler
  /** Properties that may stand only once in the block; `true` for all of them. */
  readonly once?: readonly string[] | true
}

/** One use of a directive, with its block. */
export class Occurrence extends Line {
  readonly properties: readonly Property[]
  readonly hasBlock: boolean

  constructor(node: DirectiveNode) {
    super(node.name, node.args, node.name.text)
    this.properties = node.properties.map(property => new Property(property, node.name.text))
    this.hasBlock = node.hasBlock
  }

  /** @throws CorefileError at the first property, or at the name if the block is empty */
  noBlock(): void {
    if (!this.hasBlock) return
    const text = `"${this.name.text}" takes no block, expected the end of the line`
    throw this.properties[0]?.error(text, 'COREFILE_UNEXPECTED_BLOCK') ?? this.error(text, 'COREFILE_UNEXPECTED_BLOCK')
  }

  /** Calls the handler of each property line. The errors of all lines are thrown together. */
  each(handlers: Readonly<Record<string, PropertyHandler>>, options: EachOptions = {}): void {
    const errors = new ErrorCollector()
    const seen = new Map<string, Property>()
    for (const property of this.properties) {
      errors.run(() => {
        const name = property.name.text
        const handler = Object.hasOwn(handlers, name) ? handlers[name] : options.other
        if (handler === undefined) throw unknownProperty(property, Object.keys(handlers))
        const earlier = seen.get(name)
        const single = options.once === true || options.once?.includes(name)
        if (earlier !== undefined && single) throw repeatedProperty(property, earlier)
        seen.set(name, property)
        handler(property)
      })
    }
    errors.throwIfAny()
  }
}

/** Runs tasks that do not need one another, such as arguments and block; the errors of all of them are thrown together. */
export function together(...tasks: readonly (() => void)[]): void {
  const errors = new ErrorCollector()
  for (const task of tasks) errors.run(task)
  errors.throwIfAny()
}

/** The zones of a `fallthrough` line; without arguments all names: `.`. */
export function fallthrough(property: Property): string[] {
  return zoneList(property.args, ['.'])
}

function unknownProperty(property: Property, known: readonly string[]): CorefileError {
  const name = property.name.text
  const expected = known.length === 0 ? 'an empty block' : orList(known)
  const text = `unknown property "${name}"${didYouMean(name, known)}, expected ${expected}`
  return property.error(text, 'COREFILE_UNKNOWN_PROPERTY')
}

function repeatedProperty(property: Property, earlier: Property): CorefileError {
  const text = `property "${property.name.text}" stands in line ${earlier.name.line} already, expected it once`
  return property.error(text, 'COREFILE_REPEATED_PROPERTY')
}

function countText(min: number, max: number): string {
  if (max === 0) return 'none'
  const noun = (count: number) => (count === 1 ? 'argument' : 'arguments')
  if (max === Number.POSITIVE_INFINITY) return `at least ${min} ${noun(min)}`
  if (min === max) return `${min} ${noun(min)}`
  return min === 0 ? `at most ${max} ${noun(max)}` : `${min} to ${max} arguments`
}
