/**
 * The only way from the Corefile to other files: an injected reader, so that parsing stays pure.
 * Holds glob expansion too; it touches nothing but the reader.
 */
import { posix as path } from 'node:path'

/**
 * Access to imported files. Both functions throw errors with a `code` as node:fs does (ENOENT, ENOTDIR, EISDIR, EACCES);
 * `{ read: path => readFileSync(path, 'utf8'), list: path => readdirSync(path) }` is one.
 */
export interface CorefileReader {
  read(path: string): string
  /** Names (not paths) of the entries of a directory, hidden ones included. */
  list(directory: string): readonly string[]
}

/** A reader without files, for text that imports nothing. */
export const noFiles: CorefileReader = {
  read: missing,
  list: missing,
}

/** Whether a pattern needs `expandGlob`. */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern)
}

/** Existing paths that match a pattern, sorted; `directories` gets each directory that was looked into. */
export function expandGlob(pattern: string, reader: CorefileReader, directories: Set<string>): string[] {
  const parts = pattern.split('/')
  const root = parts[0] === '' ? '/' : ''
  let paths = [root]
  parts.forEach((part, index) => {
    if (part === '') return
    const last = index === parts.length - 1
    paths = paths.flatMap(base => {
      if (!isGlob(part)) return last ? existing(base, part, reader) : [path.join(base, part)]
      const directory = base === '' ? '.' : base
      directories.add(directory)
      return list(directory, reader)
        .filter(name => matches(part, name))
        .map(name => path.join(base, name))
    })
  })
  return paths.sort()
}

/** The `code` of an error as node:fs throws them. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function existing(base: string, name: string, reader: CorefileReader): string[] {
  return list(base === '' ? '.' : base, reader).includes(name) ? [path.join(base, name)] : []
}

function list(directory: string, reader: CorefileReader): readonly string[] {
  try {
    return reader.list(directory)
  } catch (error) {
    // A pattern that leads through something absent, or not a directory, matches nothing.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
    throw error
  }
}

/** `*` any run of characters, `?` any one; at most one of each in a whole pattern, so the cost is linear. */
function matches(pattern: string, name: string): boolean {
  const characters = [...name]
  const [before, after] = splitOnce(pattern)
  if (after === undefined) return equals([...before], characters)
  const [head, tail] = [[...before], [...after]]
  if (characters.length < head.length + tail.length) return false
  return (
    equals(head, characters.slice(0, head.length)) && equals(tail, characters.slice(characters.length - tail.length))
  )
}

function splitOnce(pattern: string): [before: string, after: string | undefined] {
  const star = pattern.indexOf('*')
  return star === -1 ? [pattern, undefined] : [pattern.slice(0, star), pattern.slice(star + 1)]
}

function equals(pattern: readonly string[], characters: readonly string[]): boolean {
  return (
    pattern.length === characters.length &&
    pattern.every((expected, at) => expected === '?' || expected === characters[at])
  )
}

function missing(file: string): never {
  throw Object.assign(new Error(`no such file: ${file}`), { code: 'ENOENT' })
}
