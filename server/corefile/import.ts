/**
 * The stream of tokens that the parser reads: imports are already replaced by what they name.
 * Owns snippets, files, cycles and limits. Does not know blocks, except that a snippet is one.
 *
 * 1. `import X` at the start of a line (after a brace too) is replaced; X is a snippet defined before, else a file, else a
 *    pattern with at most one `*` and one `?`. Files are relative to the file that holds the import.
 * 2. A pattern without a match is a warning, a file that is missing is an error.
 */
import { posix as path } from 'node:path'
import type { CorefileErrorCode } from './codes.ts'
import { type Environment, expandToken } from './environment.ts'
import { CorefileError, type ErrorCollector } from './error.ts'
import { lex, type Token } from './lexer.ts'
import { refusePlaceholder } from './placeholder.ts'
import { type CorefileReader, errorCode, expandGlob, isGlob } from './reader.ts'
import { Source } from './source.ts'

const MAX_SNIPPET_IMPORTS = 10_000
const MAX_FILE_IMPORTS = 100_000

/** Something to tell the operator that does not keep the configuration from loading. */
export interface CorefileWarning {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** The body of `(name) { … }`. A broken one expands to nothing, its error was reported where it stands. */
export interface Snippet {
  readonly name: Token
  readonly body: readonly Token[]
  readonly broken: boolean
}

/** One run of tokens: a file or one use of a snippet. Blocks must be closed in the frame that opened them. */
export interface Frame {
  readonly tokens: readonly Token[]
  /** Resolved path or `(name)`: what must not be entered again while this frame is open. */
  readonly identity: string
  at: number
  ended: boolean
  /** Files of one pattern that are still to be read, last first, and the import that names them. */
  readonly queue?: { readonly files: string[]; readonly at: Token }
}

export interface StreamToken {
  readonly token: Token
  /** Begins a line, or follows an opening brace. */
  readonly begins: boolean
  readonly frame: Frame
}

export interface StreamOptions {
  readonly reader: CorefileReader
  readonly environment: Environment
  readonly errors: ErrorCollector
}

export class TokenStream {
  readonly snippets = new Map<string, Snippet>()
  readonly warnings: CorefileWarning[] = []
  /** Every file read, in order, and every directory that a pattern looked into. */
  readonly files = new Set<string>()
  readonly directories = new Set<string>()

  readonly #reader: CorefileReader
  readonly #environment: Environment
  readonly #errors: ErrorCollector
  readonly #frames: Frame[] = []
  /** Tokens by resolved path: undefined where the file is broken and was reported. */
  readonly #lexed = new Map<string, readonly Token[]>()
  readonly #openIdentities = new Set<string>()
  readonly #definitionLines = new WeakMap<readonly Token[], Map<string, number>>()
  #peeked: StreamToken | undefined
  /** The next token begins a line, whatever stands before it. */
  #beginsLine = false
  #snippetImports = 0
  #fileImports = 0
  #limitReported = false

  constructor(source: Source, options: StreamOptions) {
    this.#reader = options.reader
    this.#environment = options.environment
    this.#errors = options.errors
    this.files.add(source.file)
    this.#enter(this.#tokensOf(source), path.resolve(source.file))
  }

  /** The next token, imports replaced; undefined at the end. */
  peek(): StreamToken | undefined {
    this.#peeked ??= this.#read()
    return this.#peeked
  }

  next(): StreamToken | undefined {
    const next = this.peek()
    this.#peeked = undefined
    this.#beginsLine = next?.token.kind === 'open'
    return next
  }

  /** The tokens up to the brace that closes a snippet, imports left in. Undefined where its file ends first. */
  snippetBody(open: StreamToken): readonly Token[] | undefined {
    const { frame } = open
    const start = frame.at
    for (let depth = 1; frame.at < frame.tokens.length; frame.at++) {
      const { kind } = frame.tokens[frame.at]!
      if (kind === 'open') depth++
      else if (kind === 'close' && --depth === 0) {
        this.#beginsLine = false
        return frame.tokens.slice(start, frame.at++)
      }
    }
    return undefined
  }

