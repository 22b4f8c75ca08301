/**
 * Errors in a configuration, each with its position, and how they are printed.
 * The text says what was found, then what was expected; the source line and a caret follow.
 */
import type { CorefileErrorCode } from './codes.ts'
import type { Position } from './source.ts'

const WINDOW_COLUMNS = 120
const WINDOW_BEFORE_COLUMNS = 40

export interface CorefileErrorOptions {
  /** Name of the directive (plugin) that complains; put before the text. */
  readonly directive?: string | undefined
  readonly cause?: unknown
}

/** One mistake in a configuration. `message` is the bare text; `format` adds position, source line and caret. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError'
  readonly code: CorefileErrorCode
  /** The file that holds the mistake: the imported file if there is one. */
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 code units. */
  readonly column: number
  /** Length of the token in the source, for the caret. */
  readonly length: number
  readonly directive: string | undefined
  readonly sourceLine: string | undefined

  constructor(code: CorefileErrorCode, at: Position, message: string, options: CorefileErrorOptions = {}) {
    super(`${message}${unsetText(at)}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.file = at.source.file
    this.line = at.line
    this.column = at.column
    this.length = at.length
    this.directive = options.directive
    this.sourceLine = at.source.line(at.line)
  }
}

/** `; {$A} is not set`, or nothing: most of what is wrong with an argument that came out empty. */
function unsetText({ unset = [] }: Position): string {
  if (unset.length === 0) return ''
  return `; ${unset.join(', ')} ${unset.length === 1 ? 'is' : 'are'} not set`
}

/** All mistakes of a configuration, in the order found. `message` holds them all, formatted. */
export class CorefileErrors extends Error {
  override readonly name = 'CorefileErrors'
  readonly errors: readonly CorefileError[]

  constructor(errors: readonly CorefileError[]) {
    super(errors.map(format).join('\n'))
    this.errors = errors
  }
}

/** Runs tasks and gathers the Corefile errors of each; throws one `CorefileErrors` at the end. Other errors pass through. */
export class ErrorCollector {
  readonly errors: CorefileError[] = []

  add(error: CorefileError): void {
    this.errors.push(error)
  }

  /** The task's result, or undefined where it threw a `CorefileError` or `CorefileErrors`. */
  run<T>(task: () => T): T | undefined {
    try {
      return task()
    } catch (error) {
      if (error instanceof CorefileError) this.errors.push(error)
      else if (error instanceof CorefileErrors) for (const one of error.errors) this.errors.push(one)
      else throw error
      return undefined
    }
  }

  /** @throws CorefileErrors if anything was gathered */
  throwIfAny(): void {
    if (this.errors.length > 0) throw new CorefileErrors(this.errors)
  }
}

/** `Corefile:12:9: forward: unknown policy …`, then the source line, then a line with carets under the token. */
export function format(error: CorefileError): string {
  const lines = [formatLine(error)]
  if (error.sourceLine !== undefined && error.sourceLine.trim() !== '') {
    const [text, carets] = excerpt(error.sourceLine, error.column - 1, error.length)
    lines.push(text, carets)
  }
  return lines.join('\n')
}

/** The first line of `format` alone, for logs: position, directive, text. */
export function formatLine(error: CorefileError): string {
  const directive = error.directive === undefined ? '' : `${error.directive}: `
  return printable(`${error.file}:${error.line}:${error.column}: ${directive}${error.message}`).replaceAll('\t', ' ')
}

/** `"a"` → `a`, `"a", "b"` → `a or b`, three → `a, b or c`. */
export function orList(values: readonly string[]): string {
  if (values.length < 2) return values[0] ?? 'nothing'
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

function excerpt(line: string, start: number, length: number): [text: string, carets: string] {
  const from = line.length > WINDOW_COLUMNS ? wholeCharacter(line, Math.max(0, start - WINDOW_BEFORE_COLUMNS)) : 0
  const to = wholeCharacter(line, Math.min(line.length, from + WINDOW_COLUMNS))
  const before = from > 0 ? '…' : ''
  const text = `${before}${line.slice(from, to)}${to < line.length ? '…' : ''}`
  const indent = `${before}${line.slice(from, start)}`.replace(/[^\t]/gu, ' ')
  const marked = [...line.slice(start, Math.min(to, start + length))].length
  return [printable(text), indent + '^'.repeat(Math.max(1, marked))]
}

/** Steps back from the middle of a surrogate pair. */
function wholeCharacter(line: string, at: number): number {
  const code = line.charCodeAt(at)
  return at > 0 && code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}

/** A configuration must not be able to drive the terminal that shows its errors. */
function printable(text: string): string {
  return text.replaceAll('\n', '\\n').replace(/(?!\t)[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')
}
