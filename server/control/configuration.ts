/**
 * Where the Corefile comes from, and reading it: a file, standard input, or the default that ships with the server.
 * The only reader of Corefiles; what they say is judged in build.ts.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Corefile, readCorefile } from '../corefile/corefile.ts'
import { readWhole } from '../read-file.ts'
import { noting, reading, type Texts } from './texts.ts'

/** The project's folder: above server/ and dist/ alike. */
const DEFAULT_COREFILE = 'Corefile'

export interface Origin {
  /** The path as it was given; `stdin` for standard input. */
  readonly file: string
  /** Where relative paths in the Corefile start. */
  readonly folder: string
  /** The text of standard input or of a pipe, which can be read only once. */
  readonly text: string | undefined
  /** It is the default that ships with the server. */
  readonly isDefault: boolean
  /** Nobody named it and ./Corefile does not exist. */
  readonly isFallback: boolean
}

export interface Configuration extends Corefile {
  readonly origin: Origin
  /** What was read for it: the Corefile's text first. */
  readonly text: string
  readonly texts: Texts
}

/**
 * Finds the Corefile: the one named, else ./Corefile, else the default in the server's own folder `root`.
 * @throws Error if standard input cannot be read
 */
export function locate(named: string | undefined, root: string): Origin {
  const shipped = join(root, DEFAULT_COREFILE)
  if (named === 'stdin') return { ...originOf('stdin', shipped), folder: process.cwd(), text: readStdin() }
  if (named !== undefined) return { ...originOf(named, shipped), text: isPipe(named) ? readPipe(named) : undefined }
  if (existsSync(DEFAULT_COREFILE)) return originOf(DEFAULT_COREFILE, shipped)
  return { ...originOf(shipped, shipped), isFallback: true }
}

/**
 * Reads and parses the Corefile with all its imports.
 * @returns its mistakes too: `build` adds those of the directives and throws them
 * @throws Error if it cannot be read or says nothing
 */
export function readConfiguration(origin: Origin): Configuration {
  const text = origin.text ?? readText(origin.file)
  const { texts, read, list } = noting({ read: path => readWhole(path).toString(), list: path => readdirSync(path) })
  const corefile = readCorefile(text, origin.file, { read, list, environment: process.env })
  // CoreDNS: serves its built-in default instead, which hides that a file was emptied.
  if (corefile.blocks.length === 0 && corefile.mistakes.length === 0)
    throw new Error(`Corefile "${origin.file}" is empty, expected a server block`)
  return { ...corefile, origin, text, texts }
}

/** The same from what was read then, in another thread: its environment is a copy of the main one's. */
export function readAgain({ origin, text, texts }: Pick<Configuration, 'origin' | 'text' | 'texts'>): Configuration {
  const corefile = readCorefile(text, origin.file, { ...reading(texts), environment: process.env })
  return { ...corefile, origin, text, texts }
}

function originOf(file: string, shipped: string): Origin {
  return { file, folder: dirname(resolve(file)), text: undefined, isDefault: isSame(file, shipped), isFallback: false }
}

function isSame(file: string, other: string): boolean {
  try {
    return realpathSync(file) === realpathSync(other)
  } catch {
    return false // one of them is missing: reading it will say so
  }
}

function isPipe(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFIFO() === true
}

function readPipe(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function readStdin(): string {
  try {
    return readFileSync(0, 'utf8')
  } catch (cause) {
    throw new Error(`standard input cannot be read (${reasonOf(cause)}), expected a Corefile`, { cause })
  }
}

function readText(file: string): string {
  try {
    return readWhole(file).toString()
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): Error {
  return new Error(`Corefile "${file}" ${reasonOf(cause)}, expected a readable file`, { cause })
}

function reasonOf(cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist'
    case 'EISDIR':
      return 'is a directory'
    case 'EACCES':
      return 'cannot be read: permission denied'
    case 'ERR_ACCESS_DENIED':
      return `cannot be read: ${(cause as Error).message}`
    default:
      return `cannot be read: ${cause instanceof Error ? cause.message : cause}`
  }
}
