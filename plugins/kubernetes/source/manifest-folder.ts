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
  readonly modifiedAtMs: number
}

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
  for (const name of await readdir(directory)) {
    if (name.startsWith('.')) continue
    const path = join(directory, name)
    const stats = await ifExists(stat(path, { bigint: true }))
    if (stats?.isDirectory()) {
      const real = await ifExists(realpath(path))
      if (real !== undefined && !above.has(real)) await ifExists(walk(folder, path, new Set([...above, real]), files))
    } else if (stats?.isFile() && MANIFEST.test(name)) {
      const version = versionOf(stats)
      files.push({ path, name: relative(folder, path), version, modifiedAtMs: Number(stats.mtimeMs) })
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
