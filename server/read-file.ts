/**
 * Files that a configuration names. A pipe that nobody writes to would hold up all queries, and a device has no end: only what is
 * a file is read, and no more than fits. A leaf.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'

/** A ConfigMap has a 16th of it at most. */
const MAX_BYTES = 16 << 20

/** The whole file, at once. @throws Error as readFileSync does, and for what is no file or too large */
export function readWhole(path: string): Buffer<ArrayBuffer> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) // a pipe is opened at once, too
  try {
    const found = fstatSync(fd)
    expectFile(found)
    if (found.size > MAX_BYTES) throw new Error(`it has ${found.size} octets, expected ${MAX_BYTES} at most`)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** @throws Error for a pipe, a device or a socket; of a folder, reading says what it is */
export function expectFile(found: Stats): void {
  if (!found.isFile() && !found.isDirectory()) throw new Error('it is a pipe or a device')
}
