/**
 * The command line, as Go's flag package reads it: `-x v`, `-x=v`, `--x`; a boolean takes its value only after `=`; `--`
 * or the first word without a dash ends the flags. Pure: nothing is opened, nothing printed.
 */
import { didYouMean } from '../corefile/suggest.ts'

export interface Arguments {
  readonly command: 'serve' | 'check' | 'version' | 'plugins' | 'help'
  /** The Corefile, `stdin` for standard input; undefined where none is named. */
  readonly corefile: string | undefined
  /** Port of `dns://` keys that name none. */
  readonly port: number
  readonly pidFile: string | undefined
  readonly quiet: boolean
  readonly logFormat: 'text' | 'json'
}

/** What is wrong with a command line. The usage is worth showing. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

const DEFAULT_PORT = 53
const MAX_PORT = 65_535
const BOOLEAN_FLAGS = ['plugins', 'quiet', 'version', 'help', 'h']
const VALUE_FLAGS = ['conf', 'p', 'dns.port', 'pidfile', 'log-format']

export const USAGE = `Usage: sextant [flags]          serve
       sextant check [FILE]    report every mistake in a Corefile, without touching the network

Flags:
  -conf FILE              Corefile to load, "stdin" to read it from standard input (default ./Corefile)
  -dns.port PORT, -p PORT port of dns:// keys that name none (default 53)
  -log-format FORMAT      text or json (default text)
  -pidfile FILE           file to write the process id to
  -plugins                list the plugins and exit
  -quiet                  print nothing at start
  -version                print the version and exit`

/** @throws ArgumentError */
export function parseArguments(words: readonly string[]): Arguments {
  const { flags, rest } = splitFlags(words)
  const checks = rest[0] === 'check'
  const surplus = checks ? rest[2] : rest[0]
  if (surplus !== undefined) {
    const hint = checks ? '' : didYouMean(surplus, ['check'])
    throw new ArgumentError(`surplus argument "${surplus}"${hint}, expected ${checks ? 'one file' : 'flags only'}`)
  }
  const format = flags.get('log-format') ?? 'text'
  if (format !== 'text' && format !== 'json')
    throw new ArgumentError(`unknown log format "${format}", expected text or json`)
  return {
    command: commandOf(flags, checks),
    corefile: (checks ? rest[1] : undefined) ?? (flags.get('conf') || undefined),
    port: portOf(flags.get('dns.port')),
    pidFile: flags.get('pidfile') || undefined,
    quiet: isSet(flags, 'quiet'),
    logFormat: format,
  }
}

/** Flags by name without dashes, the last of several; a boolean without a value is `true`. */
function splitFlags(words: readonly string[]): { flags: ReadonlyMap<string, string>; rest: readonly string[] } {
  const flags = new Map<string, string>()
  const rest: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') return { flags, rest: [...rest, ...words.slice(i + 1)] }
    // Go stops at the first word that is no flag; here `check FILE -log-format json` works too.
    if (!word.startsWith('-') || word === '-') {
      rest.push(word)
      continue
    }
    const { name, value } = nameAndValue(word)
    const given = value ?? (BOOLEAN_FLAGS.includes(name) ? 'true' : words[++i])
    if (given === undefined) throw new ArgumentError(`flag -${name} without a value, expected one`)
    flags.set(name === 'p' ? 'dns.port' : name, given)
  }
  return { flags, rest }
}

function nameAndValue(word: string): { name: string; value: string | undefined } {
  const [, name = '', value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? []
  if (name === '' || name.startsWith('-'))
    throw new ArgumentError(`malformed flag "${word}", expected -name or -name=value`)
  const known = [...BOOLEAN_FLAGS, ...VALUE_FLAGS]
  if (!known.includes(name)) {
    const names = known.filter(other => other.length > 1)
    throw new ArgumentError(`unknown flag "${word}"${didYouMean(name, names)}, expected one of those below`)
  }
  return { name, value }
}

function commandOf(flags: ReadonlyMap<string, string>, checks: boolean): Arguments['command'] {
  if (isSet(flags, 'help') || isSet(flags, 'h')) return 'help'
  if (isSet(flags, 'version')) return 'version'
  if (isSet(flags, 'plugins')) return 'plugins'
  return checks ? 'check' : 'serve'
}

/** Go's spellings of a boolean. */
function isSet(flags: ReadonlyMap<string, string>, name: string): boolean {
  const value = flags.get(name) ?? 'false'
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false
  throw new ArgumentError(`invalid value "${value}" of -${name}, expected true or false`)
}

function portOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= MAX_PORT) return Number(text)
  throw new ArgumentError(`invalid port "${text}", expected a number from 0 to ${MAX_PORT}`)
}
