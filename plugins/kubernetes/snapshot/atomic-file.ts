/**
 * A file that is there whole or not at all: written beside its place, made durable, then moved into it. Who is killed in
 * between leaves what was there before, and a leftover that the next start takes away.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** What is younger may be written right now, by another process that shares the folder. */
const LEFTOVER_MS = 60_000
const OWNER_ONLY = 0o600
/** Node's permission model knows no fsync, whatever is allowed: each write is made durable instead. */
const hasSync = process.permission === undefined
const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY
const FLAGS = hasSync ? NEW : NEW | constants.O_DSYNC

/**
 * Puts what `fill` writes in the place of the file.
 * @throws what `fill` or the file system throws; the file is then as it was
 */
export async function replaceFile(file: string, fill: (handle: FileHandle) => Promise<void>): Promise<void> {
  const made = `${file}.${randomBytes(6).toString('hex')}.tmp`
  const handle = await open(made, FLAGS, OWNER_ONLY)
  try {
    try {
      await fill(handle)
      if (hasSync) await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(made, file)
  } catch (error) {
    await rm(made, { force: true })
    throw error
  }
  await syncFolder(dirname(file))
}

/** Makes the move durable, where the file system does that for folders. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(folder, 'r')
    await handle.sync()
  } catch {
    // Not every file system can, nor may everybody read the folder: the file is in place all the same.
  } finally {
    await handle?.close()
  }
}

/** Removes what earlier processes began and did not end. */
export async function removeLeftovers(file: string, nowMs: number): Promise<void> {
  const folder = dirname(file)
  const start = `${basename(file)}.`
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(start.length))) continue
    const { mtimeMs } = await stat(join(folder, name))
    if (nowMs - mtimeMs > LEFTOVER_MS) await rm(join(folder, name), { force: true })
  }
}
