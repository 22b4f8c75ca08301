/**
 * Tokens → server blocks, directives and properties. Knows no plugin: names are judged when the server is built.
 * Goes on after a mistake, so that all of them are reported at once; what follows from a mistake is not reported.
 *
 * 1. File = server blocks. Block = keys, then `{ … }`, or directives on the following lines up to the end of the file.
 * 2. Keys are split by blanks and commas; a trailing comma continues the list on the next line. A brace may open the block
 *    on the next line. A single key `(name)` makes the block a snippet.
 * 3. Directive = name and arguments to the end of the line; `{` at its end opens a block of property lines.
 * 4. Property = name and arguments to the end of the line. There is no deeper level.
 * 5. `}` stands on a line of its own, except directly after its `{`.
 */
import type { CorefileErrorCode } from './codes.ts'
import { CorefileError, type ErrorCollector } from './error.ts'
import { isImport, type StreamToken, type TokenStream } from './import.ts'
import type { Token } from './lexer.ts'
import type { Position } from './source.ts'

export interface PropertyNode {
  readonly name: Token
  readonly args: readonly Token[]
}

export interface DirectiveNode {
  readonly name: Token
  readonly args: readonly Token[]
  readonly properties: readonly PropertyNode[]
  readonly hasBlock: boolean
  /** The brace that closes the block, if there is one. */
  readonly close: Position | undefined
}

export interface ServerBlockNode {
  /** Without their commas. Not judged: see `parseKey`. */
  readonly keys: readonly Token[]
  readonly directives: readonly DirectiveNode[]
  readonly hasBlock: boolean
  readonly close: Position | undefined
}

/** Reads the whole stream. Mistakes go to `errors`; a directive that holds one is left out. */
export function parse(stream: TokenStream, errors: ErrorCollector): ServerBlockNode[] {
  return new Parser(stream, errors).parse()
}

class Parser {
  readonly #stream: TokenStream
  readonly #errors: ErrorCollector
  /** The last brace that was reported for sharing its line: others there are the same mistake. */
  #notAlone: Token | undefined

  constructor(stream: TokenStream, errors: ErrorCollector) {
    this.#stream = stream
    this.#errors = errors
  }

