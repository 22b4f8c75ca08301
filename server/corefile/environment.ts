/**
 * `{%NAME%}` and `{$NAME}` inside a token → the value of an environment variable.
 * The `%` form is replaced first. A value is expanded again in its own form but never split into tokens. Unset is empty;
 * `{$}` and an unclosed `{$` stay as they are.
 */
import { CorefileError } from './error.ts'
import type { Token } from './lexer.ts'

const MAX_EXPANDED_LENGTH = 1 << 20

/** As `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The token with its references replaced; the same object where it holds none.
 * @throws CorefileError COREFILE_ENVIRONMENT_LOOP
 */
export function expandToken(token: Token, environment: Environment): Token {
  if (!token.text.includes('{%') && !token.text.includes('{$')) return token
  const unset: string[] = []
  const expand = (text: string, open: string, close: string) =>
    new Expansion(token, environment, open, close, unset).expand(text)
  const text = expand(expand(token.text, '{%', '%}'), '{$', '}')
  return unset.length === 0 ? { ...token, text } : { ...token, text, unset }
}

class Expansion {
  readonly #token: Token
  readonly #environment: Environment
  readonly #open: string
  readonly #close: string
  readonly #unset: string[]
  readonly #names: string[] = []
  #length = 0

  /** @param unset gets the references to variables that are not set */
  constructor(token: Token, environment: Environment, open: string, close: string, unset: string[]) {
    this.#token = token
    this.#environment = environment
    this.#open = open
    this.#close = close
    this.#unset = unset
  }

  expand(text: string): string {
    let result = ''
    let from = 0
    for (let at = text.indexOf(this.#open); at !== -1; at = text.indexOf(this.#open, from)) {
      const nameAt = at + this.#open.length
      const end = text.indexOf(this.#close, nameAt)
      if (end === -1) break
      const after = end + this.#close.length
      result += text.slice(from, at)
      result += end === nameAt ? text.slice(at, after) : this.#value(text.slice(nameAt, end))
      from = after
    }
    return result + text.slice(from)
  }

  #value(name: string): string {
    const reference = `${this.#open}${name}${this.#close}`
    // CoreDNS: a variable whose value refers to itself is replaced for ever.
    if (this.#names.includes(name)) throw this.#error(`the value of ${reference} refers to itself`)
    const set = Object.hasOwn(this.#environment, name) ? this.#environment[name] : undefined
    if (set === undefined) this.#unset.push(reference)
    const value = set ?? ''
    this.#length += value.length
    if (this.#length > MAX_EXPANDED_LENGTH)
      throw this.#error(`${reference} grows beyond ${MAX_EXPANDED_LENGTH} characters`)
    this.#names.push(name)
    const expanded = this.expand(value)
    this.#names.pop()
    return expanded
  }

  #error(found: string): CorefileError {
    return new CorefileError('COREFILE_ENVIRONMENT_LOOP', this.#token, `${found}, expected a value that ends`)
  }
}
