/**
 * Text of one file → tokens. Knows blanks, comments, quotes and line starts; not blocks, imports or the environment.
 *
 * 1. Tokens are split by Unicode white space; a carriage return outside quotes is dropped, even inside a token.
 * 2. `#` outside quotes starts a comment, also in the middle of a token.
 * 3. A token whose first character is `"` runs to the next `"` that is not escaped. A backslash keeps the character
 *    after it from ending the token, and is itself dropped only before a quote. Newlines are kept; text that follows
 *    directly is the next token. A quote inside a token is an ordinary character.
 * 4. `{` and `}` are braces only as unquoted tokens of their own. There is no line continuation.
 */
import { CorefileError } from './error.ts'
import type { Position, Source } from './source.ts'

export type TokenKind = 'word' | 'open' | 'close'

export interface Token extends Position {
  /** Without quotes and escapes, environment expanded. */
  readonly text: string
  readonly kind: TokenKind
  readonly quoted: boolean
  /** First token of its line. */
  readonly startsLine: boolean
}

/**
 * All tokens of a source.
 * @throws CorefileError COREFILE_UNTERMINATED_QUOTE at the opening quote
 */
export function lex(source: Source): Token[] {
  const lexer = new Lexer(source)
  const tokens: Token[] = []
  for (let token = lexer.next(); token !== undefined; token = lexer.next()) tokens.push(token)
  return tokens
}

class Lexer {
  readonly #source: Source
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0
  #startsLine = true

  constructor(source: Source) {
    this.#source = source
    this.#text = source.text
  }

  next(): Token | undefined {
    this.#skipBlank()
    if (this.#at >= this.#text.length) return undefined
    const token = this.#text[this.#at] === '"' ? this.#quoted() : this.#word()
    this.#startsLine = false
    return token
  }

  #skipBlank(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === NEWLINE) this.#newline()
      else if (code === HASH) this.#skipComment()
      else if (!isSpace(code)) return
    }
  }

  /** Leaves the position on the last character of the comment. */
  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = (end === -1 ? this.#text.length : end) - 1
  }

  #newline(): void {
    this.#line++
    this.#lineStart = this.#at + 1
    this.#startsLine = true
  }

  #word(): Token {
    const start = this.#at
    let end = start
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === CARRIAGE_RETURN) continue
      if (code === HASH || isSpace(code)) break
      end = this.#at + 1
    }
    const text = this.#text.slice(start, end).replaceAll('\r', '')
    const kind = text === '{' ? 'open' : text === '}' ? 'close' : 'word'
    return this.#token(text, kind, start, end - start, this.#line, this.#lineStart, false)
  }

  #quoted(): Token {
    const start = this.#at
    const [line, lineStart] = [this.#line, this.#lineStart]
    const startsLine = this.#startsLine
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === NEWLINE) this.#newline()
      else if (code === BACKSLASH && this.#text.charCodeAt(this.#at + 1) !== NEWLINE) this.#at++
      else if (code === QUOTE) {
        this.#startsLine = startsLine
        const text = this.#text
          .slice(start + 1, this.#at)
          .replace(/\\([\s\S])/g, (pair, next) => (next === '"' ? next : pair))
        this.#at++
        return this.#token(text, 'word', start, this.#at - start, line, lineStart, true)
      }
    }
    // CoreDNS: takes the rest of the file as the token, so that one lost quote swallows the configuration in silence.
    const at = { source: this.#source, line, column: start - lineStart + 1, length: 1 }
    throw new CorefileError(
      'COREFILE_UNTERMINATED_QUOTE',
      at,
      'quote is never closed, expected another " before the end of the file',
    )
  }

  #token(
    text: string,
    kind: TokenKind,
    start: number,
    length: number,
    line: number,
    lineStart: number,
    quoted: boolean,
  ): Token {
    const column = start - lineStart + 1
    return { source: this.#source, line, column, length, text, kind, quoted, startsLine: this.#startsLine }
  }
}

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22
const HASH = 0x23
const BACKSLASH = 0x5c

/** The Unicode property White_Space. `\s` is not the same: it has U+FEFF and lacks U+0085. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  if (code < 0x85) return false
  if (code < 0x1680) return code === 0x85 || code === 0xa0
  return /\p{White_Space}/u.test(String.fromCharCode(code))
}
