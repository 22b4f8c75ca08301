/**
 * Which files of a folder are manifests, and which of them changed: .yaml, .yml and .json at any depth, symbolic links
 * followed, names that start with a dot skipped. So a mounted ConfigMap, whose files are links into `..data`, is read
 * once, and a swap of `..data` shows as new files behind the same names. Reads no file's content.
 */
import type { BigIntStats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'

export interface ManifestFile {
  /** Absolute. */
  readonly path: string
  /** Relative to the folder, for messages and for the order. */
  readonly name: string
  /** Differs whenever the content may. */
  readonly version: string
  readonly bytes: number
  readonly modifiedAtMs: number
}

/** What is asked of the file system at one time: one after the other, 2,000 files take nearly twice as long. */
const AT_ONCE = 32
const BATCH_BYTES = 256 << 10

const MANIFEST = /\.(?:yaml|yml|json)$/

/**
 * The manifests below a folder, in the order of their names' octets.
 * @throws Error as node:fs, if the folder itself cannot be read; what disappears meanwhile is left out
 */
export async function manifestsIn(folder: string): Promise<ManifestFile[]> {
  const files: ManifestFile[] = []
  await walk(folder, folder, new Set([await realpath(folder)]), files)
  return files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Files to be read at one time. A large one is alone. */
export function* batchesOf(files: readonly ManifestFile[]): Generator<readonly ManifestFile[]> {
  let batch: ManifestFile[] = []
  let bytes = 0
  for (const file of files) {
    if (batch.length === AT_ONCE || (batch.length > 0 && bytes + file.bytes > BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(file)
    bytes += file.bytes
  }
  if (batch.length > 0) yield batch
}

/** True if a name below the folder leads through nothing hidden. */
export function isVisible(folder: string, path: string): boolean {
  return !relative(folder, path)
    .split('/')
    .some(part => part.startsWith('.') && part !== '..' && part !== '.')
}

/** `above` holds the real paths on the way down, so that a link to one of them ends there. */
async function walk(
  folder: string,
  directory: string,
  above: ReadonlySet<string>,
  files: ManifestFile[],
): Promise<void> {
  const names = (await readdir(directory)).filter(name => !name.startsWith('.'))
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const paths = names.slice(at, at + AT_ONCE).map(name => join(directory, name))
    const all = await Promise.all(paths.map(path => ifExists(stat(path, { bigint: true }))))
    for (const [i, path] of paths.entries()) {
      const stats = all[i]
      if (stats?.isDirectory()) {
        const real = await ifExists(realpath(path))
        if (real !== undefined && !above.has(real)) await ifExists(walk(folder, path, new Set([...above, real]), files))
      } else if (stats?.isFile() && MANIFEST.test(path)) {
        const name = relative(folder, path)
        const [bytes, modifiedAtMs] = [Number(stats.size), Number(stats.mtimeMs)]
        files.push({ path, name, version: versionOf(stats), bytes, modifiedAtMs })
      }
    }
  }
}

/** Device and inode see a swapped link, times and size an edit in place. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}

async function ifExists<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
    throw error
  }
}