  #read(): StreamToken | undefined {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const token = frame.tokens[frame.at]
      if (token === undefined) {
        if (!this.#enterQueued(frame)) this.#leave(frame)
        continue
      }
      const begins = token.startsLine || this.#beginsLine || frame.at === 0
      frame.at++
      if (!begins || !isImport(token)) return { token, begins, frame }
      this.#beginsLine = true
      this.#errors.run(() => this.#import(token, frame))
    }
    return undefined
  }

  #import(token: Token, frame: Frame): void {
    const names: Token[] = []
    for (let next = frame.tokens[frame.at]; next !== undefined && !next.startsLine; next = frame.tokens[frame.at]) {
      if (next.kind === 'close') {
        const text = '"}" on the line of an import, expected it on a line of its own'
        this.#errors.add(this.#error('COREFILE_BRACE_NOT_ALONE', next, text))
        break
      }
      names.push(next)
      frame.at++
      if (next.kind === 'open') skipBlock(frame)
    }
    const [name, surplus] = names
    const expected = 'expected one snippet, file or pattern'
    if (name === undefined || name.text === '')
      throw new CorefileError('COREFILE_IMPORT_ARGUMENT', name ?? token, `import without a name, ${expected}`)
    if (surplus !== undefined)
      throw new CorefileError(
        'COREFILE_IMPORT_ARGUMENT',
        surplus,
        `surplus "${surplus.text}" after import, ${expected}`,
      )
    const snippet = this.snippets.get(name.text)
    if (snippet !== undefined) this.#importSnippet(snippet, name)
    else this.#importFiles(name)
  }

  #importSnippet(snippet: Snippet, at: Token): void {
    if (snippet.broken || this.#isOverLimit(++this.#snippetImports, MAX_SNIPPET_IMPORTS, 'snippet', at)) return
    const identity = `(${snippet.name.text})`
    this.#refuseCycle(identity, `snippet "${at.text}"`, at)
    this.#enter(snippet.body, identity)
  }

  #importFiles(name: Token): void {
    if (this.#isOverLimit(++this.#fileImports, MAX_FILE_IMPORTS, 'file', name)) return
    const pattern = path.isAbsolute(name.text) ? name.text : path.join(path.dirname(name.source.file), name.text)
    if (isGlob(pattern)) this.#importMatches(pattern, name)
    else this.#importFile(pattern, name, false)
  }

  #importMatches(pattern: string, name: Token): void {
    // CoreDNS: the same limit, kept because a pattern with several wildcards may take very long to expand.
    if (pattern.split('*').length > 2 || pattern.split('?').length > 2 || /\[.*\]/.test(pattern)) {
      const text = `pattern "${name.text}" is too general, expected at most one * and one ? and no [ ]`
      throw new CorefileError('COREFILE_IMPORT_PATTERN', name, text)
    }
    const matches = this.#glob(pattern, name)
    if (matches.length === 0) {
      const { source, line, column } = name
      this.warnings.push({ file: source.file, line, column, message: `no file matches import pattern "${name.text}"` })
    }
    this.#frames.push({ tokens: [], identity: '', at: 0, ended: false, queue: { files: matches.reverse(), at: name } })
  }

  #importFile(file: string, at: Token, matched: boolean): void {
    const identity = path.resolve(file)
    this.#refuseCycle(identity, `file "${file}"`, at)
    let tokens = this.#lexed.get(identity)
    if (tokens === undefined) {
      const text = this.#readFile(file, at, matched)
      if (text === undefined) return
      this.files.add(file)
      tokens = this.#tokensOf(new Source(file, text))
      this.#lexed.set(identity, tokens)
    }
    this.#enter(tokens, identity)
  }

  #readFile(file: string, at: Token, matched: boolean): string | undefined {
    try {
      return this.#reader.read(file)
    } catch (cause) {
      const code = errorCode(cause)
      // CoreDNS: fails. A mounted ConfigMap holds the directory ..data, so that `import dir/*` could never work.
      if (code === 'EISDIR' && matched) return undefined
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw this.#error('COREFILE_IMPORT_NOT_FOUND', at, this.#notFound(at), cause)
      const found =
        code === 'EISDIR' ? 'is a directory' : `cannot be read (${cause instanceof Error ? cause.message : cause})`
      throw this.#error(
        'COREFILE_IMPORT_UNREADABLE',
        at,
        `import "${at.text}" ${found}, expected a readable file`,
        cause,
      )
    }
  }

  #notFound(at: Token): string {
    const text = `import "${at.text}" found neither a snippet nor a file`
    const later = this.#definitions(this.#frames.at(-1)?.tokens ?? []).get(`(${at.text})`)
    if (later !== undefined) return `${text}, expected the snippet of line ${later} to stand above its first use`
    return `${text}, expected a snippet defined above or an existing file`
  }

  /** Lines of what looks like a snippet's key, for a hint. */
  #definitions(tokens: readonly Token[]): ReadonlyMap<string, number> {
    let lines = this.#definitionLines.get(tokens)
    if (lines === undefined) {
      lines = new Map()
      for (const token of tokens) if (token.startsLine && token.text.startsWith('(')) lines.set(token.text, token.line)
      this.#definitionLines.set(tokens, lines)
    }
    return lines
  }

  #glob(pattern: string, at: Token): string[] {
    try {
      return expandGlob(pattern, this.#reader, this.directories)
    } catch (cause) {
      const text = `import "${at.text}" cannot be expanded (${cause instanceof Error ? cause.message : cause}), expected readable directories`
      throw this.#error('COREFILE_IMPORT_UNREADABLE', at, text, cause)
    }
  }

  #tokensOf(source: Source): readonly Token[] {
    const tokens = this.#errors.run(() => lex(source)) ?? []
    return tokens.map(
      token => this.#errors.run(() => refusePlaceholder(expandToken(token, this.#environment))) ?? token,
    )
  }

  #enter(tokens: readonly Token[], identity: string): void {
    this.#frames.push({ tokens, identity, at: 0, ended: false })
    this.#openIdentities.add(identity)
  }

  #enterQueued({ queue }: Frame): boolean {
    const file = queue?.files.pop()
    if (queue === undefined || file === undefined) return false
    this.#errors.run(() => this.#importFile(file, queue.at, true))
    return true
  }

  #leave(frame: Frame): void {
    frame.ended = true
    this.#beginsLine = true
    this.#frames.pop()
    this.#openIdentities.delete(frame.identity)
  }

  #refuseCycle(identity: string, what: string, at: Token): void {
    if (!this.#openIdentities.has(identity)) return
    throw this.#error('COREFILE_IMPORT_CYCLE', at, `${what} imports itself, expected imports that end`)
  }

  /** Reported once; every further import expands to nothing, so that the parser soon ends. */
  #isOverLimit(count: number, limit: number, what: string, at: Token): boolean {
    if (count <= limit) return false
    if (!this.#limitReported)
      this.#errors.add(this.#error('COREFILE_IMPORT_LIMIT', at, `more than ${limit} ${what} imports, expected fewer`))
    this.#limitReported = true
    return true
  }

  #error(code: CorefileErrorCode, at: Token, message: string, cause?: unknown): CorefileError {
    return new CorefileError(code, at, message, { cause })
  }
}

/** Whether a token at the start of a line is an import. */
export function isImport(token: Token): boolean {
  return token.text === 'import' && token.kind === 'word' && !token.quoted
}

function skipBlock(frame: Frame): void {
  for (let depth = 1; depth > 0 && frame.at < frame.tokens.length; frame.at++) {
    const { kind } = frame.tokens[frame.at]!
    if (kind === 'open') depth++
    else if (kind === 'close') depth--
  }
}
