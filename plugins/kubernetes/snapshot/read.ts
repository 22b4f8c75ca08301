/**
 * Puts a snapshot back into the index. The file is read twice: first all of it against its checksum, so that nothing of a
 * damaged one is used, then object by object, between queries. Should the second reading fail, what it brought is taken
 * out again. Whoever wrote the file, no octet of it is believed.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { WorkSlices } from '../../../server/work-slices.ts'
import { CODECS } from './codec.ts'
import { checkFormat, difference, type Header, MAX_HEADER_BYTES, type Picture, readHeader, Unusable } from './header.ts'
import { Input } from './input.ts'
import { MAX_NUMBER_BYTES, Malformed, OctetReader } from './octets.ts'
import type { Section } from './section.ts'
import { MAX_FILE_BYTES } from './write.ts'

const DIGEST_BYTES = 32
const MAX_SECTION_NAME = 63
/** RFC 8767 §5 sees one to three days: what was true longer ago says little about now. */
export const MAX_AGE_MS = 3 * 86_400_000

export interface ReadOptions {
  readonly file: string
  readonly picture: Picture
  /** Where its objects belong. */
  readonly sections: readonly Section[]
  readonly nowMs: number
  readonly slices: WorkSlices
  /** Gives up. */
  readonly signal: AbortSignal
}

export interface Restored extends Header {
  readonly bytes: number
  /** Records by section. */
  readonly counts: ReadonlyMap<string, number>
}

/**
 * Restores what the file says.
 * @returns undefined if there is no file
 * @throws Unusable, with nothing restored
 */
export function readSnapshot(options: ReadOptions): Promise<Restored | undefined> {
  return withFile(options.file, handle => readFrom(handle, options))
}

/**
 * Looks only whether what stands there may be written over: a snapshot, however old or damaged, or nothing.
 * @throws Unusable
 */
export async function checkSnapshot(file: string): Promise<void> {
  try {
    await withFile(file, readStart)
  } catch (error) {
    if (!(error instanceof Unusable && error.isSnapshot)) throw error
  }
}

async function withFile<T>(file: string, read: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
  let handle: FileHandle
  try {
    // A pipe in the file's place would otherwise wait for whoever writes into it.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(cause)
  }
  try {
    return await read(handle)
  } catch (cause) {
    if (cause instanceof Unusable) throw cause
    throw cause instanceof Malformed ? new Unusable(`it is damaged: ${cause.message}`, true, cause) : unreadable(cause)
  } finally {
    await handle.close()
  }
}

function unreadable(cause: unknown): Unusable {
  return new Unusable(`it cannot be read: ${cause instanceof Error ? cause.message : cause}`, false, cause)
}

/** How a snapshot begins, as much as a header may take, and its size. */
async function readStart(handle: FileHandle): Promise<{ start: Buffer; size: number }> {
  const stat = await handle.stat()
  if (!stat.isFile()) throw new Unusable('it is no regular file and stays as it is', false)
  const memory = Buffer.alloc(Math.min(stat.size, MAX_HEADER_BYTES))
  const start = memory.subarray(0, (await handle.read(memory, 0, memory.length, 0)).bytesRead)
  checkFormat(start)
  return { start, size: stat.size }
}

async function readFrom(handle: FileHandle, options: ReadOptions): Promise<Restored> {
  const { picture, sections, nowMs, signal } = options
  const { start, size } = await readStart(handle)
  if (size > MAX_FILE_BYTES) throw new Unusable(`it has ${size} octets, expected at most ${MAX_FILE_BYTES}`, true)
  await verify(handle, size, signal)
  const found = readHeader(start)
  if (found === undefined) throw new Malformed('found no header')
  const { header, bytes } = found
  const text = difference(header.picture, picture)
  if (text !== undefined) throw new Unusable(text, true)
  if (nowMs - header.takenAtMs > MAX_AGE_MS)
    throw new Unusable(
      `it was taken at ${new Date(header.takenAtMs).toISOString()}, expected one of the last three days`,
      true,
    )
  try {
    const input = new Input(handle, size - DIGEST_BYTES)
    await input.need(bytes)
    input.at = bytes
    const counts = await new SnapshotReader(input, options).read(header.sections)
    await compareDigest(handle, input)
    return { ...header, bytes: size, counts }
  } catch (error) {
    for (const { index } of sections) await index.forgetRestored(options.slices)
    throw error
  }
}

/** @throws Malformed unless the file ends in the checksum of all before */
async function verify(handle: FileHandle, size: number, signal: AbortSignal): Promise<void> {
  const input = new Input(handle, Math.max(0, size - DIGEST_BYTES))
  for (; input.left > 0; input.at = input.end) {
    signal.throwIfAborted()
    await input.need(1)
  }
  await compareDigest(handle, input)
}

async function compareDigest(handle: FileHandle, input: Input): Promise<void> {
  const digest = Buffer.alloc(DIGEST_BYTES)
  await handle.read(digest, 0, DIGEST_BYTES, input.limit)
  if (!input.hash.digest().equals(digest)) throw new Malformed('its checksum is wrong')
}

class SnapshotReader {
  readonly #input: Input
  readonly #options: ReadOptions
  readonly #reader: OctetReader

  constructor(input: Input, options: ReadOptions) {
    this.#input = input
    this.#options = options
    this.#reader = new OctetReader(input.bytes, 0, 0)
  }

  async read(names: readonly string[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    for (const name of names) {
      if (counts.has(name)) throw new Malformed('found a section twice')
      counts.set(name, await this.#section(name))
    }
    if ((await this.#number()) !== 0 || this.#input.left > 0) throw new Malformed('found octets after the end')
    return counts
  }

  async #section(name: string): Promise<number> {
    const { sections, slices, signal } = this.#options
    const input = this.#input
    const reader = this.#reader
    await input.offer(MAX_SECTION_NAME + MAX_NUMBER_BYTES)
    reader.reset(input.bytes, input.at, input.end)
    if (reader.text(MAX_SECTION_NAME) !== name) throw new Malformed('found a section that the header does not name')
    input.at = reader.at
    const section = sections.find(wanted => wanted.name === name)
    const isWanted = section?.index.beginRestore(section.kind) ?? false
    let count = 0
    for (let length = await this.#number(); length > 0; length = await this.#number()) {
      if (input.available < length) await input.need(length)
      if (section !== undefined && isWanted) this.#record(section, length)
      input.at += length
      count++
      if (slices.spent) await slices.pause()
      signal.throwIfAborted()
    }
    if ((await this.#number()) !== count) throw new Malformed('found a section with another number of records')
    return count
  }

  #record({ kind, index }: Section, length: number): void {
    const { at, bytes } = this.#input
    const reader = this.#reader
    reader.reset(bytes, at, at + length)
    const object = CODECS[kind].read(reader)
    if (reader.at !== at + length) throw new Malformed('found a record with more than its object')
    index.restore(object)
  }

  async #number(): Promise<number> {
    const input = this.#input
    if (input.available < MAX_NUMBER_BYTES) await input.offer(MAX_NUMBER_BYTES)
    this.#reader.reset(input.bytes, input.at, input.end)
    const value = this.#reader.number()
    input.at = this.#reader.at
    return value
  }
}