  parse(): ServerBlockNode[] {
    const blocks: ServerBlockNode[] = []
    for (let next = this.#stream.peek(); next !== undefined; next = this.#stream.peek()) {
      if (next.token.kind === 'close') {
        this.#stream.next()
        this.#error(
          'COREFILE_UNEXPECTED_BRACE',
          next.token,
          'unexpected "}", no block is open here, expected a server block',
        )
        continue
      }
      const block = this.#serverBlock(next)
      if (block !== undefined) blocks.push(block)
    }
    return blocks
  }

  #serverBlock(first: StreamToken): ServerBlockNode | undefined {
    const { keys, comma, empty, glued } = this.#keys()
    const open = glued ?? this.#openingBrace()
    if (comma !== undefined) {
      this.#error('COREFILE_MISSING_KEY', comma, 'list of keys ends in a comma, expected another key after it')
    } else if (keys.length === 0) {
      // CoreDNS: drops a block without keys in silence, also one whose keys come from unset variables.
      const found = empty === undefined ? '"{" without a key before it' : 'empty key'
      this.#error(
        'COREFILE_MISSING_KEY',
        empty ?? first.token,
        `${found}, expected a zone such as "." or "example.org"`,
      )
    }
    const snippet = keys.find(key => snippetName(key) !== undefined)
    if (snippet !== undefined && keys.length === 1) return this.#snippet(snippet, open, glued !== undefined)
    if (snippet !== undefined)
      this.#error(
        'COREFILE_SNIPPET_INVALID',
        snippet,
        `snippet "${snippet.text}" among other keys, expected it to be the only one`,
      )
    const { directives, close } = this.#directives(open, first, keys[0])
    return keys.length === 0 ? undefined : { keys, directives, hasBlock: open !== undefined, close }
  }

  /** Reads keys up to a brace, or the end of a line that does not end in a comma. */
  #keys() {
    const keys: Token[] = []
    let comma: Token | undefined
    let empty: Token | undefined
    let glued: StreamToken | undefined
    for (let next = this.#stream.peek(), first = true; next !== undefined; next = this.#stream.peek(), first = false) {
      const { token } = next
      if (token.kind !== 'word' || (next.begins && !first && comma === undefined)) break
      this.#stream.next()
      if (!token.quoted && /[^{]\{$/.test(token.text) && this.#stream.peek()?.begins !== false) {
        glued = this.#gluedBrace(next, keys)
        break
      }
      const listed = token.text.endsWith(',')
      const text = listed ? token.text.slice(0, -1) : token.text
      comma = listed ? token : undefined
      if (text !== '') keys.push({ ...token, text, length: listed ? token.length - 1 : token.length })
      else empty = token
    }
    return { keys, comma, empty, glued }
  }

  /** `example.org{` at the end of a line: goes on as if the blank were there. */
  #gluedBrace(next: StreamToken, keys: Token[]): StreamToken {
    const { token } = next
    const length = token.length - 1
    const brace = { ...token, text: '{', column: token.column + length, length: 1 }
    this.#error('COREFILE_UNEXPECTED_BRACE', brace, `"{" is part of "${token.text}", expected a blank before it`)
    keys.push({ ...token, text: token.text.slice(0, -1), length })
    return { ...next, token: brace }
  }

  #openingBrace(): StreamToken | undefined {
    return this.#stream.peek()?.token.kind === 'open' ? this.#stream.next() : undefined
  }

  #snippet(key: Token, open: StreamToken | undefined, glued: boolean): undefined {
    const name = snippetName(key) ?? ''
    const { snippets } = this.#stream
    const quoted = `snippet "${name}"`
    if (name === '') this.#error('COREFILE_SNIPPET_INVALID', key, 'snippet without a name, expected (name)')
    if (open === undefined || glued) {
      if (open !== undefined) this.#skipBlock(open)
      else this.#error('COREFILE_SNIPPET_INVALID', key, `${quoted} without a block, expected "{"`)
      snippets.set(name, { name: { ...key, text: name }, body: [], broken: true })
      return
    }
    const body = this.#stream.snippetBody(open)
    if (body === undefined) this.#unterminated(open, key)
    const earlier = snippets.get(name)
    if (earlier !== undefined) {
      const at = `${earlier.name.source.file}:${earlier.name.line}`
      this.#error('COREFILE_SNIPPET_REDEFINED', key, `${quoted} is defined at ${at} already, expected another name`)
      return
    }
    const itself = body?.find(
      (token, at) => at > 0 && token.text === name && isImport(body[at - 1]!) && lineStart(body, at - 1),
    )
    if (itself !== undefined)
      this.#error('COREFILE_IMPORT_CYCLE', itself, `${quoted} imports itself, expected imports that end`)
    const broken = body === undefined || itself !== undefined
    snippets.set(name, { name: { ...key, text: name }, body: body ?? [], broken })
  }

  /** Reads directives up to the closing brace; in the short form up to the end of the file. */
  #directives(open: StreamToken | undefined, first: StreamToken, key: Token | undefined) {
    const directives: DirectiveNode[] = []
    let last: Token | undefined
    const { frame } = open ?? this.#stream.peek() ?? first
    let strayBlock = false
    for (let next = this.#stream.peek(); next !== undefined && !frame.ended; next = this.#stream.peek()) {
      const { token } = next
      if (token.kind === 'word') {
        const before = this.#errors.errors.length
        const directive = this.#directive()
        last = directive.name
        const isStray = directive.hasBlock && looksLikeKey(directive.name)
        if (!isStray && this.#isSound(before)) directives.push(directive)
        if (isStray) {
          strayBlock = true
          this.#strayServerBlock(directive.name, key, open)
        }
      } else if (token.kind === 'open') {
        this.#misplacedOpen(last)
      } else {
        this.#stream.next()
        if (open !== undefined && next.frame === frame) return { directives, close: token }
        const expected = open === undefined ? `expected "{" after the key "${key?.text}"` : 'expected a directive'
        this.#error('COREFILE_UNEXPECTED_BRACE', token, `unexpected "}", no block is open here, ${expected}`)
      }
    }
    // A server block inside this one was reported: the missing brace is the same mistake.
    if (open !== undefined && !strayBlock) this.#unterminated(open, key)
    return { directives, close: undefined }
  }

  #directive(): DirectiveNode {
    const { token: name } = this.#stream.next()!
    this.#refuseEmpty(name, 'directive')
    const args = this.#arguments(name)
    const open = this.#openOnLine()
    if (open === undefined) return { name, args, properties: [], hasBlock: false, close: undefined }
    const { properties, close } = this.#properties(open, name)
    if (close !== undefined) this.#nothingAfterClose()
    return { name, args, properties, hasBlock: true, close }
  }

  #properties(open: StreamToken, directive: Token) {
    const properties: PropertyNode[] = []
    for (let next = this.#stream.peek(); next !== undefined && !open.frame.ended; next = this.#stream.peek()) {
      const { token, frame } = next
      if (token.kind === 'open') {
        this.#nested(next, directive)
        continue
      }
      this.#stream.next()
      if (token.kind === 'close') {
        if (frame === open.frame) return { properties, close: token }
        this.#error('COREFILE_UNEXPECTED_BRACE', token, 'unexpected "}", no block is open here, expected a property')
        continue
      }
      this.#refuseEmpty(token, 'property')
      properties.push({ name: token, args: this.#arguments(token) })
      const nested = this.#openOnLine()
      if (nested !== undefined) this.#reportNested(nested, directive)
    }
    this.#unterminated(open, directive)
    return { properties, close: undefined }
  }

  /** The words up to the end of the line or an opening brace. A closing brace is reported and ends the line too. */
  #arguments(name: Token): Token[] {
    const args: Token[] = []
    let next = this.#stream.peek()
    for (; next !== undefined && !next.begins && next.token.kind === 'word'; next = this.#stream.peek()) {
      args.push(next.token)
      this.#stream.next()
    }
    if (next !== undefined && !next.begins && next.token.kind === 'close')
      this.#refuseOnLine(next.token, `"}" on the line of "${name.text}", expected it on a line of its own`)
    return args
  }

  #openOnLine(): StreamToken | undefined {
    return this.#stream.peek()?.begins === false ? this.#openingBrace() : undefined
  }

  /** After the brace that closes a directive. A closing brace there closes the server block, once reported. */
  #nothingAfterClose(): void {
    const next = this.#stream.peek()
    if (next === undefined || next.begins) return
    this.#refuseOnLine(next.token, `"${next.token.text}" after "}" on one line, expected the end of the line`)
    if (next.token.kind === 'close') return
    for (let more: StreamToken | undefined = next; more !== undefined && !more.begins; more = this.#stream.peek()) {
      this.#stream.next()
      if (more.token.kind === 'open') this.#skipBlock(more)
    }
  }

  #refuseOnLine(token: Token, message: string): void {
    const { source, line } = this.#notAlone ?? {}
    if (token.source !== source || token.line !== line) this.#error('COREFILE_BRACE_NOT_ALONE', token, message)
    this.#notAlone = token
  }

  #misplacedOpen(directive: Token | undefined): void {
    const open = this.#stream.next()!
    const found = 'unexpected "{" at the start of a line'
    const expected = directive === undefined ? 'a directive' : `it at the end of the line of "${directive.text}"`
    this.#error('COREFILE_UNEXPECTED_BRACE', open.token, `${found}, expected ${expected}`)
    this.#skipBlock(open)
  }

  #nested(open: StreamToken, directive: Token): void {
    this.#stream.next()
    this.#reportNested(open, directive)
  }

  #reportNested(open: StreamToken, directive: Token): void {
    // CoreDNS: takes the inner lines for lines of the outer block; what comes of it depends on the plugin.
    const text = `a second "{" inside the block of "${directive.text}", expected properties: blocks go one level deep`
    this.#error('COREFILE_NESTED_BLOCK', open.token, text)
    this.#skipBlock(open)
  }

  #strayServerBlock(name: Token, key: Token | undefined, open: StreamToken | undefined): void {
    const text =
      open === undefined
        ? `server block "${name.text}" after "${key?.text}", which has no braces, expected "{" after "${key?.text}"`
        : `server block "${name.text}" inside that of "${key?.text ?? ''}", expected "}" before it`
    this.#error('COREFILE_NESTED_BLOCK', name, text)
  }

  /** Past the brace that closes a block which was reported already. */
  #skipBlock(open: StreamToken): void {
    let depth = 1
    for (let next = this.#stream.peek(); next !== undefined && !open.frame.ended; next = this.#stream.peek()) {
      this.#stream.next()
      if (next.token.kind === 'open') depth++
      else if (next.token.kind === 'close' && --depth === 0) return
    }
  }

  #refuseEmpty(name: Token, what: string): void {
    if (name.text === '') this.#error('COREFILE_EMPTY_NAME', name, `empty name, expected a ${what}`)
  }

  #unterminated(open: StreamToken, owner: Token | undefined): void {
    const block = owner === undefined ? 'block' : `block of "${owner.text}"`
    const text = `${block} is never closed, expected "}" before the end of ${open.frame.identity.startsWith('(') ? 'the snippet' : 'the file'}`
    this.#error('COREFILE_UNTERMINATED_BLOCK', open.token, text)
  }

  /** No mistake was found since. What an import lacks says nothing about the directive before it. */
  #isSound(since: number): boolean {
    return this.#errors.errors.slice(since).every(({ code }) => code.startsWith('COREFILE_IMPORT_'))
  }

  #error(code: CorefileErrorCode, at: Token, message: string): void {
    this.#errors.add(new CorefileError(code, at, message))
  }
}

function snippetName(key: Token): string | undefined {
  return key.text.startsWith('(') && key.text.endsWith(')') ? key.text.slice(1, -1) : undefined
}

function lineStart(tokens: readonly Token[], at: number): boolean {
  return tokens[at]!.startsLine || at === 0 || tokens[at - 1]!.kind === 'open'
}

/** No plugin name holds a dot or colon; keys with a block often do. */
function looksLikeKey(name: Token): boolean {
  return !name.quoted && /[.:]/.test(name.text)
}
