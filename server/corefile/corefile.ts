/**
 * Front door: the text of a Corefile → server blocks, with imports and environment expanded.
 *
 *   text → lexer.ts → environment.ts → import.ts (stream of tokens) → parser.ts (tree) → directive.ts (for setups)
 *
 * Does not judge names of directives, and touches files only through the reader it is given.
 */
import { createHash } from 'node:crypto'
import type { Environment } from './environment.ts'
import { type CorefileError, CorefileErrors, ErrorCollector } from './error.ts'
import { type CorefileWarning, TokenStream } from './import.ts'
import { parseKey, type ServerKey } from './key.ts'
import { type DirectiveNode, parse, type ServerBlockNode } from './parser.ts'
import { type CorefileReader, noFiles } from './reader.ts'
import { Source } from './source.ts'

/** `read` and `list` are for imports; without them every import of a file is an error. */
export interface CorefileOptions extends Partial<CorefileReader> {
  /** For `{$NAME}`; without it every variable is unset. */
  readonly environment?: Environment
}

/** A server block with its keys read. */
export interface ServerBlock extends ServerBlockNode {
  /** One per key, more for a CIDR that covers several reverse zones; in the order of the keys. */
  readonly serverKeys: readonly ServerKey[]
}

export interface Corefile {
  /** In source order; none for an empty file. */
  readonly blocks: readonly ServerBlock[]
  readonly warnings: readonly CorefileWarning[]
  /** Names of the snippets defined. */
  readonly snippets: readonly string[]
  /** Every file read, the Corefile first (its name as given, also for `stdin`). */
  readonly files: readonly string[]
  /** Every directory that an import pattern looked into: a new file there may change the configuration. */
  readonly directories: readonly string[]
  /** SHA-512 in hexadecimal of keys, names and arguments, everything expanded; independent of lines and layout. */
  readonly fingerprint: string
  /** What is wrong, in source order. If there is anything, what it spoils is left out of the blocks. */
  readonly mistakes: readonly CorefileError[]
}

/**
 * Reads a whole configuration that must be free of mistakes.
 * @param file the path as errors shall show it; relative imports start from its folder
 * @throws CorefileErrors with every mistake found
 */
export function parseCorefile(text: string, file: string, options: CorefileOptions = {}): Corefile {
  const corefile = readCorefile(text, file, options)
  if (corefile.mistakes.length > 0) throw new CorefileErrors(corefile.mistakes)
  return corefile
}

/** The same for one that may hold mistakes: what is sound can be judged further, so that all are reported at once. */
export function readCorefile(text: string, file: string, options: CorefileOptions = {}): Corefile {
  const { read = noFiles.read, list = noFiles.list, environment = {} } = options
  const errors = new ErrorCollector()
  const stream = new TokenStream(new Source(file, text), { reader: { read, list }, environment, errors })
  const blocks = parse(stream, errors).map(block => withKeys(block, errors))
  return {
    blocks,
    mistakes: inSourceOrder(errors.errors, [...stream.files]),
    warnings: [...stream.warnings, ...blocks.flatMap(({ serverKeys }) => serverKeys.flatMap(unusualName))],
    snippets: [...stream.snippets.keys()],
    files: [...stream.files],
    directories: [...stream.directories],
    // CoreDNS: hashes line numbers too, so that a comment causes a reload.
    fingerprint: createHash('sha512')
      .update(JSON.stringify(blocks.map(blockTexts)))
      .digest('hex'),
  }
}

/** The directives of a block by name, in order of first use: each list makes one `Directive`. */
export function groupDirectives(block: ServerBlockNode): Map<string, DirectiveNode[]> {
  return Map.groupBy(block.directives, directive => directive.name.text)
}

function withKeys(block: ServerBlockNode, errors: ErrorCollector): ServerBlock {
  return { ...block, serverKeys: block.keys.flatMap(key => errors.run(() => parseKey(key)) ?? []) }
}

/** CoreDNS: warns of such zones too. They are served: what is no host name may be a domain name. */
function unusualName({ zone, token }: ServerKey): CorefileWarning[] {
  if (zone === '.' || /^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+$/.test(zone)) return []
  const { source, line, column } = token
  const message = `zone "${zone}" is no host name, expected letters, digits and inner hyphens`
  return [{ file: source.file, line, column, message }]
}

function inSourceOrder(errors: readonly CorefileError[], files: readonly string[]): CorefileError[] {
  const rank = new Map(files.map((file, index) => [file, index]))
  const rankOf = (error: CorefileError) => rank.get(error.file) ?? files.length
  return errors.toSorted((a, b) => rankOf(a) - rankOf(b) || a.line - b.line || a.column - b.column)
}

function blockTexts({ keys, directives }: ServerBlockNode) {
  return [
    keys.map(key => key.text),
    directives.map(({ name, args, properties, hasBlock }) => [
      name.text,
      args.map(argument => argument.text),
      hasBlock,
      properties.map(property => [property.name.text, ...property.args.map(argument => argument.text)]),
    ]),
  ]
}
