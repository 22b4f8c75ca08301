/**
 * What was read to make a configuration, so that other threads make theirs of the very same texts, whatever has become of
 * the files.
 */
import type { CorefileReader } from '../corefile/reader.ts'

/** Texts by path, and the names in the folders that were looked into. */
export interface Texts {
  readonly files: ReadonlyMap<string, string>
  readonly folders: ReadonlyMap<string, readonly string[]>
}

/** A reader that notes what another one reads. */
export function noting(reader: CorefileReader): CorefileReader & { readonly texts: Texts } {
  const files = new Map<string, string>()
  const folders = new Map<string, readonly string[]>()
  return {
    texts: { files, folders },
    read: path => noted(files, path, reader.read(path)),
    list: path => noted(folders, path, reader.list(path)),
  }
}

/** A reader of what was noted. What could not be read then is missing. */
export function reading({ files, folders }: Texts): CorefileReader {
  return { read: path => found(files, path), list: path => found(folders, path) }
}

function noted<T>(all: Map<string, T>, path: string, value: T): T {
  all.set(path, value)
  return value
}

function found<T>(all: ReadonlyMap<string, T>, path: string): T {
  const value = all.get(path)
  if (value === undefined) throw Object.assign(new Error(`"${path}" is not there`), { code: 'ENOENT' })
  return value
}
